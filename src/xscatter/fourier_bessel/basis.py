"""The Fourier-Bessel basis of the unit disk: zeros, norms and values of the radial functions.

ψ_mk(r, θ) = N_mk J_m(z_mk r) e^{imθ}, orthonormal on the disk r ≤ 1. The radial equation and both
boundary conditions: NIST Digital Library of Mathematical Functions (DLMF, https://dlmf.nist.gov),
sections 10.21 and 10.22.
"""

from functools import lru_cache

import numpy as np
from scipy.special import jv

from xscatter.core.errors import UserError

BOUNDARIES = ("dirichlet", "neumann")


@lru_cache(maxsize=8)
def zeros(angular_orders: int, radial_orders: int, boundary: str = "dirichlet") -> np.ndarray:
    """Return the zeros z_mk, (angular_orders, radial_orders) float64, exact to rounding.

    Args:
        angular_orders: number of rows: m from 0.
        radial_orders: number of columns: column k holds the (k+1)-th zero.
        boundary: "dirichlet", the positive zeros of J_m, or "neumann", those of J_m', where the
            zero at 0 is the first of m = 0.

    Raises:
        UserError: `boundary` is neither.

    Example:
        >>> zeros(2, 3).round(3).tolist()
        [[2.405, 5.52, 8.654], [3.832, 7.016, 10.173]]
    """
    if boundary not in BOUNDARIES:
        raise UserError(f"boundary {boundary!r} is not known; use one of {', '.join(BOUNDARIES)}")
    order = np.arange(1, radial_orders + 1)
    table = np.empty((angular_orders, radial_orders))
    for m in range(angular_orders):
        if m < 2:
            guess = _asymptotic(m, order if boundary == "dirichlet" or m else order - 1, boundary)
        elif m < 3:
            # Two known orders: a straight line through them.
            guess = 2 * table[m - 1] - table[m - 2]
        else:
            # Zeros are smooth in m: three orders predict the next to a twentieth of the distance
            # between zeros, close enough for the iteration to find the right one.
            guess = 3 * table[m - 1] - 3 * table[m - 2] + table[m - 3]
        table[m] = _polish(m, guess, boundary)
    if boundary == "neumann":
        table[0, 0] = 0.0
    # Neighbouring zeros are nearly π apart, and rise with m: a zero found twice would show here.
    if not ((np.diff(table, axis=1) > 2).all() and (np.diff(table, axis=0) > 0).all()):
        raise ArithmeticError("zeros of the Bessel functions out of order")
    table.setflags(write=False)  # it is cached, and shared by all plans
    return table


def _asymptotic(m: int, k: np.ndarray, boundary: str) -> np.ndarray:
    """Return the zeros number `k` by McMahon's expansion (DLMF 10.21.19, 10.21.20), two terms."""
    if boundary == "dirichlet":
        b = (k + m / 2 - 1 / 4) * np.pi
        return b - (4 * m * m - 1) / (8 * b)
    if m == 0:  # J_0' = -J_1
        b = (k + 1 / 4) * np.pi
        return np.where(k > 0, b - 3 / (8 * b), 1.0)
    b = (k + m / 2 - 3 / 4) * np.pi
    return b - (4 * m * m + 3) / (8 * b)


def _polish(m: int, x: np.ndarray, boundary: str) -> np.ndarray:
    """Return the zeros near `x`: Halley's iteration, derivatives from Bessel's equation."""
    for _ in range(20):
        value = jv(m, x)
        first = jv(m - 1, x) - m / x * value
        second = -first / x - (1 - (m / x) ** 2) * value
        if boundary == "dirichlet":
            f, f1, f2 = value, first, second
        else:
            third = (
                -second / x + first / x**2 - (1 - (m / x) ** 2) * first - 2 * m**2 / x**3 * value
            )
            f, f1, f2 = first, second, third
        # At the zero of J_0' at 0 the step is not a number; it is set below.
        with np.errstate(all="ignore"):
            step = 2 * f * f1 / (2 * f1**2 - f * f2)
        if m == 0 and boundary == "neumann":
            step[0] = 0.0  # the zero at 0 is set by hand
        x = x - step
        if np.abs(step).max() < 1e-6:  # convergence is cubic: the error left is below rounding
            break
    return x


