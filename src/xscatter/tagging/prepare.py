"""From a frame of any size to what the networks are shown: the same steps for real and simulated frames.

A frame is put in the middle of a square, whose missing parts count as masked, and the square is
divided into size × size pixels. Where pixels merge, their photons are added up, each of them going
whole to one pixel, and the sum over live pixels is scaled to the full area: a single photon stays
one, and a masked pixel gives nothing. Where pixels are divided, their photons are shared out. The
result passes through the code of the record batches.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames.frame import Frame
from xscatter.frames.usable import hot, whole
from xscatter.records import code
from xscatter.transform.counts import COUNTS
from xscatter.transform.plans import build_plan

NOT_USABLE = -1.0  # what stands for the counts of a masked pixel in a network's input
_LEAST_LIVE = 0.5  # part of a pixel's area that must be live


@dataclass(frozen=True)
class Prepared:
    """A frame in the model's pixels.

    Attributes:
        counts: (size, size) float32, masked pixels 0.
        mask: (size, size) bool, True = not usable or outside of the frame.
        center: beam centre (row, column) in these pixels, or None.
        scale: side of a pixel in pixels of the frame.
        padding: rows and columns that stand before the frame, in pixels of the frame.
    """

    counts: np.ndarray
    mask: np.ndarray
    center: tuple[float, float] | None
    scale: float
    padding: tuple[float, float]

    @property
    def image(self) -> np.ndarray:
        """Input of the image view: (size, size) float32, counts, -1 where masked."""
        return np.where(self.mask, np.float32(NOT_USABLE), self.counts)


def prepare(frame: Frame, size: int) -> Prepared:
    """`frame` as a model of images of `size` × `size` pixels is shown it."""
    side = max(frame.shape)
    scale = side / size
    padding = ((side - frame.shape[0]) / 2, (side - frame.shape[1]) / 2)
    bad = frame.mask | hot(frame.counts, frame.mask)
    counts = photons(frame.counts, bad)
    if scale > 1:
        counts, mask, full = _merged(counts, bad, frame.saturated, size, scale, padding)
    elif frame.shape == (size, size):
        mask, full = bad, frame.saturated
    else:
        counts, mask, full = _spread(counts, bad, frame.saturated, size, scale, padding)
    decoded, mask = code.decode(code.encode(counts, mask, full))
    center = None
    if frame.center is not None:
        center = tuple(
            (c + 0.5 + p) / scale - 0.5 for c, p in zip(frame.center, padding, strict=True)
        )
    return Prepared(decoded, mask, center, scale, padding)  # type: ignore[arg-type]


def photons(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Counts (rows, cols) not below 0; values that are not whole numbers are scaled until their noise is photon noise.

    The gain is the ratio of variance to mean, the median over blocks of 8 × 8 live pixels; the
    variance comes from second differences, which no slope of the signal changes. The 99th
    percentile ends at a million counts, since a smoothed image has no noise to scale by.
    """
    if whole(values[~mask]):
        return np.maximum(values, 0)
    live = ~mask
    difference = values[:, 2:] - 2.0 * values[:, 1:-1] + values[:, :-2]
    known = live[:, 2:] & live[:, 1:-1] & live[:, :-2]
    rows, cols = difference.shape[0] // 8, difference.shape[1] // 8
    cut = (slice(rows * 8), slice(cols * 8))

    def blocks(array: np.ndarray) -> np.ndarray:
        return array[cut].reshape(rows, 8, cols, 8).sum((1, 3))

    number = np.maximum(blocks(known), 1)
    variance = blocks(np.where(known, difference**2, 0)) / number / 6
    mean = blocks(np.where(known, values[:, 1:-1], 0)) / number
    usable = (number > 32) & (mean > 0) & (variance > 0) & (mean > 0.5 * np.sqrt(variance))
    gain = float(np.median(variance[usable] / mean[usable])) if usable.any() else 1.0
    top = float(np.percentile(values[live], 99)) if live.any() else 1.0
    gain = max(gain, top / 1e6, 1e-12)
    return np.maximum(values, 0) / np.float32(gain)


