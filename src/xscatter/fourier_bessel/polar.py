"""The polar grid, and the tables that turn sums on it into coefficients.

Pixels are spread onto the points (θ_i, r_j), r_j = (j + 1/2) dr, by the Kaiser-Bessel kernel along
both axes. From there a coefficient is a Fourier sum over θ_i, then, for its angular order, a sum
over r_j with a tabulated radial function. The kernel changes what it spreads, so both tables undo
it: the Fourier rows are divided by the kernel's transform, and the radial functions are such that
the kernel rebuilds N_mk J_m(z_mk r) from them. The same tables, transposed, give the inverse. They
depend on no image, mask or beam centre, so all plans of one truncation share them.
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
    """Tables of one truncation.

    Attributes:
        width: grid points an axis that a pixel spreads to.
        angles: number of angles of the grid, even.
        radii: number of its radii.
        step: their spacing in units of R.
        fourier: rows cos mθ_i, then sin mθ_i, i over half a turn, for even and for odd m: each
            (2 orders, angles / 2).
        radial: (angular_orders, radial_orders, radii).
        kernel: polynomials of the kernel's weights, (degree + 1, width).
    """

    width: int
    angles: int
    radii: int
    step: float
    fourier: tuple[np.ndarray, np.ndarray]
    radial: np.ndarray
    kernel: np.ndarray

    @property
    def pad(self) -> int:
        """Points beyond either end of an axis that the kernel reaches."""
        return self.width // 2 + 1

    @property
    def padded(self) -> tuple[int, int]:
        """Shape of the padded grid that pixels are spread on.

        Its angles go beyond a turn at both ends, its radii below 0: no kernel is cut.
        """
        return self.angles + 2 * self.pad, self.radii + self.pad

    def place(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return where points at (`rows`, `cols`) from the centre, in units of R, spread to.

        First indices on the padded grid along θ and r, (n,) each, then weights along θ and r,
        (n, width) each.
        """
        # In steps of the grid, from 0 to a whole turn.
        theta = np.arctan2(rows, cols) * (self.angles / (2 * np.pi)) % self.angles
        first_theta, along_theta = self._spread(theta)
        first_r, along_r = self._spread(np.hypot(rows, cols) / self.step - 0.5)
        return first_theta, first_r, along_theta, along_r

    def _spread(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # The first grid point that the kernel reaches.
        first = np.ceil(position - self.width / 2)
        powers = np.vander(first - position + self.width / 2, len(self.kernel), increasing=True)
        return (first + self.pad).astype(np.int32), (powers @ self.kernel).astype(self.radial.dtype)

    def fold(self, grid: np.ndarray) -> np.ndarray:
        """Add the margins of the padded grid (padded θ, padded r, ...) to where they belong.

        Returns (angles, radii, ...), a view.
        """
        pad, angles = self.pad, self.angles
        # In place: the grid is large, and not needed again.
        turn = grid[pad : pad + angles]
        turn[:pad] += grid[pad + angles :]
        turn[-pad:] += grid[:pad]
        # (θ, -r) is (θ + π, r).
        turn[:, pad : 2 * pad] += np.roll(turn[:, pad - 1 :: -1], angles // 2, axis=0)
        return turn[:, pad:]

    def unfold(self, grid: np.ndarray) -> np.ndarray:
        """Continue values (angles, radii, ...) over the padded grid: :meth:`fold` transposed."""
        inner = np.roll(grid[:, self.pad - 1 :: -1], self.angles // 2, axis=0)
        turn = np.concatenate([inner, grid], axis=1)
        return np.concatenate([turn[-self.pad :], turn, turn[: self.pad]])

    def analyse(self, grid: np.ndarray) -> np.ndarray:
        """Return complex coefficients (angular_orders, radial_orders, n) of sums on the grid."""
        orders, count, radii = self.radial.shape
        half = self.angles // 2
        near, far = grid[:half], grid[half:]
        sums = np.empty((2, orders, radii, grid.shape[2]), grid.dtype)
        # Half a turn on, e^{imθ} is the same for even m and of opposite sign for odd m: each parity
        # needs only half of the angles.
        for parity, folded in enumerate((near + far, near - far)[: min(2, orders)]):
            waves = self.fourier[parity] @ folded.reshape(half, -1)
            sums[:, parity::2] = waves.reshape(2, -1, radii, grid.shape[2])
        # One product of matrices for each order, which takes both parts and all lanes at once.
        cosine, sine = self.radial @ sums
        result = np.empty((orders, count, grid.shape[2]), np.result_type(grid.dtype, np.complex64))
        result.real, result.imag = cosine, -sine
        return result

    def synthesise(self, coefficients: np.ndarray) -> np.ndarray:
        """Return values (angles, radii, n) of coefficients: :meth:`analyse` transposed."""
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
    """Return the spacing of the grid's radii, in units of R: OVERSAMPLING points a half wave."""
    # With a few low orders the band would be so narrow that the kernel reached across the disk.
    return float(np.pi / (OVERSAMPLING * max(zeros.max(), 4.0)))


_kept: dict[tuple, PolarTables] = {}


def polar_tables(*key) -> PolarTables:
    """Return :func:`make_tables` of the same arguments, made once; the last four are kept."""
    return _kept[key] if key in _kept else keep_tables(key, make_tables(*key))


def keep_tables(key: tuple, tables: PolarTables) -> PolarTables:
    """Keep `tables` for :func:`polar_tables` to return for the arguments `key`; return them."""
    # The oldest goes: one run mostly uses one truncation.
    if len(_kept) >= 4:
        del _kept[next(iter(_kept))]
    return _kept.setdefault(key, tables)


def make_tables(
    angular_orders: int, radial_orders: int, boundary: str, width: int, reach: int, dtype: str
) -> PolarTables:
    """Return the tables of a truncation.

    Args:
        angular_orders: m from 0.
        radial_orders: zeros of each order.
        boundary: "dirichlet" or "neumann".
        width: of the Kaiser-Bessel kernel.
        reach: steps that points may lie beyond r = 1.
        dtype: of the tables.
    """
    zeros = basis.zeros(angular_orders, radial_orders, boundary)
    step = radial_step(zeros)
    radii = int(np.ceil(1 / step)) + reach + width // 2 + 1
    # Four angles for each order, but never fewer than two kernels are wide.
    angles = max(2 * int(OVERSAMPLING * angular_orders), 2 * width)
    turn = 2 * np.pi * np.arange(angles // 2) / angles
    fourier = []
    for parity in (0, 1):
        m = np.arange(parity, angular_orders, 2)[:, None]
        rows = np.stack([np.cos(m * turn), np.sin(m * turn)])
        # Undo the effect of the kernel on each order along the angle.
        rows /= kaiser_bessel_transform(m / angles, width)
        fourier.append(np.ascontiguousarray(rows.reshape(-1, turn.size), dtype))
    radial = _radial(zeros, basis.norms(zeros, boundary), step, radii, 1 + reach * step, width)
    kernel = kernel_polynomials(width)
    tables = PolarTables(
        width, angles, radii, step, (fourier[0], fourier[1]), radial.astype(dtype), kernel
    )
    # They are shared by plans, and by the processes of a node.
    for table in (*tables.fourier, tables.radial):
        table.setflags(write=False)
    return tables


def _radial(zeros, norms, step: float, radii: int, end: float, width: int) -> np.ndarray:
    """Return values on the grid from which the kernel rebuilds N_mk J_m(z_mk r), r from 0 to `end`.

    They solve a linear least-squares problem, for even and for odd m apart.
    """
    # Three times as many equations as unknowns, so that the fit holds between grid points, too.
    r = np.linspace(0, end, 3 * radii)
    values = basis.radial_values(zeros, r) * norms[:, None, :]
    position = r[:, None] / step - 0.5
    near = kaiser_bessel(position - np.arange(radii), width)
    # J_m has the parity of m; the kernel reaches to negative radii.
    mirrored = kaiser_bessel(position + 1 + np.arange(radii), width)
    table = np.empty((len(zeros), zeros.shape[1], radii))
    for parity, sign in ((0, 1), (1, -1)):
        # Smaller singular values belong to values on the grid that the kernel hardly sees:
        # inverted, they would carry nothing but rounding.
        inverse = np.linalg.pinv(near + sign * mirrored, rcond=10.0 ** -(width + 1))
        table[parity::2] = np.swapaxes(inverse @ values[parity::2], 1, 2)
    return table
