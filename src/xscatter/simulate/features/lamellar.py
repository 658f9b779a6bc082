"""Sheets stacked at equal distances, in grains of all orientations or oriented.

I(q) = P(q) [1 − β G + β G S(q)] with peaks at q = 2π l/d: 1 : 2 : 3. The sheets are wide: P(q) =
[sin(q t/2)/(q t/2)]²/q², averaged over their thickness; S sums peaks L(q − q_l)
(`physics/lattice.py`).

Source: Förster et al., J. Phys. Chem. B 109 (2005) 1347; Nallet, Laversanne & Roux, J. Phys. II 3
(1993) 487.
"""

import numpy as np

from xscatter.simulate.physics.lattice import LAMELLAR, reflections
from xscatter.simulate.physics.sizes import size_average
from xscatter.simulate.shared.superlattice import (
    DISORDER,
    FILLING,
    LATTICE_TAGS,
    ORIENTATION,
    SPACING,
    draw_lattice,
    lattice_components,
)

KIND = "sample"
FAMILIES = {"block copolymer": 1.8, "superlattice": 0.8, "polymer": 0.5, "any": 0.15}
GRAZING = 0.5
TAGS = (LAMELLAR, *LATTICE_TAGS)
PARAMETERS = (SPACING, FILLING, *DISORDER, *ORIENTATION)
IDENTIFIED = 2  # the second order: the first ring alone could be of any lattice
REFERENCES = (
    (lambda: reflections(LAMELLAR, 5)[0].tolist(), (), [1, 2, 3, 4, 5], "Bragg's law"),
    (lambda: reflections(LAMELLAR, 5)[1].tolist(), (), [2, 2, 2, 2, 2], "l and −l"),
)


def sheet(q: np.ndarray, thickness: float, polydispersity: float) -> np.ndarray:
    """Return P (n,) per area of wide sheets of median `thickness` in nm, `q` (n,) in nm⁻¹.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        thickness: median thickness in nm.
        polydispersity: standard deviation of the logarithm of the thickness.
    """
    profile = size_average(lambda k: np.sinc(k * (thickness / (2 * np.pi))) ** 2, q, polydispersity)
    return profile / np.maximum(q, 1e-2 / thickness) ** 2


def draw(rng, experiment):
    return draw_lattice(rng, experiment, LAMELLAR)


def contribute(parameters, experiment):
    thickness = 2 * parameters["spacing"] * parameters["filling"]
    return lattice_components(
        parameters,
        experiment,
        LAMELLAR,
        lambda q: sheet(q, thickness, parameters["polydispersity"]),
        IDENTIFIED,
    )