def _merged(
    counts, bad, saturated, size: int, scale: float, padding
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums over the pixels that fall into each of size × size; saturated ones count only if they are the most."""
    rows, cols = (
        np.minimum(((np.arange(length) + 0.5 + before) / scale).astype(int), size - 1)
        for length, before in zip(counts.shape, padding, strict=True)
    )
    index = (rows[:, None] * size + cols[None, :]).ravel()

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(index, values.ravel(), size * size).reshape(size, size)

    live = ~bad & ~saturated
    number, full = total(live), total(saturated & ~bad)
    area = scale**2
    sums = total(np.where(live, counts, 0).astype(np.float64))
    # A block of more pixels than its area says must not round its single photon away.
    sums = np.maximum(sums * (area / np.maximum(number, 1)), sums >= 1)
    saturates = (full > number) & (full >= 0.25 * area)
    mask = (number < _LEAST_LIVE * area) & ~saturates
    # Blocks at the rim of the frame, and those of one pixel more or less, hold another number of pixels.
    return np.where(mask | saturates, 0, sums), mask, saturates


def _spread(
    counts, bad, saturated, size: int, scale: float, padding
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photons of large pixels shared out over smaller ones, each going by chance to a place in its pixel.

    So their noise is that of a finer detector, independent from pixel to pixel, which interpolation
    would smooth away. The chance is the same every time. Saturated pixels hand their mark on.
    """
    random = np.random.default_rng(0)
    known = np.where(bad | saturated, 0, counts)
    photons_there = np.floor(known).astype(np.int64)
    photons_there += (
        random.random(known.shape) < known - photons_there
    )  # of values between: on average themselves
    live = (~bad & ~saturated).astype(np.float64)
    near = []
    for length, before in zip(counts.shape, padding, strict=True):
        edges = (np.arange(length + 1) + before) / scale
        # One axis after the other: two turns bring the image back upright.
        photons_there = _shared(photons_there, edges, size, random).T
        live = (_overlap(edges, size) @ live).T
        near.append(np.floor((np.arange(size) + 0.5) * scale - before).astype(int))
    inside = [(n >= 0) & (n < length) for n, length in zip(near, counts.shape, strict=True)]
    near = [np.clip(n, 0, length - 1) for n, length in zip(near, counts.shape, strict=True)]
    full = saturated[np.ix_(*near)] & inside[0][:, None] & inside[1][None, :] & (live < _LEAST_LIVE)
    mask = (live < _LEAST_LIVE) & ~full
    return np.where(mask | full, 0, photons_there / np.maximum(live, _LEAST_LIVE)), mask, full


def _shared(
    values: np.ndarray, edges: np.ndarray, size: int, random: np.random.Generator
) -> np.ndarray:
    """Whole `values` (n, m) whose n rows reach from `edges` (n + 1,) to the next, shared out over rows 0 to `size`."""
    found = np.zeros((size, values.shape[1]), np.int64)
    left, begin = values.copy(), edges[:-1].copy()
    first = np.floor(edges[:-1]).astype(int)
    for step in range(int(np.ceil(edges[1] - edges[0])) + 1):
        row = first + step
        end = np.minimum(row + 1.0, edges[1:])
        rest = edges[1:] - begin
        part = np.where(rest > 1e-9, np.clip((end - begin) / np.maximum(rest, 1e-9), 0, 1), 0)
        here = random.binomial(left, part[:, None])
        left -= here
        begin = np.maximum(begin, end)
        inside = (row >= 0) & (row < size)
        np.add.at(found, row[inside], here[inside])
    return found


def _overlap(edges: np.ndarray, size: int) -> np.ndarray:
    """Part (size, n) of each of `size` pixels that lies in each of n that reach from `edges` (n + 1,) to the next."""
    low, high = np.arange(size)[:, None], np.arange(1, size + 1)[:, None]
    return np.clip(np.minimum(high, edges[None, 1:]) - np.maximum(low, edges[None, :-1]), 0, 1)


def coefficients(prepared: Prepared, transform: dict[str, Any]) -> np.ndarray | None:
    """Coefficients (angular_orders, radial_orders) complex64 of a prepared frame, as those of the records were made.

    `transform` is what records.json says under this name. None where the beam is not known, or
    where too little of the disk lies on live pixels.
    """
    if prepared.center is None:
        return None
    try:
        plan = build_plan(transform, prepared.counts.shape, prepared.center)
    except UserError:
        return None
    found = plan.forward(
        COUNTS[transform["counts"]](prepared.counts), mask=prepared.mask, fill=transform["fill"]
    )
    return found.astype(np.complex64) if np.isfinite(found).all() else None
