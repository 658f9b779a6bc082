"""Rings of a powder from tabulated intensities.

Tables give integrated intensities of a powder diffractometer, I = m |F|² (1 + cos²2θ)/(sin²θ cos θ)
at its wavelength. The intensity of a ring on an area detector, per solid angle and integrated over
q, is m |F|²/q² at every wavelength (polarisation and obliquity are the detector's). Source: Warren,
X-ray Diffraction (1969), chapter 4.
"""

import numpy as np

COPPER = 0.1540593  # nm, Cu Kα1


def ring_strengths(
    q: np.ndarray, intensities: np.ndarray, wavelength: float = COPPER
) -> np.ndarray:
    """Return m |F|²/q² (n,) of the rings of a powder, 1 for the strongest.

    Args:
        q: of the rings (n,) in nm⁻¹.
        intensities: tabulated (n,).
        wavelength: of the table in nm.
    """
    sine = q * wavelength / (4 * np.pi)
    squared = sine**2
    polarisation = (1 + (1 - 2 * squared) ** 2) / (squared * np.sqrt(1 - squared))
    strength = intensities / polarisation / q**2
    return strength / strength.max()


def cubic_lines(cell: float, indices: list[tuple[int, int, int]]) -> np.ndarray:
    """Return q (n,) in nm⁻¹ of reflections (hkl) of a cubic cell with edge `cell` in nm."""
    return 2 * np.pi / cell * np.sqrt(np.sum(np.square(np.array(indices, float)), axis=1))