def norms(zeros: np.ndarray, boundary: str = "dirichlet") -> np.ndarray:
    """Return the norms N_mk of the basis functions with the given `zeros`, in the same shape.

    Dirichlet: 1 / (√π |J_{m+1}(z)|) (DLMF 10.22.37); Neumann: 1 / √(π (1 - m²/z²) J_m(z)²) (DLMF
    10.22.38), and 1 / √π for the zero at 0.

    Example:
        >>> norms(zeros(1, 2)).round(4).tolist()
        [[1.0868, 1.6581]]
    """
    m = np.arange(len(zeros))[:, None]
    if boundary == "dirichlet":
        return 1 / (np.sqrt(np.pi) * np.abs(jv(m + 1, zeros)))
    with np.errstate(divide="ignore", invalid="ignore"):
        table = 1 / np.sqrt(np.pi * (1 - (m / zeros) ** 2) * jv(m, zeros) ** 2)
    if len(zeros):
        table[0, 0] = 1 / np.sqrt(np.pi)
    return table


def radial_values(zeros: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Return J_m(z_mk r) for all m, k and r, to about 1e-14.

    Taylor series about a regular grid of arguments, twenty times as fast as evaluating each value.
    The table of J_m comes from the backward recurrence (DLMF 3.6(iii), 10.74(iv)), its derivatives
    from 2 J_m' = J_{m-1} - J_{m+1} (DLMF 10.6.1).

    Args:
        zeros: z_mk, (angular_orders, radial_orders).
        r: (n,) radii in units of R, not negative.

    Returns:
        (angular_orders, n, radial_orders) float64.

    Example:
        >>> radial_values(zeros(1, 1), np.array([0.0, 0.5])).round(6).tolist()
        [[[1.0], [0.66993]]]
    """
    step, terms = 0.25, 9  # (step / 2)^9 / 9! = 2e-14
    orders = len(zeros)
    # Up to the largest argument, and one point beyond for rounding.
    x = step * np.arange(int(zeros.max() * r.max() / step) + 2)
    table = _bessel_table(orders + terms, x)
    derivatives = np.empty((terms, orders, x.size))
    # J_{-m} = (-1)^m J_m continues the table below m = 0.
    below = table[1:terms][::-1] * ((-1.0) ** np.arange(1, terms)[::-1])[:, None]
    level, low = np.concatenate([below, table]), terms - 1
    for n in range(terms):
        derivatives[n] = level[low : low + orders]
        level, low = (level[:-2] - level[2:]) / 2, low - 1
    values = np.empty((orders, r.size, zeros.shape[1]))
    for m in range(orders):
        argument = r[:, None] * zeros[m]
        index = np.rint(argument / step).astype(np.intp)
        offset = argument - index * step
        total = derivatives[terms - 1, m][index]
        # Horner's scheme, from the highest derivative down.
        for n in range(terms - 2, -1, -1):
            total *= offset / (n + 1)
            total += derivatives[n, m][index]
        values[m] = total
    return values


def _bessel_table(orders: int, x: np.ndarray) -> np.ndarray:
    """Return J_m(x), (orders, n), by Miller's backward recurrence.

    Forward, rounding errors grow with m; backward, they shrink. It starts from arbitrary values at
    an order where J_m(x) is negligible, and 1 = J_0 + 2 (J_2 + J_4 + ...) (DLMF 10.12.4) sets the
    scale.
    """
    # J_m falls faster than exponentially once m exceeds x by a few times the cube root of x.
    start = int(max(orders, x.max()) + 15 * max(orders, x.max()) ** (1 / 3) + 20)
    table = np.zeros((orders, x.size))
    # Tiny, because values grow by many powers of ten on the way down.
    above, here = np.zeros(x.size), np.full(x.size, 1e-280)
    total = np.zeros(x.size)
    with np.errstate(divide="ignore"):
        twice = np.where(x > 0, 2 / x, 0.0)
    for m in range(start, -1, -1):
        if m < orders:
            table[m] = here
        total += here * ((m == 0) + 2 * (m % 2 == 0 and m > 0))
        above, here = here, m * twice * here - above
        large = np.abs(here) > 1e200  # long before it overflows; only ratios matter until the end
        if large.any():
            for values in (above, here, total):
                values[large] *= 1e-250
            table[:, large] *= 1e-250
    table /= np.where(x > 0, total, 1.0)
    table[:, x == 0] = 0.0
    table[0, x == 0] = 1.0
    return table
