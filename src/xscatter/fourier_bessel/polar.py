"""The polar grid, and the tables that turn sums on it into coefficients.

Pixels are spread onto the points (θ_i, r_j), r_j = (j + 1/2) dr, by the Kaiser-Bessel kernel along
both axes. What is left is a Fourier sum over θ_i and, for each angular order, a sum over r_j. The
same tables, transposed, give the inverse. They depend on no image, mask or beam centre.
"""

from dataclasses import dataclass

import numpy as np

from xscatter.fourier_bessel import basis
from xscatter.fourier_bessel.kernels import (
    OVERSAMPLING,
    kaiser_bessel,
    kaiser_bessel_transform,
    kernel_polynomials,
)


@dataclass(frozen=True)
class PolarTables:
    """Tables of one truncation; `angles` even, `radii` points of spacing `step`, in units of the radius R."""

    width: int
    angles: int
    radii: int
    step: float
    fourier: tuple[np.ndarray, np.ndarray]
    """Rows cos mθ_i then sin mθ_i, i over half a turn, for even and for odd m: (2 orders, angles / 2)."""
    radial: np.ndarray
    """(angular_orders, radial_orders, radii)."""
    kernel: np.ndarray
    """Polynomials of the kernel's weights: (degree + 1, width)."""

    @property
    def pad(self) -> int:
        """Points beyond either end of an axis that the kernel reaches."""
        return self.width // 2 + 1

    @property
    def padded(self) -> tuple[int, int]:
        """Shape of the grid that pixels are spread on: it reaches over the turn and to negative radii."""
        return self.angles + 2 * self.pad, self.radii + self.pad

    def place(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where points at (`rows`, `cols`), in units of R, spread to.

        Returns first indices on the padded grid and weights along θ, then along r: (n,), (n,),
        (n, width), (n, width).
        """
        theta = np.arctan2(rows, cols) * (self.angles / (2 * np.pi)) % self.angles
        first_theta, along_theta = self._spread(theta)
        first_r, along_r = self._spread(np.hypot(rows, cols) / self.step - 0.5)
        return first_theta, first_r, along_theta, along_r

    def _spread(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = np.ceil(position - self.width / 2)
        powers = np.vander(first - position + self.width / 2, len(self.kernel), increasing=True)
        return (first + self.pad).astype(np.int32), (powers @ self.kernel).astype(self.radial.dtype)

    def fold(self, grid: np.ndarray) -> np.ndarray:
        """Sums on the padded grid (padded θ, padded r, ...) onto (angles, radii, ...)."""
        pad, angles = self.pad, self.angles
        turn = grid[pad : pad + angles]
        turn[:pad] += grid[pad + angles :]
        turn[-pad:] += grid[:pad]
        # (θ, -r) is (θ + π, r).
        turn[:, pad : 2 * pad] += np.roll(turn[:, pad - 1 :: -1], angles // 2, axis=0)
        return turn[:, pad:]

    def unfold(self, grid: np.ndarray) -> np.ndarray:
        """The transpose of :func:`fold`: values on (angles, radii, ...) continued over the padded grid."""
        inner = np.roll(grid[:, self.pad - 1 :: -1], self.angles // 2, axis=0)
        turn = np.concatenate([inner, grid], axis=1)
        return np.concatenate([turn[-self.pad :], turn, turn[: self.pad]])

    def analyse(self, grid: np.ndarray) -> np.ndarray:
        """Sums on the grid (angles, radii, n) to coefficients (angular_orders, radial_orders, n), complex."""
        orders, count, radii = self.radial.shape
        half = self.angles // 2
        near, far = grid[:half], grid[half:]
        sums = np.empty((2, orders, radii, grid.shape[2]), grid.dtype)
        # Half a turn further e^{imθ} is the same for even m, and of opposite sign for odd m.
        for parity, folded in enumerate((near + far, near - far)[: min(2, orders)]):
            part = self.fourier[parity] @ folded.reshape(half, -1)
            sums[:, parity::2] = part.reshape(2, -1, radii, grid.shape[2])
        parts = self.radial @ sums
        result = np.empty((orders, count, grid.shape[2]), np.result_type(grid.dtype, np.complex64))
        result.real, result.imag = parts[0], -parts[1]
        return result

    def synthesise(self, coefficients: np.ndarray) -> np.ndarray:
        """The transpose: coefficients (angular_orders, radial_orders, n) to values on the grid."""
        radii, n = self.radial.shape[2], coefficients.shape[2]
        parts = np.stack([coefficients.real, -coefficients.imag])
        # Orders -m, which are not stored, double all but m = 0.
        parts[:, 1:] *= 2
        sums = np.swapaxes(self.radial, 1, 2) @ parts
        even, odd = (
            (self.fourier[parity].T @ sums[:, parity::2].reshape(-1, radii * n)).reshape(
                -1, radii, n
            )
            for parity in (0, 1)
        )
        return np.concatenate([even + odd, even - odd])


def radial_step(zeros: np.ndarray) -> float:
    """Spacing of the grid's radii, in units of R."""
    return float(np.pi / (OVERSAMPLING * max(zeros.max(), 4.0)))


_kept: dict[tuple, PolarTables] = {}


def polar_tables(*key) -> PolarTables:
    """:func:`make_tables` with the same arguments, made once."""
    return _kept[key] if key in _kept else keep_tables(key, make_tables(*key))


def keep_tables(key: tuple, tables: PolarTables) -> PolarTables:
    """Let :func:`polar_tables` give `tables` for the arguments `key`."""
    if len(_kept) >= 4:
        del _kept[next(iter(_kept))]
    return _kept.setdefault(key, tables)


def make_tables(
    angular_orders: int, radial_orders: int, boundary: str, width: int, reach: int, dtype: str
) -> PolarTables:
    """Tables whose radii go to 1, and `reach` steps beyond where points lie outside of the disk."""
    zeros = basis.zeros(angular_orders, radial_orders, boundary)
    step = radial_step(zeros)
    radii = int(np.ceil(1 / step)) + reach + width // 2 + 1
    angles = max(2 * int(OVERSAMPLING * angular_orders), 2 * width)
    turn = 2 * np.pi * np.arange(angles // 2) / angles
    fourier = []
    for parity in (0, 1):
        m = np.arange(parity, angular_orders, 2)[:, None]
        rows = np.stack([np.cos(m * turn), np.sin(m * turn)])
        rows /= kaiser_bessel_transform(m / angles, width)
        fourier.append(np.ascontiguousarray(rows.reshape(-1, turn.size), dtype))
    radial = _radial(zeros, basis.norms(zeros, boundary), step, radii, 1 + reach * step, width)
    kernel = kernel_polynomials(width)
    tables = PolarTables(
        width, angles, radii, step, (fourier[0], fourier[1]), radial.astype(dtype), kernel
    )
    for table in (*tables.fourier, tables.radial):
        table.setflags(write=False)
    return tables


def _radial(zeros, norms, step: float, radii: int, end: float, width: int) -> np.ndarray:
    """Values on the grid from which the kernel rebuilds N_mk J_m(z_mk r) for r from 0 to `end`."""
    r = np.linspace(0, end, 3 * radii)
    values = basis.radial_values(zeros, r) * norms[:, None, :]
    position = r[:, None] / step - 0.5
    near = kaiser_bessel(position - np.arange(radii), width)
    # J_m has the parity of m; the kernel reaches to negative radii.
    mirrored = kaiser_bessel(position + 1 + np.arange(radii), width)
    table = np.empty((len(zeros), zeros.shape[1], radii))
    for parity, sign in ((0, 1), (1, -1)):
        # Directions below this see no pixel; kept, they would only carry rounding.
        inverse = np.linalg.pinv(near + sign * mirrored, rcond=10.0 ** -(width + 1))
        table[parity::2] = np.swapaxes(inverse @ values[parity::2], 1, 2)
    return table
