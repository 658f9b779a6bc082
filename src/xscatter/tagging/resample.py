"""Bring the pixels of a frame to those of a model: photons are added up, or shared out.

Both functions return counts, mask and saturated pixels, each (size, size), of a frame in
a square of size × size pixels.
"""

from typing import NamedTuple

import numpy as np

from xscatter.core.compiled import compiled

LEAST_LIVE = 0.5  # fraction of a pixel's area that must be live
_LEAST_SATURATED = 0.25  # fraction of a pixel's area that must be saturated to make it so


class Grid(NamedTuple):
    """The pixels of a model on a frame.

    Attributes:
        size: of them on a side.
        scale: side of one in pixels of the frame.
        padding: rows and columns before the frame, in pixels of the frame.
    """

    size: int
    scale: float
    padding: tuple[float, float]

    @classmethod
    def over(cls, shape: tuple[int, int], size: int) -> "Grid":
        """Return the grid with a frame of `shape` in its middle."""
        # A square around the longer side: nothing of the frame is cut off, and pixels stay square.
        side = max(shape)
        return cls(size, side / size, ((side - shape[0]) / 2, (side - shape[1]) / 2))

    def place(self, row: float, col: float) -> tuple[float, float]:
        """Return where a place in pixels of the frame is in pixels of the model."""
        first, second = self.padding
        return (
            # Centres of pixels are at whole numbers, so their edges are half a pixel off.
            (row + 0.5 + first) / self.scale - 0.5,
            (col + 0.5 + second) / self.scale - 0.5,
        )


def merged(
    counts: np.ndarray, mask: np.ndarray, saturated: np.ndarray, grid: Grid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add up the pixels of a frame that fall into each pixel of the model, for `grid.scale` > 1.

    Each pixel of the frame goes to one pixel of the model, so that a single photon stays one. The
    sum over live pixels is scaled to the full area.

    Args:
        counts: (rows, cols), not negative.
        mask: (rows, cols), True = not usable.
        saturated: (rows, cols); where they are the majority, the pixel of the model is saturated.
        grid: the pixels of the model.
    """
    rows, cols = (
        np.minimum(((np.arange(length) + 0.5 + before) / grid.scale).astype(int), grid.size - 1)
        for length, before in zip(counts.shape, grid.padding, strict=True)
    )
    # A saturated pixel is at least as bright as it says: its value must not enter the sum.
    sums, number, full = _sums(counts, mask, saturated, rows, cols, grid.size)
    # Pixels of the frame in one of the model, a fraction unless the sizes divide.
    area = grid.scale**2
    # A block of more pixels than its area says must not round its single photon away.
    sums = np.maximum(sums * (area / np.maximum(number, 1)), sums >= 1)
    saturates = (full > number) & (full >= _LEAST_SATURATED * area)
    # Scaling the sum of less than half a pixel up would scale its noise up as well.
    hidden = (number < LEAST_LIVE * area) & ~saturates
    return np.where(hidden | saturates, 0, sums), hidden, saturates


def spread(
    counts: np.ndarray, mask: np.ndarray, saturated: np.ndarray, grid: Grid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share out the photons of each pixel of a frame over the smaller pixels of the model.

    Each photon goes by chance to a place in its pixel, so that the noise is that of a finer
    detector, independent from pixel to pixel; interpolation would smooth it. The chance is the same
    every time.

    Args:
        counts: (rows, cols), not negative.
        mask: (rows, cols), True = not usable.
        saturated: (rows, cols); the pixels of the model that they cover are saturated.
        grid: the pixels of the model.
    """
    # A frame must get the same tags each time, so the seed is fixed.
    random = np.random.default_rng(0)
    known = np.where(mask | saturated, 0, counts)
    photons = np.floor(known).astype(np.int64)
    photons += random.random(known.shape) < known - photons  # fractions are kept on average
    live = (~mask & ~saturated).astype(np.float64)
    near, inside = [], []
    for length, before in zip(counts.shape, grid.padding, strict=True):
        edges = (np.arange(length + 1) + before) / grid.scale
        # One axis after the other: two turns bring the image back upright.
        photons = _shared(photons, edges, grid.size, random).T
        live = (_overlap(edges, grid.size) @ live).T
        place = np.floor((np.arange(grid.size) + 0.5) * grid.scale - before).astype(int)
        inside.append((place >= 0) & (place < length))
        near.append(np.clip(place, 0, length - 1))
    covered = inside[0][:, None] & inside[1][None, :]
    full = saturated[np.ix_(*near)] & covered & (live < LEAST_LIVE)
    hidden = (live < LEAST_LIVE) & ~full
    return np.where(hidden | full, 0, photons / np.maximum(live, LEAST_LIVE)), hidden, full


@compiled
def _sums(counts, mask, saturated, rows, cols, size):
    """Add up the live pixels of a frame, and count these and the saturated ones, (size, size).

    `rows` and `cols` are the places of its rows and columns.
    """
    sums = np.zeros((size, size))
    live = np.zeros((size, size), np.int64)
    full = np.zeros((size, size), np.int64)
    for y in range(len(rows)):
        row = rows[y]
        x = 0
        while x < len(cols):
            col = cols[x]
            total, number, over = sums[row, col], 0, 0
            while x < len(cols) and cols[x] == col:
                if not mask[y, x]:
                    if saturated[y, x]:
                        over += 1
                    else:
                        number += 1
                        total += counts[y, x]
                x += 1
            sums[row, col] = total
            live[row, col] += number
            full[row, col] += over
    return sums, live, full


def _shared(
    values: np.ndarray, edges: np.ndarray, size: int, random: np.random.Generator
) -> np.ndarray:
    """Share out whole numbers (n, m), whose n rows have `edges` (n + 1,), over `size` rows."""
    shared = np.zeros((size, values.shape[1]), np.int64)
    # Photons of each row that are not given away yet, and where the rest of the row begins.
    left, begin = values.copy(), edges[:-1].copy()
    first = np.floor(edges[:-1]).astype(int)
    for step in range(int(np.ceil(edges[1] - edges[0])) + 1):
        row = first + step
        end = np.minimum(row + 1.0, edges[1:])
        rest = edges[1:] - begin
        fraction = np.where(rest > 1e-9, np.clip((end - begin) / np.maximum(rest, 1e-9), 0, 1), 0)
        # One binomial after the other draws the multinomial distribution over the pixels.
        here = random.binomial(left, fraction[:, None])
        left -= here
        begin = np.maximum(begin, end)
        inside = (row >= 0) & (row < size)
        # Several rows may fall into one: add.at adds them all.
        np.add.at(shared, row[inside], here[inside])
    return shared


def _overlap(edges: np.ndarray, size: int) -> np.ndarray:
    """Fraction (size, n) of each of `size` pixels that is in each of n with `edges` (n + 1,)."""
    low, high = np.arange(size)[:, None], np.arange(1, size + 1)[:, None]
    return np.clip(np.minimum(high, edges[None, 1:]) - np.maximum(low, edges[None, :-1]), 0, 1)
