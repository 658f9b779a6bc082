"""Tag detector frames with the shipped tagger, or with that of a study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable, find_center
from xscatter.frames.center import contradiction
from xscatter.frames.reading import read_each
from xscatter.networks.run import TOGETHER, Network
from xscatter.pretrained import FOLDER as SHIPPED
from xscatter.scores.calibration import Calibration
from xscatter.scores.groups import with_known
from xscatter.store.bundle import Bundle, open_bundle, read_network
from xscatter.tagging.prepare import Prepared, coefficients, guarded, prepare, taken, unreadable
from xscatter.tagging.tagged import Tagged, given_tags
from xscatter.tags import TAGS
from xscatter.views import by_inputs

CONFIDENT = 0.5  # least confidence of a beam centre for the networks that are not told of it
CENTER_CONFIDENCE = "center_confidence"  # the input by which a network is told
TRUSTED = 0.9  # confidence from which on the centre decides whether the beam is on the image
_OFF_IMAGE = "beam off image"
_EXPOSURE = {tag.name for tag in TAGS if tag.group == "exposure"}
_HASH = 12  # hex digits that tell networks apart


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
        inputs: by name: `image` (size, size) float32, and, where the beam centre is known or a
            network is told how sure it is, `coefficients` (angular_orders, radial_orders) complex64
            and `center_confidence`.
        centered: whether the coefficients are about a beam centre that is sure enough.
        note: about its beam centre, or "".
    """

    frame: Frame
    prepared: Prepared
    inputs: dict[str, np.ndarray]
    centered: bool = False
    note: str = ""


