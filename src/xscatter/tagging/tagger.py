"""Tag detector frames with the networks of a study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable, find_center
from xscatter.frames.reading import read_each
from xscatter.networks.load import TOGETHER, load_network
from xscatter.scores import calibration
from xscatter.store.bundle import Bundle, open_bundle
from xscatter.tagging.prepare import Prepared, coefficients, prepare
from xscatter.tagging.tagged import Tagged, given_tags
from xscatter.tagging.tested import precision_on_test
from xscatter.views import by_inputs

CONFIDENT = 0.5  # least confidence of a beam centre for the views that need one
_HASH = 12  # hex digits that tell weights apart


class TrainedNetwork(Protocol):
    """A trained network, however it is run."""

    inputs: tuple[str, ...]

    def logits(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return the logits (n, T) of n records."""


@dataclass(frozen=True)
class Ready:
    """A frame with its beam centre, and the inputs of the networks.

    Attributes:
        frame: as read, with the beam centre that was found if it had none.
        prepared: the frame in the model's pixels.
        inputs: by name: `image` (size, size) float32, and, where the beam centre is known,
            `coefficients` (angular_orders, radial_orders) complex64.
    """

    frame: Frame
    prepared: Prepared
    inputs: dict[str, np.ndarray]


class Tagger:
    """The trained networks of a study, ready for frames; made by :meth:`load`.

    ::

        tagger = Tagger.load("results/demo/models")
        for tagged in tagger.predict(["frame.cbf"]):
            print(tagged.source, tagged.tags)

    Any object with `inputs` and `logits` serves as a network:

    >>> import numpy as np
    >>> from xscatter.frames import from_array
    >>> from xscatter.scores.calibration import Calibration
    >>> from xscatter.store.bundle import Bundle
    >>> from xscatter.tagging import Tagger
    >>> class Constant:
    ...     inputs = ("image",)
    ...
    ...     def logits(self, inputs):
    ...         return np.tile([2.0, -2.0], (len(inputs["image"]), 1))
    >>> tags = ["ring", "halo"]
    >>> bundle = Bundle({}, tags, size=64, transform={}, weights={"image": "0" * 64})
    >>> calibration = Calibration(tags, [1.0, 1.0], [0.0, 0.0], [0.5, 0.5], 1.0)
    >>> tagger = Tagger("constant", bundle, {"image": Constant()}, {"image": calibration})
    >>> frame = from_array(np.random.default_rng(0).poisson(9, (100, 80)))
    >>> next(tagger.predict(frame)).tags
    ('ring',)

    Args:
        folder: name of the tagger in messages.
        bundle: what the networks have in common.
        networks: by view.
        calibrations: by view.
    """

    def __init__(
        self,
        folder: str | Path,
        bundle: Bundle,
        networks: Mapping[str, TrainedNetwork],
        calibrations: Mapping[str, calibration.Calibration],
    ):
        self.folder, self.tags, self.size = Path(folder), bundle.tags, bundle.size
        self._bundle, self._networks, self._calibrations = bundle, networks, calibrations
        # The network with the most inputs first: it knows most.
        self._preferred = [view for view in by_inputs() if view.name in networks]

    @classmethod
    def load(cls, folder: str | Path) -> Tagger:
        """Load the networks of all views in `folder`: a study, its ``models``, or one view.

        Raises:
            UserError: there is no model, or it is damaged or of another version.
        """
        bundle = open_bundle(folder)
        networks = {view: load_network(model) for view, model in bundle.models.items()}
        calibrations = {
            v: calibration.load(model.calibration) for v, model in bundle.models.items()
        }
        return cls(folder, bundle, networks, calibrations)

    @property
    def views(self) -> list[str]:
        """Names of the views that have a network."""
        return list(self._networks)

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 of the weights of each network."""
        return dict(self._bundle.weights)

    def needs(self, view: str) -> tuple[str, ...]:
        """Return the names of the inputs of a network."""
        return self._networks[view].inputs

    def threshold(self, view: str) -> np.ndarray:
        """Return the least probability (T,) at which each tag is given, from the validation set."""
        return np.array(self._calibrations[view].threshold)

    def precision(self, view: str) -> np.ndarray:
        """Return the precision (T,) on the test set, see :func:`precision_on_test`."""
        return precision_on_test(self._bundle.evaluation(view), self.tags, self.threshold(view))

    def predict(
        self,
        frames: Frame | str | Path | Iterable[Frame | Unreadable | str | Path],
        view: str | None = None,
        threads: int = 1,
        **options: Any,
    ) -> Iterator[Tagged]:
        """Yield a :class:`Tagged` for every frame, in order, few frames in memory at a time.

        A file that cannot be read gives one with `failed`, and the next file follows.

        Args:
            frames: frames, or names of files (all frames of each).
            view: the network to use; None: joint where the beam centre is known, else image.
            threads: number of frames that are prepared at the same time.
            options: `mask`, `poni` and `center` for files; see :func:`xscatter.frames.read`.
        """
        for batch in self.batches(frames, view, threads, **options):
            yield from self.tag(batch, view)

    def batches(
        self,
        frames: Frame | str | Path | Iterable[Frame | Unreadable | str | Path],
        view: str | None = None,
        threads: int = 1,
        **options: Any,
    ) -> Iterator[list[Ready | Unreadable]]:
        """Yield frames that are ready for the networks, a few at a time, prepared ahead.

        Args:
            frames: see :meth:`predict`, also for the other arguments.
            view: the network to use.
            threads: number of frames that are prepared at the same time.
            options: of reading.
        """
        if view is not None and view not in self._networks:
            raise UserError(
                f"{self.folder}: holds no {view} network; it has {', '.join(self.views)}"
            )
        some = [frames] if isinstance(frames, (str, Path, Frame)) else frames
        items = chain.from_iterable(
            [one] if isinstance(one, (Frame, Unreadable)) else read_each(one, **options)
            for one in some
        )
        with ThreadPoolExecutor(threads) as pool:
            waiting: list[Future[Ready | Unreadable]] = []
            while True:
                # The next batch is prepared while the networks work on this one.
                following = [pool.submit(self.ready, f, view) for f in islice(items, TOGETHER)]
                if waiting:
                    yield [future.result() for future in waiting]
                waiting = following
                if not following:
                    return

    def ready(self, frame: Frame | Unreadable, view: str | None = None) -> Ready | Unreadable:
        """Find the beam centre of a frame if it is not known, and make the networks' inputs.

        Args:
            frame: as read.
            view: make the inputs of this network alone; None: those of all.
        """
        if isinstance(frame, Unreadable):
            return frame
        # A centre that the user or a header gives is never overruled.
        if frame.center is None:
            # The confidence was fitted on frames whose hot pixels are not masked.
            mask = frame.mask if frame.hot is None else frame.mask & ~frame.hot
            estimate = find_center(frame.counts, mask)
            frame = frame.with_center(estimate.center, "estimate", estimate.confidence)
        prepared = prepare(frame, self.size)
        inputs = {"image": prepared.image}
        # The expansion takes most of the time, so it is left out where no network asks for it.
        needed = any(v.needs_center for v in self._preferred if view in (None, v.name))
        if needed and frame.confidence >= CONFIDENT:
            expanded = coefficients(prepared, self._bundle.transform)
            if expanded is not None:
                inputs["coefficients"] = expanded
        return Ready(frame, prepared, inputs)

    def tag(self, batch: Sequence[Ready | Unreadable], view: str | None = None) -> list[Tagged]:
        """Return the tags of frames that are ready, in order.

        Args:
            batch: of :meth:`batches`.
            view: the network to use; None: the best that can answer for each frame.
        """
        chosen = [self._choose(item, view) for item in batch]
        probability = [np.full(len(self.tags), np.nan) for _ in batch]
        # One call for all frames of a network: TensorFlow is slow on single images.
        for name in self._networks:
            places = [n for n, (used, _) in enumerate(chosen) if used == name]
            if places:
                inputs = [batch[n].inputs for n in places]  # type: ignore[union-attr]
                logits = self.logits(name, inputs)
                for n, p in zip(places, self._calibrations[name].probability(logits), strict=True):
                    probability[n] = p
        return [
            self._tagged(item, used, p, note)
            for item, (used, note), p in zip(batch, chosen, probability, strict=True)
        ]

    def logits(self, view: str, inputs: Sequence[Mapping[str, np.ndarray]]) -> np.ndarray:
        """Return the logits (n, T) of the network of `view`.

        Args:
            view: its name.
            inputs: of n frames; see :class:`Ready`.
        """
        network = self._networks[view]
        return network.logits(
            {name: np.stack([one[name] for one in inputs]) for name in network.inputs}
        )

    def _choose(self, item: Ready | Unreadable, view: str | None) -> tuple[str | None, str]:
        """Name of the network that answers for a frame, and why it is not the best one."""
        if isinstance(item, Unreadable):
            return None, item.reason
        candidates = [v for v in self._preferred if view in (None, v.name)]
        for candidate in candidates:
            # The first network whose inputs could all be made.
            if set(self.needs(candidate.name)) <= item.inputs.keys():
                if candidate is candidates[0]:
                    return candidate.name, ""
                return candidate.name, f"{candidate.name} view alone: {_obstacle(item.frame)}"
        return None, _obstacle(item.frame)

    def _tagged(
        self, item: Ready | Unreadable, view: str | None, probability: np.ndarray, note: str
    ) -> Tagged:
        if isinstance(item, Unreadable):
            return Tagged(item.source, item.index, note=note, failed=True)
        frame = item.frame
        if frame.center_from == "user" and frame.center_outside:
            # Right for an offset detector; more often row and column were swapped.
            rows, cols = frame.shape
            outside = f"the beam centre given is outside the frame of {rows}x{cols}"
            note = f"{outside}; {note}" if note else outside
        return Tagged(
            frame.source,
            frame.index,
            view,
            None if view is None else self._bundle.weights[view][:_HASH],
            probability,
            () if view is None else given_tags(self.tags, probability, self.threshold(view)),
            frame.center,
            frame.center_from,
            frame.confidence,
            note,
        )


def _obstacle(frame: Frame) -> str:
    """Why a frame has no coefficients."""
    if frame.confidence < CONFIDENT:
        return f"beam centre not known (confidence {frame.confidence:.2f})"
    why = "too little of the frame surrounds the beam centre"
    if frame.center_from in ("user", "poni") and frame.center:
        # Millimetres for metres or a stray digit show in the place.
        why += " ({:.0f}, {:.0f})".format(*frame.center)
    return why
