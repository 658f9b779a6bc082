"""How the pixels of a disk that lie beside the detector reach the polar grid, summed ring by ring.

They have the means of their rings, so what counts of a ring is the sum of the kernel over its pixels. Where a pixel
lies within its ring, and within a small cell of angle, enters through powers: the sums of τ^a δ^b over the pixels of
each cell, τ and δ from -1 to 1, times the polynomials that the kernel is there. The angle is summed up at once; what is
kept is, for every angle of the grid and every ring, a sum for each power of δ.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xscatter.fourier_bessel import kernels, loops
from xscatter.fourier_bessel.polar import PolarTables

CELLS = 4  # in a step of the grid's angle; even, so that the kernel of odd width begins at the border of one
# Half of a ring reaches over at most this part of a step of the grid's radius; else it is cut: polynomials stay short.
MOST_REACH = 0.4
RINGS_AT_ONCE = 64


@dataclass(frozen=True)
class RingTable:
    """What a radial function beside the detector adds to the polar grid."""

    parts: int
    """Parts that each ring is cut in; below, ring stands for part."""
    start: int
    """The first ring that has a pixel beside the detector."""
    sums: np.ndarray
    """(angles, powers of δ, rings from `start` on)."""
    first: np.ndarray
    """The first radius that each ring reaches, negative beyond the centre: (rings,)."""
    radial: np.ndarray
    """The kernel there as polynomials: (rings, powers of δ, radii from `first` on)."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.sums.nbytes + self.first.nbytes + self.radial.nbytes

    def rings(self) -> np.ndarray:
        """Number of the ring of each column of the table."""
        return np.arange(self.start, self.start + len(self.first)) // self.parts

    def add(self, means: np.ndarray, grid: np.ndarray) -> None:
        """Add the pixels beside the detector, whose rings have the `means` (LANES, rings), to `grid`."""
        lanes = np.ascontiguousarray(means.T[self.rings()])
        loops.add_rings(self.sums, self.first, self.radial, lanes, grid)


def ring_table(
    tables: PolarTables,
    center: tuple[float, float],
    radius: float,
    lattice: tuple[int, np.ndarray, np.ndarray],
    seen: np.ndarray,
) -> RingTable:
    """The table of the pixels of `lattice` that are not `seen`.

    Args:
        tables: the polar grid.
        center: beam centre (row, col) in pixels.
        radius: radius of the disk in pixels.
        lattice: first row of the disk; first column and number of pixels of it and each row below, (rows,), (rows,).
        seen: columns of each row from the first of them to before the second that are left out: (2, rows).
    """
    extent, dtype = tables.step * radius, tables.radial.dtype
    parts = 2 ** max(0, int(np.ceil(np.log2(0.5 / MOST_REACH / extent))))
    rings = parts * (int(radius + 0.5) + 1)
    along_theta, lowest = _angular(tables.width)
    first, radial = _radial(tables.width, extent, parts, rings)
    powers, wide = (
        radial.shape[1],
        -radial.shape[1] % 4 + radial.shape[1],
    )  # the loop takes powers of δ four by four
    spread = np.einsum("can,bp->cnpab", along_theta, np.eye(wide, powers))
    spread = spread.reshape(CELLS, -1, along_theta.shape[1] * wide).astype(dtype)
    table = np.zeros((tables.angles, powers, rings), dtype)
    for low in range(0, rings, RINGS_AT_ONCE):
        target = table[:, :, low : low + RINGS_AT_ONCE]
        cells = np.zeros(
            (tables.angles * CELLS, target.shape[2], along_theta.shape[1], wide), dtype
        )
        if not loops.cell_sums(center, *lattice, seen, parts, low, cells):
            continue
        steps = cells.reshape(tables.angles, CELLS, target.shape[2], -1)
        found = sum(spread[n] @ np.swapaxes(steps[:, n], 1, 2) for n in range(CELLS))
        for n in range(along_theta.shape[2]):  # to the angle n + lowest steps on
            target += np.roll(found[:, n * powers : (n + 1) * powers], n + lowest, axis=0)
    start = int(np.argmax(table[:, 0].any(axis=0)))
    return RingTable(
        parts, start, table[:, :, start:].copy(), first[start:], radial[start:].astype(dtype)
    )


@lru_cache(maxsize=8)
def _angular(width: int) -> tuple[np.ndarray, int]:
    """The kernel within each cell of a step as polynomials, (CELLS, powers of τ, angles), and the first angle."""
    lowest = -((width - 1) // 2)
    angles = np.arange(lowest, lowest + width + width % 2)
    middle = (np.arange(CELLS)[:, None] + 0.5) / CELLS
    distance = angles - middle
    return np.swapaxes(_polynomials(distance, -0.5 / CELLS, width), 0, 1), lowest


def _radial(width: int, extent: float, parts: int, rings: int) -> tuple[np.ndarray, np.ndarray]:
    """First radius that each ring reaches, (rings,); the kernel as polynomials, (rings, powers of δ, radii)."""
    half = 0.5 / parts / extent
    position = ((np.arange(rings) + 0.5) / parts - 0.5) / extent - 0.5
    first = np.ceil(position - half - width / 2).astype(np.int32)
    distance = first[:, None] + np.arange(width + int(2 * half) + 1) - position[:, None]
    return first, np.moveaxis(_polynomials(distance, -half, width), 0, 1)


def _polynomials(distance: np.ndarray, slope: float, width: int) -> np.ndarray:
    """The kernel at `distance` + `slope` x, x from -1 to 1, as polynomials of x: (powers, ...).

    They are as exact as the kernel is. Beyond its end, where it is as small as its error, it goes on as the same
    function: a polynomial has no edge.
    """
    nodes = np.cos(np.pi * (np.arange(24) + 0.5) / 24)
    values = kernels.kaiser_bessel_continued(
        distance + slope * nodes.reshape(-1, *[1] * distance.ndim), width
    )
    values[:, np.abs(distance) > width / 2 + abs(slope) - 1e-9] = 0
    series = np.linalg.solve(np.polynomial.chebyshev.chebvander(nodes, 23), values.reshape(24, -1))
    beyond = np.cumsum(np.abs(series[::-1]), axis=0)[::-1].max(
        axis=1
    )  # at least the error without these terms
    powers = max(
        2,
        int(np.argmax(np.append(beyond, 0) < max(kernels.kaiser_bessel(width / 2, width), 1e-13))),
    )
    to_powers = np.zeros((powers, powers))
    for n in range(powers):
        to_powers[: n + 1, n] = np.polynomial.chebyshev.cheb2poly(np.eye(powers)[n])[: n + 1]
    return (to_powers @ series[:powers]).reshape(powers, *distance.shape)
