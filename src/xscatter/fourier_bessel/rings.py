"""Spread the pixels of the disk beside the detector over the polar grid, ring by ring.

A disk may be much larger than the detector, and spreading millions of pixels that were never
measured would take most of the time. But all pixels of a ring have the same value, its mean. So all
that is needed of a ring is, for each point of the polar grid, the sum of the kernel over the ring's
pixels beside the detector. This sum depends on the geometry alone, and is tabulated once:

1. Within a small cell of angle and ring, the kernel is a polynomial in τ (along the angle) and δ
   (along the radius), both from -1 to 1. The sum over the pixels of a cell is therefore the
   polynomial's coefficients times the sums of τ^a δ^b over the pixels (``ring_loops.cell_sums``).
2. Over the angle this is carried out at once. The table keeps, for every angle of the grid and
   every ring, one sum for each power of δ.
3. For each block of images, ``ring_loops.add_rings`` multiplies them by the polynomials along the
   radius and the means of the rings.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xscatter.fourier_bessel import kernels, ring_loops
from xscatter.fourier_bessel.polar import PolarTables

# Cells in a step of the grid's angle; even, so that a kernel of odd width ends at the border of a
# cell.
CELLS = 4
# Half of a ring is at most this long, in steps of the grid's radius; longer rings are cut into
# parts, so that polynomials of a few powers are enough.
MOST_REACH = 0.4
RINGS_AT_ONCE = 64  # bounds the memory while the table is made


@dataclass(frozen=True)
class RingTable:
    """The share of a function of the radius beside the detector in the sums on the polar grid.

    Attributes:
        parts: number of parts that each ring is cut into; below, ring stands for part.
        start: the first ring that has a pixel beside the detector.
        sums: (angles, powers of δ, rings from `start` on).
        first: (rings,) the first radius that each ring reaches, negative beyond the centre.
        radial: the kernel along the radius, as polynomials: (rings, powers of δ, radii from `first`
            on).
    """

    parts: int
    start: int
    sums: np.ndarray
    first: np.ndarray
    radial: np.ndarray

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.sums.nbytes + self.first.nbytes + self.radial.nbytes

    def rings(self) -> np.ndarray:
        """Return the number of the (uncut) ring of each column of the table."""
        return np.arange(self.start, self.start + len(self.first)) // self.parts

    def add(self, means: np.ndarray, grid: np.ndarray) -> None:
        """Add the pixels beside the detector to `grid` (angles, radii, LANES).

        `means` (LANES, rings) are the values of their rings.
        """
        lanes = np.ascontiguousarray(means.T[self.rings()])
        ring_loops.add_rings(self.sums, self.first, self.radial, lanes, grid)


def ring_table(
    tables: PolarTables,
    center: tuple[float, float],
    radius: float,
    lattice: tuple[int, np.ndarray, np.ndarray],
    seen: np.ndarray,
) -> RingTable:
    """Return the table of the pixels of `lattice` that are not `seen`.

    Args:
        tables: the polar grid.
        center: beam centre (row, col) in pixels.
        radius: radius of the disk in pixels.
        lattice: first row of the disk; for it and each row below, first column and number of
            pixels, (rows,) each.
        seen: (2, rows) in each row, the first column that is left out, and the first after those.
    """
    extent, dtype = tables.step * radius, tables.radial.dtype
    parts = 2 ** max(0, int(np.ceil(np.log2(0.5 / MOST_REACH / extent))))
    rings = parts * (int(radius + 0.5) + 1)
    along_theta, lowest = _angular(tables.width)
    first, radial = _radial(tables.width, extent, parts, rings)
    powers = radial.shape[1]
    wide = -powers % 4 + powers  # the compiled loop takes powers of δ four by four
    spread = np.einsum("can,bp->cnpab", along_theta, np.eye(wide, powers))
    spread = spread.reshape(CELLS, -1, along_theta.shape[1] * wide).astype(dtype)
    table = np.zeros((tables.angles, powers, rings), dtype)
    # A few rings at a time: the sums over cells are much larger than the table.
    for low in range(0, rings, RINGS_AT_ONCE):
        target = table[:, :, low : low + RINGS_AT_ONCE]
        cells = np.zeros(
            (tables.angles * CELLS, target.shape[2], along_theta.shape[1], wide), dtype
        )
        # Rings that lie on the detector completely add nothing.
        if not ring_loops.cell_sums(center, *lattice, seen, parts, low, cells):
            continue
        steps = cells.reshape(tables.angles, CELLS, target.shape[2], -1)
        along = sum(spread[n] @ np.swapaxes(steps[:, n], 1, 2) for n in range(CELLS))
        for n in range(along_theta.shape[2]):  # to the angle that is n + lowest steps further
            target += np.roll(along[:, n * powers : (n + 1) * powers], n + lowest, axis=0)
    # Inner rings are on the detector and need no row of the table.
    start = int(np.argmax(table[:, 0].any(axis=0)))
    return RingTable(
        parts, start, table[:, :, start:].copy(), first[start:], radial[start:].astype(dtype)
    )


@lru_cache(maxsize=8)
def _angular(width: int) -> tuple[np.ndarray, int]:
    """Return the kernel along the angle, for each cell of a step, and the first angle it reaches.

    The kernel is given as polynomials, (CELLS, powers of τ, angles).
    """
    lowest = -((width - 1) // 2)
    # An odd kernel is centred on grid points, so it may reach one more.
    angles = np.arange(lowest, lowest + width + width % 2)
    middle = (np.arange(CELLS)[:, None] + 0.5) / CELLS
    distance = angles - middle
    return np.swapaxes(_polynomials(distance, -0.5 / CELLS, width), 0, 1), lowest


def _radial(width: int, extent: float, parts: int, rings: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first radius that each ring reaches, (rings,), and the kernel along the radius.

    The kernel is given as polynomials, (rings, powers of δ, radii).
    """
    half = 0.5 / parts / extent
    position = ((np.arange(rings) + 0.5) / parts - 0.5) / extent - 0.5
    first = np.ceil(position - half - width / 2).astype(np.int32)
    distance = first[:, None] + np.arange(width + int(2 * half) + 1) - position[:, None]
    return first, np.moveaxis(_polynomials(distance, -half, width), 0, 1)


