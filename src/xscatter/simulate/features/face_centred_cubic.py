"""Spheres on a face-centred cubic lattice, in grains of all orientations.

I(q) = P(q) [1 − β G + β G S(q)], with peaks at q = 2π √(h² + k² + l²)/a, h, k, l all even or all
odd: their squares are in the ratios 3 : 4 : 8 : 11 : 12 : 16. P is the form factor of spheres, G
the Debye-Waller factor, β the loss of coherence by the spread of sizes; S sums peaks m L(q −
q_hkl)/q², m the multiplicity (`physics/lattice.py`).

Source: Yager, Zhang, Lu & Gang, J. Appl. Cryst. 47 (2014) 118; Förster et al., J. Phys. Chem. B 109
(2005) 1347.
"""

from xscatter.simulate.physics.lattice import FACE_CENTRED, reflections
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
TAGS = (FACE_CENTRED, *LATTICE_TAGS)
PARAMETERS = (SPACING, FILLING, *DISORDER)
IDENTIFIED = 3  # at √(8/3) of the first: two rings alone could be of another lattice
TABLES = "International Tables, volume A"
REFERENCES = (
    (
        lambda: [round(float(x) ** 2, 6) for x in reflections(FACE_CENTRED, 6)[0]],
        (),
        [1.0, 1.333333, 2.666667, 3.666667, 4.0, 5.333333],
        TABLES,
    ),
    (
        lambda: reflections(FACE_CENTRED, 6)[1].tolist(),
        (),
        [8, 6, 12, 24, 8, 6],
        "tables of multiplicities",
    ),
)


def draw(rng, experiment):
    return draw_lattice(rng, experiment, FACE_CENTRED)


def contribute(parameters, experiment):
    radius = parameters["spacing"] * parameters["filling"]
    return lattice_components(
        parameters,
        experiment,
        FACE_CENTRED,
        lambda q: sphere(q, radius, parameters["polydispersity"]),
        IDENTIFIED,
    )