class Tagger:
    """Trained networks, ready for frames; made by :meth:`load`.

    ::

        tagger = Tagger.load()
        for tagged in tagger.predict(["frame.cbf"]):
            print(tagged.source, tagged.tags)

    Any object with `inputs` and `logits` serves as a network:

    >>> import numpy as np
    >>> from xscatter.frames import from_array
    >>> from xscatter.store.bundle import Bundle, BundledNetwork
    >>> from xscatter.tagging import Tagger
    >>> class Constant:
    ...     inputs = ("image",)
    ...
    ...     def logits(self, inputs):
    ...         return np.tile([2.0, -2.0], (len(inputs["image"]), 1))
    >>> known = dict(slope=1, offset=0, threshold=0.5, precision=None, prevalence=0.5)
    >>> entry = BundledNetwork("image.onnx", "0" * 64, ["image"], {"ring": known, "halo": known})
    >>> tags = {"ring": "A ring.", "halo": "A broad ring."}
    >>> bundle = Bundle("constant", tags, size=64, transform={}, networks={"image": entry})
    >>> tagger = Tagger(bundle, {"image": Constant()})
    >>> frame = from_array(np.random.default_rng(0).poisson(9, (100, 80)))
    >>> next(tagger.predict(frame)).tags
    ('ring',)

    Args:
        bundle: their description.
        networks: by view.
        folder: where they are, for messages.
    """

    def __init__(
        self, bundle: Bundle, networks: Mapping[str, TrainedNetwork], folder: Path | None = None
    ):
        self.name, self.folder = bundle.name, folder or Path(bundle.name)
        self.tags, self.definitions = list(bundle.tags), list(bundle.tags.values())
        self.size = bundle.size
        self._bundle, self._networks = bundle, networks
        self._calibrations = {
            view: Calibration(
                self.tags,
                network.column("slope").tolist(),
                network.column("offset").tolist(),
                network.column("threshold").tolist(),
                temperature=1.0,
                groups=network.exclusive,
            )
            for view, network in bundle.networks.items()
        }
        # The network with the most inputs first: it knows most.
        self._preferred = [view for view in by_inputs() if view.name in networks]

    @classmethod
    def load(cls, folder: str | Path | None = None) -> Tagger:
        """Load the tagger that comes with xscatter, or another.

        Args:
            folder: of a tagger, or of a study, whose tagger is used; None: the shipped one.

        Raises:
            UserError: there is no tagger, or it is damaged or of a newer version.
        """
        place, bundle = open_bundle(SHIPPED if folder is None else folder)
        networks = {}
        for view, network in bundle.networks.items():
            try:
                networks[view] = Network(read_network(place, network))
            except ValueError as error:
                path = place / network.file
                raise UserError(f"{path}: {error}; make the tagger again") from error
        return cls(bundle, networks, place)

    @property
    def views(self) -> list[str]:
        """Names of the views that have a network."""
        return list(self._networks)

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 of the file of each network."""
        return {view: network.sha256 for view, network in self._bundle.networks.items()}

    def needs(self, view: str) -> tuple[str, ...]:
        """Return the names of the inputs of a network."""
        return self._networks[view].inputs

    def threshold(self, view: str) -> np.ndarray:
        """Return the least probability (T,) at which each tag is given, from the validation set."""
        return self._bundle.networks[view].column("threshold")

    def precision(self, view: str) -> np.ndarray:
        """Return the fraction (T,) of the test images given each tag that have it.

        Args:
            view: name of the network.

        Returns:
            NaN for a tag that no test image was given.
        """
        return self._bundle.networks[view].column("precision")

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
                following = [pool.submit(self.ready, f, view) for f in taken(items, TOGETHER)]
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
        return guarded(partial(self._ready, view=view), frame)

    def _ready(self, frame: Frame, view: str | None) -> Ready:
        # The confidence was fitted on frames whose hot pixels are not masked.
        mask = frame.mask if frame.hot is None else frame.mask & ~frame.hot
        estimate, note = None, ""
        # A centre that the user gives is never overruled.
        if frame.center is None:
            estimate = find_center(frame.counts, mask)
        elif frame.center_from == "header":
            estimate = contradiction(frame.counts, mask, frame.center)
            if estimate is not None:
                where = "({:.0f}, {:.0f})".format(*frame.center)
                note = f"the image contradicts the beam centre {where} of its header"
        if estimate is not None:
            frame = frame.with_center(estimate.center, "estimate", estimate.confidence)
        prepared = prepare(frame, self.size)
        inputs = {"image": prepared.image}
        # The expansion takes most of the time, so it is left out where no network asks for it.
        asked = [v for v in self._preferred if view in (None, v.name) and v.needs_center]
        told = any(CENTER_CONFIDENCE in self.needs(v.name) for v in asked)
        sure, transform = frame.confidence >= CONFIDENT, self._bundle.transform
        expanded = coefficients(prepared, transform) if asked and (sure or told) else None
        if told:
            # At confidence 0 a network does not look at the coefficients.
            known = frame.confidence if expanded is not None else 0.0
            # In training a centre from a header or a person was certain.
            if known and frame.center_from != "estimate":
                known = 1.0
            inputs[CENTER_CONFIDENCE] = np.array(known, np.float32)
        if expanded is not None:
            inputs["coefficients"] = expanded
        elif told:
            shape = (transform["angular_orders"], transform["radial_orders"])
            inputs["coefficients"] = np.zeros(shape, np.complex64)
        return Ready(frame, prepared, inputs, sure and expanded is not None, note)

    def tag(self, batch: Sequence[Ready | Unreadable], view: str | None = None) -> list[Tagged]:
        """Return the tags of frames that are ready, in order.

        Args:
            batch: of :meth:`batches`.
            view: the network to use; None: the best that can answer for each frame.
        """
        chosen = [self._choose(item, view) for item in batch]
        # One call for all frames of a network.
        answers: dict[int, np.ndarray | Unreadable] = {}
        for name in self._networks:
            asked = {n: batch[n] for n, (used, _) in enumerate(chosen) if used == name}
            answers |= self._answers(name, asked)  # type: ignore[arg-type]
        return [
            self._tagged(item, used, answers.get(n), note)
            for n, (item, (used, note)) in enumerate(zip(batch, chosen, strict=True))
        ]

    def _answers(self, view: str, items: Mapping[int, Ready]) -> dict[int, np.ndarray | Unreadable]:
        """Probabilities (T,) of each item; where a network fails, why, so that others get theirs.

        Args:
            view: the network to ask.
            items: by any number.
        """
        if not items:
            return {}
        try:
            logits = self.logits(view, [item.inputs for item in items.values()])
        except Exception as error:  # whatever it is, it is one frame's
            if len(items) > 1:
                one_by_one = [self._answers(view, {n: item}) for n, item in items.items()]
                return {n: answer for some in one_by_one for n, answer in some.items()}
            [(n, item)] = items.items()
            return {n: unreadable(item.frame, error, "tagged")}
        probability = self._calibrations[view].probability(logits)
        return {
            n: self._with_known(view, item.frame, p)
            for (n, item), p in zip(items.items(), probability, strict=True)
        }

    def _with_known(self, view: str, frame: Frame, probability: np.ndarray) -> np.ndarray:
        """Probabilities (T,) in which a trusted beam centre decides whether it is on the image.

        Tags that ask how many photons there are have none, NaN, where the values are no counts.
        """
        if frame.confidence >= TRUSTED and _OFF_IMAGE in self.tags:
            known = {self.tags.index(_OFF_IMAGE): frame.center_outside}
            probability = with_known(probability[None], known, self._calibrations[view].columns)[0]
        if frame.unit in (1, None):
            return probability
        return np.where([tag in _EXPOSURE for tag in self.tags], np.nan, probability)

    def _given(self, view: str, probability: np.ndarray) -> tuple[str, ...]:
        columns = self._calibrations[view].columns
        return given_tags(self.tags, probability, self.threshold(view), columns)

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
            needs = set(self.needs(candidate.name))
            told = CENTER_CONFIDENCE in needs
            # The first network whose inputs could all be made.
            if needs <= item.inputs.keys() and (
                item.centered or told or not candidate.needs_center
            ):
                if candidate.needs_center and not item.centered:
                    return candidate.name, f"mostly by the image: {_obstacle(item.frame)}"
                if candidate is candidates[0]:
                    return candidate.name, ""
                return candidate.name, f"{candidate.name} view alone: {_obstacle(item.frame)}"
        return None, _obstacle(item.frame)

    def _tagged(
        self,
        item: Ready | Unreadable,
        view: str | None,
        answer: np.ndarray | Unreadable | None,
        note: str,
    ) -> Tagged:
        item = answer if isinstance(answer, Unreadable) else item
        if isinstance(item, Unreadable):
            return Tagged(item.source, item.index, note=item.reason, failed=True)
        unknown = np.full(len(self.tags), np.nan)
        probability = answer if isinstance(answer, np.ndarray) else unknown
        frame, note = item.frame, "; ".join(filter(None, [item.note, note]))
        if frame.center_from == "user" and frame.center_outside:
            # Right for an offset detector; more often row and column were swapped.
            rows, cols = frame.shape
            outside = f"the beam centre given is outside the frame of {rows}x{cols}"
            note = "; ".join(filter(None, [outside, note]))
        return Tagged(
            frame.source,
            frame.index,
            view,
            None if view is None else self._bundle.networks[view].sha256[:_HASH],
            probability,
            () if view is None else self._given(view, probability),
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