def _polynomials(distance: np.ndarray, slope: float, width: int) -> np.ndarray:
    """Return the kernel at `distance` + `slope` x, x from -1 to 1, as polynomials of x: (powers,
    ...).

    They are as exact as the kernel is. The kernel is continued smoothly beyond its ends, where it
    is as small as its error, since a polynomial cannot follow an edge.
    """
    # Chebyshev nodes: interpolation there is stable, and its error can be read from the series.
    nodes = np.cos(np.pi * (np.arange(24) + 0.5) / 24)
    values = kernels.kaiser_bessel_continued(
        distance + slope * nodes.reshape(-1, *[1] * distance.ndim), width
    )
    values[:, np.abs(distance) > width / 2 + abs(slope) - 1e-9] = 0
    series = np.linalg.solve(np.polynomial.chebyshev.chebvander(nodes, 23), values.reshape(24, -1))
    # Bound of the error if the Chebyshev series ends before each term: the sum of all that follow.
    beyond = np.cumsum(np.abs(series[::-1]), axis=0)[::-1].max(axis=1)
    enough = max(kernels.kaiser_bessel(width / 2, width), 1e-13)
    # As few powers as the error of the kernel itself allows: each costs memory and time.
    powers = max(2, int(np.argmax(np.append(beyond, 0) < enough)))
    to_powers = np.zeros((powers, powers))
    for n in range(powers):
        to_powers[: n + 1, n] = np.polynomial.chebyshev.cheb2poly(np.eye(powers)[n])[: n + 1]
    return (to_powers @ series[:powers]).reshape(powers, *distance.shape)
