"""Powder scattering of particles on a lattice.

    I(q) = P(q) [1 + β(q) G(q) (S(q) − 1)],
    S(q) = Z₀(q)/P(q) = c/q² Σ_hkl m |F_hkl|² L(q − q_hkl),

with m the multiplicity, F the structure factor of the cell per particle, G the Debye-Waller factor,
β the loss of coherence by the spread of sizes, L a peak of area 1 over q. The constant c is that
for which S is 1 on average: a reciprocal lattice of cell (2π)³/v has m points on a sphere of area
4π q², so c = (2π)³/(4π v). Rods packed in two dimensions and stacked sheets have the same form with
q and 1 in place of q²: the factors 1/q and 1/q² of a rod's and a sheet's own average over
orientations belong to P.

Sources: Yager, Zhang, Lu & Gang, J. Appl. Cryst. 47 (2014) 118; Förster et al., J. Phys. Chem. B
109 (2005) 1347. Reflection conditions: International Tables for Crystallography, volume A.
"""

from functools import cache

import numpy as np

SIMPLE_CUBIC, BODY_CENTRED, FACE_CENTRED, HEXAGONAL, LAMELLAR = (
    "simple cubic", "bcc", "fcc", "hexagonal", "lamellar",
)  # fmt: skip
DIMENSION = {SIMPLE_CUBIC: 3, BODY_CENTRED: 3, FACE_CENTRED: 3, HEXAGONAL: 2, LAMELLAR: 1}
PARTICLES = {SIMPLE_CUBIC: 1, BODY_CENTRED: 2, FACE_CENTRED: 4, HEXAGONAL: 1, LAMELLAR: 1}


@cache
def reflections(lattice: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `count` reflections: q over that of the first (n,), multiplicity (n,).

    Reflections of equal q are one entry; the multiplicity is the number of reciprocal lattice
    points.
    """
    squares = _squares(lattice)
    values, multiplicity = np.unique(squares, return_counts=True)
    values, multiplicity = values[:count], multiplicity[:count]
    return np.sqrt(values / values[0]), multiplicity


def squared_ratios(lattice: str, count: int) -> list[float]:
    """Return squares of q over that of the first reflection, of the first `count`, rounded."""
    return [round(float(x) ** 2, 6) for x in reflections(lattice, count)[0]]


def _squares(lattice: str) -> np.ndarray:
    """Return |hkl|² of the allowed reflections in units of the axis, complete to the largest."""
    reach = {3: 12, 2: 16, 1: 64}[DIMENSION[lattice]]
    index = np.arange(-reach, reach + 1)
    if lattice == LAMELLAR:
        square = index**2
    elif lattice == HEXAGONAL:
        first, second = np.meshgrid(index, index)
        square = (first**2 + first * second + second**2).ravel()
    else:
        h, k, m = np.meshgrid(index, index, index)
        allowed = np.ones(h.shape, bool)
        if lattice == BODY_CENTRED:
            allowed = (h + k + m) % 2 == 0
        elif lattice == FACE_CENTRED:
            allowed = ((h + k) % 2 == 0) & ((k + m) % 2 == 0)
        square = (h**2 + k**2 + m**2)[allowed]
    complete = reach**2 * (0.75 if lattice == HEXAGONAL else 1)
    return square[(square > 0) & (square <= complete)]


def first_reflection(lattice: str, spacing: float) -> float:
    """Return q of the first reflection; `spacing` is cell edge, distance of rods or period."""
    factor = {
        SIMPLE_CUBIC: 1,
        BODY_CENTRED: 2**0.5,
        FACE_CENTRED: 3**0.5,
        HEXAGONAL: 2 / 3**0.5,
        LAMELLAR: 1,
    }
    return 2 * np.pi / spacing * factor[lattice]


def strengths(lattice: str, spacing: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return q (n,) of the first reflections, and the area over q (n,) of their peaks in S(q).

    Args:
        lattice: its name.
        spacing: edge of the cell, distance of rods or period.
        count: number of reflections.
    """
    ratio, multiplicity = reflections(lattice, count)
    centre = ratio * first_reflection(lattice, spacing)
    dimension = DIMENSION[lattice]
    volume = {3: spacing**3, 2: spacing**2 * 3**0.5 / 2, 1: spacing}[dimension] / PARTICLES[lattice]
    sphere = {3: 4 * np.pi, 2: 2 * np.pi, 1: 2.0}[dimension]
    return centre, (2 * np.pi) ** dimension / volume * multiplicity / (
        sphere * centre ** (dimension - 1)
    )


def peak_area(lorentzian: float) -> float:
    """Return the area over q of a pseudo-Voigt peak of height 1 and full width 1."""
    return lorentzian * np.pi / 2 + (1 - lorentzian) * np.sqrt(np.pi / np.log(2)) / 2
