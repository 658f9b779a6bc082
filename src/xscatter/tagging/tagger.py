"""Tag detector frames with the networks of a study."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import center
from xscatter.frames.frame import Frame
from xscatter.frames.reading import read_all
from xscatter.networks.load import TOGETHER, Network, load_network
from xscatter.scores import calibration
from xscatter.store.bundle import Bundle, open_bundle
from xscatter.tagging import prepare
from xscatter.tagging.prepare import Prepared
from xscatter.tags import INDEX, with_implied

CONFIDENT = 0.5  # least confidence of a beam centre for the views that need one
_HASH = 12  # hex digits that tell weights apart


@dataclass(frozen=True)
class Tagged:
    """What is known of one frame.

    Attributes:
        source: its file.
        index: its number in the file.
        view: which network answered: "image", "coefficient" or "joint"; None after an error.
        model: which weights it had: the begin of their SHA-256 in the ``training.json`` beside the network.
        probability: calibrated probability of each tag, (T,).
        tags: names of the tags whose probability reaches their threshold, and what these imply; most probable first.
        center: beam centre (row, column) in pixels of the frame, or None.
        center_from: "user", "poni", "header", "estimate", or None.
        confidence: 0 to 1, of the beam centre.
        note: why the image view alone was used, or why nothing could be said; that a beam centre given by the user
            lies outside of the frame.
        failed: whether the frame could not be read.
    """

    source: str
    index: int
    view: str | None = None
    model: str | None = None
    probability: np.ndarray = field(default_factory=lambda: np.zeros(0))
    tags: tuple[str, ...] = ()
    center: tuple[float, float] | None = None
    center_from: str | None = None
    confidence: float = 0.0
    note: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Ready:
    """A frame with its beam centre, and what the networks are shown of it."""

    frame: Frame
    prepared: Prepared
    coefficients: np.ndarray | None


class Tagger:
    """The trained networks of a study, ready for frames; make it with :meth:`load`.

    ::

        from xscatter.tagging import Tagger
        tagger = Tagger.load("results/demo/models")
        for tagged in tagger.predict(["frame.cbf"]): print(tagged.source, tagged.tags)
    """

    def __init__(
        self,
        folder: Path,
        bundle: Bundle,
        networks: dict[str, Network],
        calibrations: dict[str, calibration.Calibration],
    ):
        self.folder, self._networks, self._calibrations = folder, networks, calibrations
        self._bundle, self.tags, self.size = bundle, bundle.tags, bundle.size
        self._weights = {view: sha256[:_HASH] for view, sha256 in bundle.weights.items()}

    @classmethod
    def load(cls, folder: str | Path) -> Tagger:
        """Networks of all views that lie in `folder`: that of a study, its ``models``, or that of one view.

        Raises:
            UserError: there is no model, or it is damaged or of another version.
        """
        bundle = open_bundle(folder)
        networks = {view: load_network(model) for view, model in bundle.models.items()}
        calibrations = {
            v: calibration.load(model.calibration) for v, model in bundle.models.items()
        }
        return cls(Path(folder), bundle, networks, calibrations)

    @property
    def views(self) -> list[str]:
        """Which networks there are."""
        return list(self._networks)

    def threshold(self, view: str) -> np.ndarray:
        """Least probability (T,) at which each tag is given, from the validation part of the study."""
        return np.array(self._calibrations[view].threshold)

    def precision(self, view: str) -> np.ndarray:
        """Share of the test images given each tag that have it, (T,).

        Not a number where the test gave it to none, or the study has no test of this very network.
        """
        unknown = np.full(len(self.tags), np.nan)
        path = self._bundle.evaluation(view)
        try:
            tested = json.loads(path.read_text())["tags"]
            found = [tested.get(tag) or {} for tag in self.tags]
            # Thresholds are fitted after each training: others belong to another network.
            if any(
                f and f["threshold"] != limit
                for f, limit in zip(found, self.threshold(view), strict=True)
            ):
                return unknown
            return np.array(
                [np.nan if f.get("precision") is None else f["precision"] for f in found], float
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return unknown

    def predict(
        self,
        frames: Iterable[Frame | str | Path],
        view: str | None = None,
        threads: int = 1,
        **options: Any,
    ) -> Iterator[Tagged]:
        """Yield a :class:`Tagged` for every frame, in order, few frames in memory at a time.

        Files that cannot be read give one with `failed`, and the rest goes on.

        Args:
            frames: frames, or names of files (all frames of each).
            view: the network to use; default: joint where the beam centre is known, else image.
            threads: how many frames are read and expanded at the same time.
            options: `mask`, `poni` and `center` for files; see :func:`xscatter.frames.read`.
        """
        for ready in self.batches(frames, view, threads, **options):
            yield from self.tag(ready, view)

    def batches(
        self,
        frames: Iterable[Frame | str | Path],
        view: str | None = None,
        threads: int = 1,
        **options: Any,
    ) -> Iterator[list[Ready | Tagged]]:
        """Yield frames made ready, some at a time, read ahead in `threads`; a failed one is a :class:`Tagged`."""
        if view is not None and view not in self._networks:
            raise UserError(
                f"{self.folder}: holds no {view} network; it has {', '.join(self.views)}"
            )
        items = _read(frames, options)
        with ThreadPoolExecutor(threads) as pool:
            waiting: list[Any] = []
            while True:
                some = list(islice(items, TOGETHER))
                following = [pool.submit(self.ready, item, view) for item in some]
                if waiting:
                    yield [future.result() for future in waiting]
                waiting = following
                if not some:
                    return

    def ready(self, item: Frame | Tagged, view: str | None = None) -> Ready | Tagged:
        """Find the beam centre of a frame if it is not known, and bring it to the model's pixels."""
        if isinstance(item, Tagged):
            return item
        if item.center is None:
            found = center.estimate(item.counts, item.mask)
            item = item.with_center(found.center, "estimate", found.confidence)
        prepared = prepare.prepare(item, self.size)
        coefficients = None
        wanted = any(
            "coefficients" in self.needs(name) for name in ([view] if view else self._networks)
        )
        if wanted and item.confidence >= CONFIDENT:
            coefficients = prepare.coefficients(prepared, self._bundle.transform)
        return Ready(item, prepared, coefficients)

    def tag(self, batch: list[Ready | Tagged], view: str | None = None) -> list[Tagged]:
        """Tags of frames made ready, in order."""
        chosen = [
            self._choose(item, view) if isinstance(item, Ready) else (None, "") for item in batch
        ]
        answers: list[Tagged] = [
            item if isinstance(item, Tagged) else _describe(item) for item in batch
        ]
        for name in self._networks:
            places = [n for n, (used, _) in enumerate(chosen) if used == name]
            if not places:
                continue
            logits = self.logits(name, [batch[n] for n in places])  # type: ignore[misc]
            probability = self._calibrations[name].probability(logits)
            for n, p in zip(places, probability, strict=True):
                order = np.argsort(-p, kind="stable")
                limit = self.threshold(name)
                over = {self.tags[t] for t in order if p[t] >= limit[t]}
                # What a tag implies goes with it: a 4-fold ring is a ring.
                over |= with_implied(over & INDEX.keys())
                given = tuple(self.tags[t] for t in order if self.tags[t] in over)
                found = {
                    "view": name,
                    "model": self._weights[name],
                    "probability": p,
                    "tags": given,
                }
                answers[n] = _describe(batch[n], note=chosen[n][1], **found)
        for n, (used, why) in enumerate(chosen):
            if used is None and isinstance(batch[n], Ready):
                answers[n] = _describe(
                    batch[n], note=why, probability=np.full(len(self.tags), np.nan)
                )
        return answers

    def logits(self, view: str, batch: list[Ready]) -> np.ndarray:
        """Raw outputs (n, T) of the network of `view`."""
        inputs: dict[str, np.ndarray] = {}
        for name in self.needs(view):
            parts: list[Any] = [
                r.prepared.image if name == "image" else r.coefficients for r in batch
            ]
            inputs[name] = np.stack(parts)
        return self.raw(view, inputs)

    def raw(self, view: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Raw outputs (n, T) for `image` (n, size, size) and complex `coefficients` (n, orders, zeros)."""
        return self._networks[view].logits(inputs)

    def needs(self, view: str) -> list[str]:
        """Names of the inputs of a network."""
        return list(self._networks[view].inputs)

    def _choose(self, item: Ready, view: str | None) -> tuple[str | None, str]:
        """Which network answers for a frame, and why not the best one."""
        why = ""
        if item.coefficients is None:
            why = "too little of the frame lies about the beam centre"
            if item.frame.center_from in ("user", "poni") and item.frame.center:
                # Millimetres for metres or a stray digit show in the place.
                why += " ({:.0f}, {:.0f})".format(*item.frame.center)
            if item.frame.confidence < CONFIDENT:
                why = f"beam centre not known (confidence {item.frame.confidence:.2f})"
        for name in [view] if view else ["joint", "image", "coefficient"]:
            if name in self._networks and (
                "coefficients" not in self.needs(name) or item.coefficients is not None
            ):
                best = "joint" if "joint" in self._networks and not view else name
                return name, f"{name} view alone: {why}" if name != best else ""
        return None, why


def _describe(item: Any, note: str = "", **found: Any) -> Tagged:
    frame = item.frame
    if frame.center_from == "user" and frame.center_outside:
        # Right for an offset detector; more often row and column were swapped.
        note = (
            f"the beam centre given lies outside of the frame of {frame.shape[0]}x{frame.shape[1]}"
            + (f"; {note}" if note else "")
        )
    return Tagged(
        frame.source,
        frame.index,
        center=frame.center,
        center_from=frame.center_from,
        confidence=frame.confidence,
        note=note,
        **found,
    )


def _read(
    frames: Iterable[Frame | str | Path], options: dict[str, Any]
) -> Iterator[Frame | Tagged]:
    for item in [frames] if isinstance(frames, (str, Path, Frame)) else frames:
        if isinstance(item, Frame):
            yield item
            continue
        index = 0
        try:
            for frame in read_all(item, **options):
                yield frame
                index = frame.index + 1
        except UserError as error:
            yield Tagged(str(item), index, note=str(error), failed=True)
