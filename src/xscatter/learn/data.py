"""What a training step sees, as a pure function of (seed, step): split, order, decoding, augmentation."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.core.seeds import Purpose, generator

NOT_USABLE = -1.0  # what stands for the counts of a pixel that is not usable
UNKNOWN = -1.0  # label of a tag that no loss looks at
# Tags that a quarter turn makes into each other.
DIRECTIONS = (("ring: oriented in plane", "ring: oriented out of plane"),)
_TOGETHER, _PIXELS = (
    64,
    2**22,
)  # most records, and pixels of them, that a network looks at in one go
FIELDS = {"image": ("image",), "coefficient": ("coefficients",), "joint": ("image", "coefficients")}


@dataclass(frozen=True)
class Part:
    """Some records of a study: `where` (n, 2) is batch and row of each."""

    records: Any
    where: np.ndarray

    def __len__(self) -> int:
        return len(self.where)

    def field(self, name: str, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """One field of the records at `index`, as stored, (n, ...)."""
        return self.records.field(name, self.where[index])

    def inputs(self, view: str, index: np.ndarray | slice) -> dict[str, np.ndarray]:
        """Inputs of the network of `view`: counts with -1 for masked pixels; real and imaginary parts."""
        found = {}
        if "image" in FIELDS[view]:
            found["image"] = self.records.counts(self.where[index], NOT_USABLE)
        if "coefficients" in FIELDS[view]:
            c = self.field("coefficients", index).astype(np.complex64, copy=False)
            found["coefficients"] = c.view(np.float32).reshape(*c.shape, 2)
        return found

    def labels(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Tags (n, T), 0 or 1, float32."""
        return self.field("tags", index).astype(np.float32)

    def bytes_of(self, view: str) -> int:
        """Bytes of the inputs of `view` of one record."""
        return sum(value.nbytes for value in self.inputs(view, slice(0, 1)).values())

    def logits(
        self, view: str, network: Callable[[dict[str, np.ndarray]], Any], label: str = ""
    ) -> np.ndarray:
        """Logits (n, T) float32 that `network` of `view` gives for all records; progress is shown under `label`.

        Fewer records of large images are looked at together: memory does not grow with their size.

        Raises:
            UserError: an input or an answer is not a number; says of which records.
        """
        most = max(math.prod(self.records.dtype[name].shape) for name in FIELDS[view])
        size = max(1, min(_TOGETHER, _PIXELS // most))
        starts = range(0, len(self), size)
        logits: list[np.ndarray] = []
        for first in track(starts, label, end=False) if label else starts:
            inputs = self.inputs(view, slice(first, first + size))
            for values in inputs.values():  # rectifiers would hide it from the answer
                self._refuse(
                    first,
                    values,
                    f"{view}: the records hold what is not a number; transform and pack again",
                )
            logits.append(np.asarray(network(inputs), np.float32))
            self._refuse(
                first,
                logits[-1],
                f"{view}: the network's answer is not a number; lower train.learning_rate",
            )
        return np.concatenate(logits)

    def _refuse(self, first: int, values: np.ndarray, why: str) -> None:
        wrong = first + np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        if len(wrong):
            raise UserError(f"{why}; (experiment, image): {self.named(wrong[:8])}")

    def named(self, index: np.ndarray) -> str:
        """Experiment and image of the records at `index`, for a message."""
        return ", ".join(f"({e}, {i})" for e, i in self.field("source", index).tolist())


def whole(records: Any, numbers: Sequence[int] | None = None) -> Part:
    """All records of the batches `numbers` (default: those for training), in order."""
    return Part(records, records.where(numbers))


def split(
    records: Any, seed: int, portion: float, known: dict[str, list[int]] | None = None
) -> tuple[Part, Part]:
    """Training and validation part of the training batches; an experiment lies in one of them only.

    Where an experiment lies depends on its number and the seed alone, so that all views are split alike, also when
    experiments are added; `known` (`training`, `validation`: experiments) keeps an earlier split all the same.

    Raises:
        UserError: fewer than two experiments, or experiments of the test batch among them.
    """
    part = whole(records)
    experiment = part.field("source")[:, 0].astype(np.int64)
    names = np.unique(experiment)
    tested = np.unique(whole(records, [records.test_batch]).field("source")[:, 0])
    if np.intersect1d(names, tested).size:
        raise UserError(
            "records: the test batch shares experiments with the training batches; pack the study again"
        )
    known = known or {"training": [], "validation": []}
    held = set(known["validation"])
    fresh = [int(n) for n in names if n not in held and n not in set(known["training"])]
    draw = {n: generator(seed, Purpose.SPLIT, n).random() for n in fresh}
    held |= {n for n in fresh if draw[n] < portion}
    held = held or {min(fresh, key=draw.__getitem__)}
    chosen = np.isin(experiment, sorted(held))
    if chosen.all() or not chosen.any():
        raise UserError(
            f"records: {len(names)} training experiments cannot be split into training and validation; simulate more"
        )
    return Part(records, part.where[~chosen]), Part(records, part.where[chosen])


def experiments(part: Part) -> list[int]:
    """Numbers of the experiments in `part`, ascending."""
    return np.unique(part.field("source")[:, 0]).astype(int).tolist()


def order(seed: int, view_key: int, number: int, length: int) -> np.ndarray:
    """Permutation of `length` records for pass `number` over them."""
    return generator(seed, Purpose.TRAINING, view_key, 0, number).permutation(length)


def quarter_turn(
    inputs: dict[str, np.ndarray], turns: np.ndarray, mirror: np.ndarray
) -> dict[str, np.ndarray]:
    """Turn each record by `turns` quarters (np.rot90), then mirror it left to right where `mirror` is true.

    The coefficients follow exactly: a quarter turn multiplies order m by e^{i m pi/2}, reversing the
    columns makes c into (-1)^m conj(c), whatever the beam centre, which moves with the image.
    """
    out = dict(inputs)
    if "image" in inputs:
        image = np.empty_like(inputs["image"])
        for n, one in enumerate(inputs["image"]):
            turned = np.rot90(one, turns[n])
            image[n] = turned[:, ::-1] if mirror[n] else turned
        out["image"] = image
    if "coefficients" in inputs:
        c = inputs["coefficients"].view(np.complex64)[..., 0]
        orders = np.arange(c.shape[1])
        c = c * _turn(turns * (np.pi / 2), orders)
        out["coefficients"] = _parts(np.where(mirror[:, None, None], _mirrored(c, orders), c))
    return out


def any_turn(
    inputs: dict[str, np.ndarray], angle: np.ndarray, mirror: np.ndarray
) -> dict[str, np.ndarray]:
    """Turn the coefficients of each record by `angle` (radians) as np.rot90 does, and mirror where `mirror`."""
    c = inputs["coefficients"].view(np.complex64)[..., 0]
    orders = np.arange(c.shape[1])
    c = c * _turn(angle, orders)
    return {"coefficients": _parts(np.where(mirror[:, None, None], _mirrored(c, orders), c))}


def _turn(angle: np.ndarray, orders: np.ndarray) -> np.ndarray:
    return np.exp(1j * angle[:, None] * orders)[..., None]


def _mirrored(c: np.ndarray, orders: np.ndarray) -> np.ndarray:
    return np.where(orders[:, None] % 2, -1, 1) * c.conj()


def _parts(c: np.ndarray) -> np.ndarray:
    c = np.ascontiguousarray(c, np.complex64)
    return c.view(np.float32).reshape(*c.shape, 2)


def shifted(images: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Shift each of `images` (n, rows, cols) by whole pixels `by` (n, 2); what comes in is not usable."""
    out = np.full_like(images, NOT_USABLE)
    for n, (dy, dx) in enumerate(by):
        rows, cols = images.shape[1:]
        out[n, max(dy, 0) : rows + min(dy, 0), max(dx, 0) : cols + min(dx, 0)] = images[
            n, max(-dy, 0) : rows + min(-dy, 0), max(-dx, 0) : cols + min(-dx, 0)
        ]
    return out


def augmented(
    inputs: dict[str, np.ndarray],
    labels: np.ndarray,
    tags: Sequence[str],
    random: np.random.Generator,
    turn: bool,
    shift: float,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`inputs` and `labels`, turned and mirrored (where `turn`) and shifted at random; both views of a record alike.

    The coefficients alone turn by any angle half of the time, and then the labels of tags that name a
    direction become UNKNOWN; a quarter turn exchanges them. A shift moves the beam within the image,
    and so leaves the coefficients as they are.
    """
    count = len(labels)
    mirror = random.random(count) < 0.5
    out = dict(inputs)
    if turn:
        square = "image" not in inputs or inputs["image"].shape[1] == inputs["image"].shape[2]
        turns = random.integers(0, 4, count) if square else 2 * random.integers(0, 2, count)
        free = random.random(count) < (0.0 if "image" in inputs else 0.5)
        if "image" in inputs:
            out = quarter_turn(inputs, turns, mirror)
        else:
            out = any_turn(
                inputs,
                np.where(free, random.uniform(0, 2 * np.pi, count), turns * (np.pi / 2)),
                mirror,
            )
        labels = turned_labels(labels, tags, turns, free)
    if shift and "image" in inputs:
        most = round(shift * min(inputs["image"].shape[1:]))
        out["image"] = shifted(out["image"], random.integers(-most, most + 1, (count, 2)))
    return out, labels


def turned_labels(
    labels: np.ndarray, tags: Sequence[str], turns: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """`labels` (n, T) after `turns` quarters; where `free`, after a turn by any other angle."""
    labels = labels.copy()
    for pair in DIRECTIONS:
        if set(pair) <= set(tags):
            columns = np.array([list(tags).index(name) for name in pair])
            odd = turns % 2 == 1
            labels[np.ix_(odd, columns)] = labels[np.ix_(odd, columns[::-1])]
            labels[np.ix_(free, columns)] = UNKNOWN
    return labels


def ahead(
    make: Callable[[int], Any], steps: Iterator[int] | range, depth: int = 3
) -> Iterator[Any]:
    """Yield `make(step)` for each step, in order, made ahead of time in a thread."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque = deque()
        try:
            for step in steps:
                waiting.append(pool.submit(make, step))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
