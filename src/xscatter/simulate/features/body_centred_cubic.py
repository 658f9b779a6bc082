"""Spheres on a body-centred cubic lattice, in grains of all orientations.

I(q) = P(q) [1 − β G + β G S(q)], with peaks at q = 2π √(h² + k² + l²)/a for h + k + l even: their
squares are in the ratios 1 : 2 : 3 : 4 : 5 : 6 : 7. P is the form factor of spheres, G the
Debye-Waller factor, β the loss of coherence by the spread of sizes; S sums peaks m L(q − q_hkl)/q²,
m the multiplicity (`physics/lattice.py`).

Source: Yager, Zhang, Lu & Gang, J. Appl. Cryst. 47 (2014) 118; Förster et al., J. Phys. Chem. B 109
(2005) 1347.
"""

from xscatter.simulate.physics.lattice import BODY_CENTRED, reflections
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
FAMILIES = {"superlattice": 2.6, "any": 0.16}
GRAZING = 0.3
TAGS = (BODY_CENTRED, *LATTICE_TAGS)
PARAMETERS = (SPACING, FILLING, *DISORDER)
IDENTIFIED = 3  # at √3 of the first: two rings alone could be of another lattice
TABLES = "International Tables, volume A"
REFERENCES = (
    (
        lambda: [round(float(x) ** 2, 6) for x in reflections(BODY_CENTRED, 7)[0]],
        (),
        [1, 2, 3, 4, 5, 6, 7],
        TABLES,
    ),
    (
        lambda: reflections(BODY_CENTRED, 7)[1].tolist(),
        (),
        [12, 6, 24, 12, 24, 8, 48],
        "tables of multiplicities",
    ),
)


def draw(rng, experiment):
    return draw_lattice(rng, experiment, BODY_CENTRED)


def contribute(parameters, experiment):
    radius = parameters["spacing"] * parameters["filling"]
    return lattice_components(
        parameters,
        experiment,
        BODY_CENTRED,
        lambda q: sphere(q, radius, parameters["polydispersity"]),
        IDENTIFIED,
    )
