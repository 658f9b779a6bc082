"""Shapes of peaks over q, and their loss of intensity to disorder."""

import numpy as np

TO_SIGMA = 1 / np.sqrt(8 * np.log(2))  # standard deviation of a Gaussian of full width 1 at half maximum


def gaussian(q: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Gaussian of height 1 at `centre` and full width at half maximum `width`."""
    return np.exp(-0.5 * ((q - centre) / (TO_SIGMA * width)) ** 2)


def pseudo_voigt(q: np.ndarray, centre: np.ndarray, width: np.ndarray, lorentzian: float) -> np.ndarray:
    """Peaks of height 1: the part `lorentzian` (0 to 1) of a Lorentzian, the rest a Gaussian of the same width.

    Shapes broadcast; `width` is the full width at half maximum. The family between the Lorentzian of
    broad grain-size distributions and the Gaussian of uniform strain is that of Förster et al.,
    J. Phys. Chem. B 109 (2005) 1347, in the approximation of Wertheim et al., Rev. Sci. Instrum. 45 (1974) 1369.
    """
    squared = (2 * (q - centre) / width) ** 2
    return lorentzian / (1 + squared) + (1 - lorentzian) * np.exp(-np.log(2) * squared)


def pseudo_voigt_area(lorentzian: float) -> float:
    """Integral over q of :func:`pseudo_voigt` in units of its width."""
    return lorentzian * np.pi / 2 + (1 - lorentzian) * np.sqrt(np.pi / np.log(2)) / 2


def debye_waller(q: np.ndarray, displacement: float) -> np.ndarray:
    """G = exp(−q² u²): loss of Bragg intensity to random displacements.

    `displacement` u is the standard deviation along one axis, in the inverse unit of q.
    Source: Warren, X-ray Diffraction (1969), chapter 3.
    """
    return np.exp(-((q * displacement) ** 2))


def scherrer_width(grain: float) -> float:
    """Full width at half maximum in q of a reflection from grains of size `grain`: 2π 0.9 / size."""
    return 2 * np.pi * 0.9 / grain
