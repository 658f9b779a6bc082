"""Spheres on a simple cubic lattice, in grains of all orientations.

I(q) = P(q) [1 − β G + β G S(q)], with peaks at q = 2π √(h² + k² + l²)/a: their squares are in the
ratios 1 : 2 : 3 : 4 : 5 : 6 : 8. P is the form factor of spheres, G the Debye-Waller factor, β the
loss of coherence by the spread of sizes; S sums peaks m L(q − q_hkl)/q², m the multiplicity
(`physics/lattice.py`).

Source: Yager, Zhang, Lu & Gang, J. Appl. Cryst. 47 (2014) 118; Förster et al., J. Phys. Chem. B 109
(2005) 1347.
"""

from xscatter.simulate.physics.lattice import SIMPLE_CUBIC, reflections
from xscatter.simulate.physics.particles import sphere
from xscatter.simulate.shared.superlattice import (
    DISORDER,
    FILLING,
    LATTICE_TAGS,
    SPACING,
    draw_lattice,
    lattice_components,
)

KIND = "sample"
FAMILIES = {"superlattice": 2.4, "any": 0.14}
GRAZING = 0.3
TAGS = (SIMPLE_CUBIC, *LATTICE_TAGS)
PARAMETERS = (SPACING, FILLING, *DISORDER)
IDENTIFIED = 3  # at √3 of the first: two rings alone could be of another lattice
TABLES = "International Tables, volume A"
REFERENCES = (
    (
        lambda: [round(float(x) ** 2, 6) for x in reflections(SIMPLE_CUBIC, 7)[0]],
        (),
        [1, 2, 3, 4, 5, 6, 8],
        TABLES,
    ),
    (
        lambda: reflections(SIMPLE_CUBIC, 7)[1].tolist(),
        (),
        [6, 12, 8, 6, 24, 24, 12],
        "tables of multiplicities",
    ),
)


def draw(rng, experiment):
    return draw_lattice(rng, experiment, SIMPLE_CUBIC)


def contribute(parameters, experiment):
    radius = parameters["spacing"] * parameters["filling"]
    return lattice_components(
        parameters,
        experiment,
        SIMPLE_CUBIC,
        lambda q: sphere(q, radius, parameters["polydispersity"]),
        IDENTIFIED,
    )
