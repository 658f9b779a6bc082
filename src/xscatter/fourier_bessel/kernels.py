"""Interpolation weights of known error, which carry pixels onto coarser grids ("gridding").

Every basis function is band-limited: it is a sum of plane waves of wave number z_mk. A band-limited
function is known at any point from its values on a regular grid, by interpolation. Transposed, the
same weights carry the value of a pixel onto the grid points about it, and the sum over all pixels
becomes a sum over far fewer grid points.

Two sets of weights are used. The Kaiser-Bessel kernel (Kaiser and Schafer 1980; as a gridding
kernel, Jackson et al. 1991, doi:10.1109/42.97598) is two digits more exact for its width, but what
it does to each wave has to be divided out afterwards. On the polar grid that is possible, along the
angle and along the radius. Onto the square grid weights are used that need no division: those of
least squares.
"""

from functools import lru_cache

import numpy as np
from scipy.special import i0, j0

# Grid points for each half wave of the highest wave number. More would make the grids larger, fewer
# the kernels wider; at 2, the usual choice in gridding, both are moderate.
OVERSAMPLING = 2.0


def kaiser_bessel(distance: np.ndarray | float, width: int) -> np.ndarray:
    """Return the kernel at a `distance` in grid steps; zero beyond ``width / 2``, one at 0."""
    return np.where(np.abs(distance) <= width / 2, kaiser_bessel_continued(distance, width), 0.0)


def kaiser_bessel_continued(distance: np.ndarray | float, width: int) -> np.ndarray:
    """Return :func:`kaiser_bessel`, continued beyond its end: I0 of an imaginary number is J0."""
    beta = _beta(width)
    inside = 1 - (2 * np.asarray(distance) / width) ** 2
    within, beyond = (beta * np.sqrt(np.maximum(0.0, part)) for part in (inside, -inside))
    return np.where(inside >= 0, i0(within), j0(beyond)) / i0(beta)


def kaiser_bessel_transform(frequency: np.ndarray, width: int) -> np.ndarray:
    """Return the Fourier transform of the kernel at a `frequency` in cycles a grid step."""
    beta = _beta(width)
    # Complex: beyond the main lobe the root is imaginary and sinh becomes a sine.
    root = np.sqrt((beta**2 - (np.pi * width * np.asarray(frequency, float)) ** 2).astype(complex))
    return width * np.real(np.sinh(root) / root) / i0(beta)


def _beta(width: int) -> float:
    """Return β of Jackson et al. 1991: how steep the kernel of this width is."""
    return 0.98 * np.pi * width * (1 - 1 / (2 * OVERSAMPLING))


def kernel_polynomials(width: int) -> np.ndarray:
    """Return the weights of the points about a position as polynomials, (degree + 1, width).

    Their variable is how far, 0 to 1, the first point lies inside the kernel; row n belongs to its
    n-th power. Polynomials are much faster to evaluate at every pixel than I0 is.
    """
    degree = width + 3
    # Chebyshev nodes between 0 and 1.
    t = 0.5 - 0.5 * np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    values = kaiser_bessel(t[:, None] - width / 2 + np.arange(width), width)
    # Fitted in 2t - 1, where powers are far better conditioned than in t.
    centred = np.linalg.solve(np.polynomial.chebyshev.chebvander(2 * t - 1, degree), values)
    to_t = np.zeros((degree + 1, degree + 1))
    for n in range(degree + 1):
        series = np.polynomial.chebyshev.Chebyshev.basis(n, domain=(0, 1))
        power = series.convert(kind=np.polynomial.Polynomial, domain=(-1, 1), window=(-1, 1)).coef
        to_t[: power.size, n] = power
    return to_t @ centred


@lru_cache(maxsize=32)
def width_for(tolerance: float) -> int:
    """Return the smallest width of the Kaiser-Bessel kernel whose aliasing is below `tolerance`.

    Aliasing: a wave reaches the grid also as its images, whole sampling frequencies away.
    """
    # The band that is used; the rest of the spectrum is never divided by the transform.
    frequency = np.linspace(0, 1 / (2 * OVERSAMPLING), 33)
    for width in range(3, 18):
        images = [
            kaiser_bessel_transform(frequency + shift, width) for shift in (-3, -2, -1, 1, 2, 3)
        ]
        alias = np.sqrt(np.sum(np.square(images), axis=0)) / kaiser_bessel_transform(
            frequency, width
        )
        if alias.max() < tolerance:
            break
    return width


@lru_cache(maxsize=32)
def taps_for(tolerance: float) -> int:
    """Return the smallest even number of least-squares weights with an error below `tolerance`."""
    for taps in range(4, 40, 2):
        if _least_squares(np.linspace(0, 1, 9), taps)[1] < tolerance:
            break
    return taps


def least_squares_weights(position: np.ndarray, taps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return first grid index (n,) and weights (n, taps) that interpolate at `position` (n,).

    `position` is in grid steps.
    """
    floor = np.floor(position)
    weights, _ = _least_squares(position - floor, taps)
    return floor.astype(np.int64) - (taps // 2 - 1), weights


def _least_squares(fraction: np.ndarray, taps: int) -> tuple[np.ndarray, float]:
    """Return weights (n, taps) for positions a `fraction` (n,) of a step on, and their worst error.

    They minimise the mean squared error over plane waves of the highest wave number and of random
    direction, whose wave numbers along an axis crowd at the ends of the band.
    """
    wave = np.pi / OVERSAMPLING * np.cos(np.pi * (np.arange(8 * taps) + 0.5) / (8 * taps))
    nodes = np.arange(taps) - (taps / 2 - 1)
    # Even and odd parts about the middle keep the system real and its solution symmetric.
    middle = 0.5
    # Each row is one wave on the grid points, which the weights should carry to the position.
    design = np.exp(1j * wave[:, None] * (nodes - middle))
    target = np.exp(1j * wave[:, None] * (fraction - middle))
    system = np.concatenate([design.real, design.imag])
    wanted = np.concatenate([target.real, target.imag])
    weights = np.linalg.lstsq(system, wanted, rcond=1e-15)[0]
    error = np.sqrt(2 * np.mean((system @ weights - wanted) ** 2, axis=0).max())
    return weights.T, float(error)
