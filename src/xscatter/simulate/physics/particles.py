"""Form factors that several features use: spheres, and the disk that is the cross-section of rods.

Sources: Lord Rayleigh, Proc. R. Soc. Lond. A 90 (1914) 219 (sphere); Fournet, Bull. Soc. Fr.
Minéral. Cristallogr. 74 (1951) 39 (cylinder); Pedersen, Adv. Colloid Interface Sci. 70 (1997) 171.
"""

from collections.abc import Callable

import numpy as np

from xscatter.simulate.physics.sizes import tabulated_average

FIRST_ZERO = 4.493409457909064  # of the amplitude of a sphere


def sphere_amplitude(x: np.ndarray) -> np.ndarray:
    """3 (sin x − x cos x) / x³, which is 1 at x = 0; any shape."""
    x = np.maximum(x, 1e-2)  # below, 1 − x²/10 differs from 1 by less than 1e-5
    return 3 * (np.sin(x) - x * np.cos(x)) / (x * x * x)


def sphere(q: np.ndarray, radius: float, polydispersity: float) -> np.ndarray:
    """Return P (n,) of polydisperse spheres, P = [3 (sin x − x cos x) / x³]² with x = q R.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        radius: median R in nm.
        polydispersity: standard deviation of ln R.
    """
    return tabulated_average(lambda k: sphere_amplitude(k * radius) ** 2, q, polydispersity)


def disk_amplitude(x: np.ndarray) -> np.ndarray:
    """2 J₁(x)/x, which is 1 at x = 0; any shape.

    By the rational approximations of Abramowitz & Stegun, 9.4.4 and 9.4.6, exact to 1e-7.
    """
    x = np.maximum(x, 1e-3)
    squared = np.minimum(x / 3, 1.0) ** 2
    small = 0.5 + squared * (
        -0.56249985 + squared * (0.21093573 + squared * (-0.03954289 + squared * (
            0.00443319 + squared * (-0.00031761 + squared * 0.00001109)))))  # fmt: skip
    t = 3 / np.maximum(x, 3.0)
    modulus = 0.79788456 + t * (
        0.00000156
        + t
        * (0.01659667 + t * (0.00017105 + t * (-0.00249511 + t * (0.00113653 - t * 0.00020033))))
    )
    phase = -2.35619449 + t * (
        0.12499612
        + t
        * (0.00005650 + t * (-0.00637879 + t * (0.00074348 + t * (0.00079824 - t * 0.00029166))))
    )
    return 2 * np.where(x < 3, small, modulus * np.cos(x + phase) / (x * np.sqrt(x)))


def ratio(
    curve: Callable[..., np.ndarray], first: float, second: float, *parameters: float
) -> float:
    """Return P(second)/P(first) of a form factor: comparable whatever the normalisation of P.

    Args:
        curve: the form factor, called as ``curve(q, *parameters)``.
        first: q of the denominator in nm⁻¹.
        second: q of the numerator in nm⁻¹.
        parameters: of the form factor.
    """
    low, high = curve(np.array([first, second]), *parameters)
    return float(high / low)
