"""A frame as counts in polar cells: rings by sectors about one centre, the same for a sequence.

Everything that follows in time works on these sums, so its cost and memory do not depend on the
size of the detector. A cell that lost a pixel, because it is saturated or hot in this frame, is
marked, and left out of comparisons with frames that have it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.frames import Frame
from xscatter.frames.photons import in_photons

BINS = 64  # of the radius, for tests: more would dilute a change
MOST = 4  # rings in a bin: enough to see a ring move by a fraction of its width
SECTORS = 24  # enough for angular orders up to 6, four sectors a period


@dataclass(frozen=True)
class Sums:
    """A frame, or a profile, as the scan reads it.

    Attributes:
        counts: (rings, sectors) sums over live pixels; a profile has one sector.
        usable: (rings, sectors) bool, False = a pixel of the cell is missing in this frame.
        poisson: whether the counts have at least the noise of photons.
        nuisances: (3, rings, sectors) changes of the counts that are no process: the beam moves by
            a row, by a column, and every pixel counts one more; None: not known, as of profiles.
        frames: number of frames in the sums.
    """

    counts: np.ndarray
    usable: np.ndarray
    poisson: bool = True
    nuisances: np.ndarray | None = None
    frames: int = 1

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return dict(vars(self))

    def plus(self, other: "Sums") -> "Sums":
        """Return the sums of both; a cell that lacks a pixel in one of them is not usable."""
        nuisances = None
        if self.nuisances is not None and other.nuisances is not None:
            nuisances = self.nuisances + other.nuisances
        return Sums(
            self.counts + other.counts,
            self.usable & other.usable,
            self.poisson and other.poisson,
            nuisances,
            self.frames + other.frames,
        )

    @property
    def total(self) -> float:
        """Sum of the usable cells."""
        return float(self.counts[self.usable].sum())


class PolarGrid:
    """The polar cells of a detector, made once for a sequence.

    Args:
        center: (row, column) in pixels; None: the middle of the frame, which still divides the
            image into cells that can be compared.
        mask: (rows, cols) bool, True = not usable in any frame.
    """

    def __init__(self, center: tuple[float, float] | None, mask: np.ndarray):
        self.center, self.mask = center, mask
        row, col = center or ((mask.shape[0] - 1) / 2, (mask.shape[1] - 1) / 2)
        y = np.arange(mask.shape[0], dtype=np.float32)[:, None] - np.float32(row)
        x = np.arange(mask.shape[1], dtype=np.float32)[None, :] - np.float32(col)
        radius = np.hypot(y, x)
        live = radius[~mask]
        # Even rings from the first to the last live pixel, none thinner than a pixel if possible.
        self.inner, self.outer = float(live.min()), float(live.max()) + 1e-3
        wide = self.outer - self.inner
        self.rings = BINS * int(np.clip(wide / BINS, 1, MOST))
        ring = ((radius - self.inner) * (self.rings / wide)).astype(np.int32)
        turn = (np.arctan2(y, x) * (SECTORS / (2 * np.pi))).astype(np.float32) + SECTORS
        cell = ring.clip(0, self.rings - 1) * SECTORS + turn.astype(np.int32) % SECTORS
        # Pixels that are never usable are collected in one more cell, which is dropped.
        self._cell = np.where(mask, self.rings * SECTORS, cell).astype(np.int32)
        live_pixels = np.bincount(self._cell.ravel(), minlength=self.rings * SECTORS + 1)[:-1]
        self._live = live_pixels.reshape(self.rings, SECTORS).astype(np.float64)

    @property
    def radii(self) -> np.ndarray:
        """Radius (rings,) of the middle of each ring in pixels."""
        return self.inner + (np.arange(self.rings) + 0.5) * (self.outer - self.inner) / self.rings

    @property
    def live(self) -> np.ndarray:
        """Number of live pixels (rings, sectors) in each cell."""
        return self._live

    def sums(self, frame: Frame) -> Sums:
        """Return the counts of `frame` in the cells."""
        values = in_photons(frame.counts, frame.mask)
        usable = self._live > 0
        lost = (frame.mask | frame.saturated) & ~self.mask
        if lost.any():
            cells = np.unique(self._cell[lost])
            usable.reshape(-1)[cells] = False
        moves_and_counts = np.zeros((3, self.rings * SECTORS + 1))
        _collect(values.astype(np.float32, copy=False), self.mask, self._cell, moves_and_counts)
        cells = moves_and_counts[:, :-1].reshape(3, self.rings, SECTORS)
        return Sums(cells[2], usable, nuisances=np.stack([*cells[:2], self._live]))


@compiled
def _collect(values: np.ndarray, mask: np.ndarray, cell: np.ndarray, sums: np.ndarray) -> None:
    """Add the slopes along rows and columns, and the counts, of all pixels to the sums of cells.

    The slope of a pixel is the mean of the differences to its usable neighbours on either side.

    Args:
        values: (rows, cols) counts.
        mask: (rows, cols) bool, True = not usable.
        cell: (rows, cols) of each pixel.
        sums: (3, cells), which are changed.
    """
    rows, cols = values.shape
    for i in range(rows):
        for j in range(cols):
            if mask[i, j]:
                continue
            here, place = values[i, j], cell[i, j]
            step, number = np.float32(0), 0
            if i > 0 and not mask[i - 1, j]:
                step, number = step + (here - values[i - 1, j]), number + 1
            if i + 1 < rows and not mask[i + 1, j]:
                step, number = step + (values[i + 1, j] - here), number + 1
            sums[0, place] += step / max(number, 1)
            step, number = np.float32(0), 0
            if j > 0 and not mask[i, j - 1]:
                step, number = step + (here - values[i, j - 1]), number + 1
            if j + 1 < cols and not mask[i, j + 1]:
                step, number = step + (values[i, j + 1] - here), number + 1
            sums[1, place] += step / max(number, 1)
            sums[2, place] += here


def profile_sums(values: np.ndarray, poisson: bool | None = None) -> Sums:
    """Return a one-dimensional profile as sums over even pieces of its length.

    Args:
        values: (points,); points that are not finite are left out.
        poisson: whether the values are counts of photons; None: as the numbers look.
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    piece = pieces_of(len(values))
    pieces = int(piece[-1]) + 1
    kept = np.where(finite, values, 0)
    counts = np.bincount(piece, kept, pieces)[:, None]
    usable = np.bincount(piece, ~finite, pieces)[:, None] == 0
    if poisson is None:
        whole = bool((np.abs(kept - np.rint(kept)) < 1e-3).all())
        poisson = whole and float(kept.max(initial=0)) > 1
    return Sums(counts, usable, poisson)


def pieces_of(points: int) -> np.ndarray:
    """Return the piece (points,) of a profile to which each of its points belongs."""
    pieces = min(points // BINS, MOST) * BINS or points
    return np.arange(points) * pieces // points


def binned(values: np.ndarray) -> np.ndarray:
    """Return sums over the bins of the radius, (BINS, …), of values (rings, …)."""
    if len(values) <= BINS:
        return values
    return values.reshape(BINS, -1, *values.shape[1:]).sum(axis=1)
