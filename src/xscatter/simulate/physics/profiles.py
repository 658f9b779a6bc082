"""Peaks, orientation distributions and the Debye-Waller factor. q in nm⁻¹, angles in radians."""

import numpy as np

FULL_WIDTH = np.sqrt(8 * np.log(2))  # at half maximum, of a Gaussian of standard deviation 1


def peak(q: np.ndarray, position: float, width: float, lorentzian: float = 0.0) -> np.ndarray:
    """Return a pseudo-Voigt peak (n,) of height 1 (Thompson, Cox & Hastings 1987).

    A peak narrower than two steps of `q` is widened to that, at the same area: it could otherwise
    fall between the points.

    Args:
        q: scattering vectors (n,) in nm⁻¹, evenly spaced.
        position: of the maximum in nm⁻¹.
        width: full width at half maximum in nm⁻¹.
        lorentzian: fraction of the Lorentzian.
    """
    least = 2.0 * (q[2] - q[1])
    shown = max(width, least)
    x2 = ((q - position) / (shown / 2)) ** 2
    value = (1 - lorentzian) * np.exp(-np.log(2) * x2)
    if lorentzian:
        value += lorentzian / (1 + x2)
    return value * (width / shown)


def wrapped_cauchy(chi: np.ndarray, eta: float, angle: float = 0.0, fold: int = 1) -> np.ndarray:
    """Return the orientation distribution (n,) of mean 1, (1 − η²) / (1 + η² − 2 η cos n(χ − χ₀)).

    The wrapped Cauchy distribution (Ruland-Smarsly form; Mardia & Jupp, Directional Statistics,
    2000) is uniform for η = 0 and becomes a delta function for η → 1.

    Args:
        chi: azimuths (n,).
        eta: order η of the orientation.
        angle: azimuth χ₀ of one maximum.
        fold: number n of maxima on a turn.
    """
    return (1 - eta**2) / (1 + eta**2 - 2 * eta * np.cos(fold * (chi - angle)))


def debye_waller(q: np.ndarray | float, displacement: float) -> np.ndarray:
    """Return exp(−σ² q²), σ the root mean square `displacement` along q (Debye, Waller)."""
    return np.exp(-((displacement * np.asarray(q)) ** 2))
