"""The pixels of one detector: which lie in the disk, on which ring, and where each spreads to.

Tables for the way of pixels to the polar grid. If the pixels are finer than the basis needs (by
LEAST_REDUCTION or more), rows and then columns go onto a coarser square grid first (`row_first`,
`row_weights`, `blocks`), whose step is that of the polar grid's radii. What is spread onto the
polar grid (`points`) are the points of that square grid, or else the pixels themselves.
"""

from functools import cached_property

import numpy as np

from xscatter.fourier_bessel import loops
from xscatter.fourier_bessel.kernels import least_squares_weights
from xscatter.fourier_bessel.loops import LANES
from xscatter.fourier_bessel.polar import PolarTables
from xscatter.fourier_bessel.rings import RingTable, ring_table

# A coarser grid pays once it has this many times fewer points along an axis.
LEAST_REDUCTION = 1.3
# Most memory for a table of bins. On larger detectors, bins of the remaining rows are computed for
# every image, which takes a little longer and keeps memory bounded.
MOST_BIN_BYTES = 2**23


class Pixels:
    """Places of the pixels of a window on the polar grid.

    Args:
        detector_shape: (rows, cols) of the detector.
        window: rows (first, end) and columns (first, end) in detector pixels; it may reach beyond
            the detector, where partners of pixels lie.
        center: beam centre (row, col) in pixels.
        radius: radius of the disk in pixels.
        tables: the polar grid; its radii reach beyond the disk if `taps` is not 0.
        taps: points an axis of the interpolation onto the square grid; 0: there is none.

    Attributes:
        starts: in row y of the window, columns starts[y] to stops[y] lie in the disk.
        stops: see `starts`.
        count: number of pixels of the disk in the window.
        disk_count: number of pixels of the disk on an endless detector.
        grid_shape: of the square grid, or of the window if `taps` is 0.
        points: of the points that are spread: their index on the square grid, first angle and
            radius on the padded polar grid, (n,) each, and weights along both, (n, width) each.
    """

    def __init__(
        self,
        detector_shape: tuple[int, int],
        window: tuple[tuple[int, int], tuple[int, int]],
        center: tuple[float, float],
        radius: float,
        tables: PolarTables,
        taps: int,
    ):
        (self.top, bottom), (self.left, right) = window
        self.detector_shape = detector_shape
        self.shape = (bottom - self.top, right - self.left)
        self.center, self.radius, self.tables, self.taps = center, radius, tables, taps
        rows = np.arange(self.top, bottom) - center[0]
        cols = np.arange(self.left, right) - center[1]
        (first_row, first_col), counts = disk_lattice(center, radius)
        line = np.arange(self.top, bottom) - first_row
        seen = (line >= 0) & (line < counts.size)
        line = np.clip(line, 0, counts.size - 1)
        # In each row the disk is one run of columns: two numbers a row replace a mask.
        self.starts = np.clip(first_col[line] - self.left, 0, self.shape[1]).astype(np.int32)
        ends = np.clip(first_col[line] + counts[line] - self.left, 0, self.shape[1])
        self.stops = np.where(seen, ends, self.starts).astype(np.int32)
        self.count = int((self.stops - self.starts).sum())
        self.disk_count = counts.sum()
        dtype = tables.radial.dtype
        if taps:
            (self.row_first, self.row_weights, grid_rows) = self._axis(rows)
            (self.col_first, self.col_weights, grid_cols) = self._axis(cols)
            self.blocks = self._blocks(grid_cols.size)
        else:
            grid_rows, grid_cols = rows / radius, cols / radius
        self.grid_shape = (grid_rows.size, grid_cols.size)
        distance = np.hypot(grid_rows[:, None], grid_cols)
        limit = (tables.radii - tables.width / 2 - 0.5) * tables.step if taps else 1.0
        # Without taps, the same pixels as in starts and stops, whatever the rounding of `distance`.
        index = np.flatnonzero(distance <= limit if taps else self.in_disk)
        theta, r, along_theta, along_r = tables.place(
            grid_rows[index // grid_cols.size], grid_cols[index % grid_cols.size]
        )
        # Neighbours on the polar grid follow each other, so that they find it in the cache.
        order = np.lexsort((theta, r // 8))
        self.points = tuple(
            np.ascontiguousarray(column[order])
            for column in (index.astype(np.int32), theta, r, along_theta, along_r)
        )
        self.dtype = dtype

    def _axis(self, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return first grid index and weights of each row or column; the grid in units of R."""
        spacing = self.tables.step
        first, weights = least_squares_weights(distance / (self.radius * spacing), self.taps)
        low = first.min()
        grid = (np.arange(first.max() - low + self.taps) + low) * spacing
        return (first - low).astype(np.int32), weights.astype(self.tables.radial.dtype), grid

    def _blocks(self, size: int) -> list[tuple[slice, slice, np.ndarray]]:
        """Return the weights along a row as small matrices: columns, grid columns, the matrix.

        Each column of the window has few weights; products with these dense matrices are still much
        faster than loops over them.
        """
        blocks = []
        # In blocks of 32 grid columns each matrix holds few zeros.
        for low in range(0, size, 32):
            high = min(low + 32, size)
            start = np.searchsorted(self.col_first, low - self.taps + 1)
            stop = np.searchsorted(self.col_first, high)
            matrix = np.zeros((stop - start, size + self.taps), self.tables.radial.dtype)
            where = self.col_first[start:stop, None] + np.arange(self.taps)
            np.put_along_axis(matrix, where, self.col_weights[start:stop], axis=1)
            blocks.append(
                (slice(start, stop), slice(low, high), np.ascontiguousarray(matrix[:, low:high]))
            )
        return blocks

    @property
    def corner(self) -> tuple[int, int]:
        """First row and column of the window in the detector."""
        return self.top, self.left

    @property
    def complete(self) -> bool:
        """Whether the whole disk lies in the window."""
        return self.count == self.disk_count

    @property
    def coverage(self) -> float:
        """Fraction of the disk's pixels that lie in the window."""
        return min(1.0, self.count / self.disk_count)

    @property
    def rings(self) -> int:
        """Number of rings: ring n holds the pixels at a distance of n - 1/2 to n + 1/2 pixels."""
        return int(self.radius + 0.5) + 1

    @property
    def in_disk(self) -> np.ndarray:
        """Whether each pixel of the window lies in the disk, (rows, cols) bool."""
        columns = np.arange(self.shape[1])
        return (columns >= self.starts[:, None]) & (columns < self.stops[:, None])

    def live(self, mask: np.ndarray) -> np.ndarray:
        """Return whether each pixel of the window lies in the disk and is not masked.

        `mask` is (rows, cols) of the detector, or NO_MASK.
        """
        rows, cols = (
            slice(first, first + side) for first, side in zip(self.corner, self.shape, strict=True)
        )
        return self.in_disk & ~mask[rows, cols] if mask.size else self.in_disk

    def bins(self, mask: np.ndarray) -> np.ndarray:
        """Return the bins of the first rows of the window, as many as MOST_BIN_BYTES hold.

        The bin of a pixel is its ring, plus `rings` if it is not live (see
        :func:`loops.find_bins`).
        """
        # Half the memory where rings are few enough.
        dtype = np.dtype(np.int16 if 2 * self.rings < 32767 else np.int32)
        rows = min(self.shape[0], MOST_BIN_BYTES // (self.shape[1] * dtype.itemsize))
        bins = np.zeros((rows, self.shape[1]), dtype)
        loops.find_bins(*self.corner, self.starts, self.stops, mask, self.middle, self.rings, bins)
        return bins

    def ring_numbers(self) -> np.ndarray:
        """Return the ring of each pixel, (rows, cols); `rings` outside of the disk."""
        rows, cols = (
            np.arange(side) - middle for side, middle in zip(self.shape, self.middle, strict=True)
        )
        return np.where(self.in_disk, np.hypot(rows[:, None], cols) + 0.5, self.rings).astype(
            np.int32
        )

    @property
    def middle(self) -> tuple[float, float]:
        """The beam centre, counted from the corner of the window."""
        return self.center[0] - self.top, self.center[1] - self.left

    def ring_sums(self, image: np.ndarray, mask: np.ndarray, bins: np.ndarray) -> np.ndarray:
        """Return the sums over the live pixels of each ring, (rings,) float64.

        Args:
            image: (rows, cols) of the detector.
            mask: as `image`, or NO_MASK.
            bins: what :meth:`bins` returns for the mask.
        """
        sums = np.zeros((4, 2 * self.rings))
        loops.ring_sums(image, *self.corner, self.starts, self.stops, mask, self.middle, bins, sums)
        return sums.sum(0)[: self.rings]

    @property
    def nbytes(self) -> int:
        """Size of the tables made so far, those of the polar grid included, in bytes."""
        tables = (self.tables.radial, *self.tables.fourier, *self.points)
        made: RingTable | None = self.__dict__.get("ring_table")
        rows = (
            [weights for _, _, weights in self.blocks] + [self.row_weights, self.col_weights]
            if self.taps
            else []
        )
        return sum(table.nbytes for table in (*tables, *rows)) + (made.nbytes if made else 0)

    @cached_property
    def ring_table(self) -> RingTable | None:
        """How the pixels of the disk beside the window spread; None if there are none."""
        if self.complete:
            return None
        (row, cols), counts = disk_lattice(self.center, self.radius)
        seen = np.stack([cols, cols])
        line = np.arange(row, row + counts.size) - self.top
        of_window = (line >= 0) & (line < self.shape[0])
        seen[:, of_window] = self.left + np.stack([self.starts, self.stops])[:, line[of_window]]
        seen = np.clip(
            seen, cols, cols + counts
        )  # the disk may miss the window in some of its rows
        return ring_table(self.tables, self.center, self.radius, (row, cols, counts), seen)

    def interpolate(self, grid: np.ndarray, n: int) -> np.ndarray:
        """Return `n` images (n, rows, cols) of the window from values (angles, radii, LANES).

        The way forward, transposed; 0 outside of the disk.
        """
        source = np.zeros((self.grid_shape[0] * self.grid_shape[1], LANES), self.dtype)
        loops.interpolate(np.ascontiguousarray(self.tables.unfold(grid)), *self.points, source)
        images = np.ascontiguousarray(source.T[:n]).reshape(n, *self.grid_shape)
        if self.taps:
            images = _along(images, self.row_first, self.row_weights, axis=1)
            images = _along(images, self.col_first, self.col_weights, axis=2)
            images *= self.in_disk
        return images


def disk_lattice(
    center: tuple[float, float], radius: float
) -> tuple[tuple[int, np.ndarray], np.ndarray]:
    """Find the pixels at most `radius` from `center` on an endless detector.

    Returns:
        The first row and, for it and each row below, the first column; and the number of pixels in
        each of these rows.
    """
    rows = np.arange(np.ceil(center[0] - radius), np.floor(center[0] + radius) + 1).astype(np.int64)
    across = (rows - center[0]) ** 2
    reach = np.sqrt(np.maximum(radius**2 - across, 0))
    low = np.ceil(center[1] - reach).astype(np.int64) - 1
    high = np.floor(center[1] + reach).astype(np.int64) + 1
    # The square root may have been rounded across a pixel; this is the condition that defines the
    # disk.
    for _ in range(2):
        low += across + (low - center[1]) ** 2 > radius**2
        high -= across + (high - center[1]) ** 2 > radius**2
    return (int(rows[0]) if rows.size else 0, low), np.maximum(high - low + 1, 0)


def _along(values: np.ndarray, first: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate along an axis, with weights (n, taps) from the indices `first` (n,) on."""
    shape = [1, 1, 1]
    shape[axis] = -1
    return sum(
        np.take(values, first + n, axis=axis) * weights[:, n].reshape(shape)
        for n in range(weights.shape[1])
    )
