"""Rods packed hexagonally, in grains of all orientations or oriented.

I(q) = P(q) [1 − β G + β G S(q)] with peaks at q = 4π/(√3 d) · √(h² + hk + k²): 1 : √3 : 2 : √7 : 3.
The rods are long: P(q) = [2 J₁(q R)/(q R)]²/q, averaged over their radius; S sums peaks m L(q −
q_hk)/q (`physics/lattice.py`).

Source: Förster et al., J. Phys. Chem. B 109 (2005) 1347; Yager, Zhang, Lu & Gang, J. Appl. Cryst.
47 (2014) 118.
"""

import numpy as np

from xscatter.simulate.physics.lattice import HEXAGONAL, reflections, squared_ratios
from xscatter.simulate.physics.particles import disk_amplitude
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
FAMILIES = {"block copolymer": 1.8, "superlattice": 0.8, "any": 0.15}
GRAZING = 0.5
TAGS = (HEXAGONAL, *LATTICE_TAGS)
PARAMETERS = (SPACING, FILLING, *DISORDER, *ORIENTATION)
IDENTIFIED = 2  # √3: the first ring alone could be of any lattice
REFERENCES = (
    (squared_ratios, (HEXAGONAL, 6), [1, 3, 4, 7, 9, 12], "International Tables, volume A"),
    (
        lambda: reflections(HEXAGONAL, 6)[1].tolist(),
        (),
        [6, 6, 6, 12, 6, 6],
        "tables of multiplicities",
    ),
)


def rod(q: np.ndarray, radius: float, polydispersity: float) -> np.ndarray:
    """Return P (n,) per length of long rods of median `radius` in nm, `q` (n,) in nm⁻¹.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        radius: median radius in nm.
        polydispersity: standard deviation of the logarithm of the radius.
    """
    return size_average(lambda k: disk_amplitude(k * radius) ** 2, q, polydispersity) / np.maximum(
        q, 1e-2 / radius
    )


def draw(rng, experiment):
    return draw_lattice(rng, experiment, HEXAGONAL)


def contribute(parameters, experiment):
    radius = parameters["spacing"] * parameters["filling"]
    return lattice_components(
        parameters,
        experiment,
        HEXAGONAL,
        lambda q: rod(q, radius, parameters["polydispersity"]),
        IDENTIFIED,
    )
