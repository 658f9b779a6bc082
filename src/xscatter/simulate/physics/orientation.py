"""Distributions of intensity over the azimuth χ.

The wrapped Cauchy distribution of n-fold symmetry (the Poisson kernel of the unit disk),

    A(χ) = (1 − η²) / (1 + η² − 2 η cos n(χ − χ₀)),

has mean 1 over the azimuth, and its Fourier coefficients of order k n are ηᵏ: η = 0 is isotropic,
η → 1 is perfectly aligned. Source: Mardia & Jupp, Directional Statistics (2000), section 3.5.7.
"""

import numpy as np


def wrapped_cauchy(chi: np.ndarray, eta: float, fold: int, direction: float = 0.0) -> np.ndarray:
    """A(χ) at `chi` (radians), any shape; `direction` χ₀ in radians is one of the maxima."""
    return (1 - eta**2) / (1 + eta**2 - 2 * eta * np.cos(fold * (np.asarray(chi) - direction)))


def order_parameter(chi: np.ndarray, intensity: np.ndarray, direction: float = 0.0) -> float:
    """Hermans' orientation parameter ⟨3 cos²φ − 1⟩/2 of an azimuthal intensity, φ = χ − χ₀.

    The mean is over solid angle, ⟨f⟩ = ∫ f I |sin φ| dφ / ∫ I |sin φ| dφ: the distribution is taken to be
    symmetric about the direction χ₀. `chi` (n,) covers the full circle evenly, in radians.
    Source: Hermans, Hermans, Vermaas & Weidinger, Recl. Trav. Chim. Pays-Bas 65 (1946) 427.
    """
    phi = np.asarray(chi) - direction
    weight = np.asarray(intensity) * np.abs(np.sin(phi))
    return float(np.sum(weight * (1.5 * np.cos(phi) ** 2 - 0.5)) / np.sum(weight))


def wrapped_cauchy_order(eta: float) -> float:
    """Hermans' parameter of the two-fold wrapped Cauchy distribution, in closed form.

    With u = cos φ the integrals over (1 + η)² − 4 η u² are elementary; with p = (1 + η)/(2 √η),
    ⟨u²⟩ = p² − p / artanh(1/p).
    """
    if eta < 1e-6:
        return 0.4 * eta  # the first order of the series
    p = (1 + eta) / (2 * np.sqrt(eta))
    return float(1.5 * (p**2 - p / np.arctanh(1 / p)) - 0.5)
