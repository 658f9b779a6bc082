"""Form factor of polydisperse spheres.

P(q) = [3 (sin x − x cos x) / x³]², x = q R, averaged over a log-normal distribution of R.

Source: Lord Rayleigh, Proc. R. Soc. Lond. A 90 (1914) 219; Pedersen, Adv. Colloid Interface Sci. 70
(1997) 171.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import FIRST_ZERO, ratio, sphere, sphere_amplitude
from xscatter.simulate.shared.particles import (
    PARTICLE_SHARE,
    POLYDISPERSITY,
    RADIUS,
    draw_polydispersity,
    draw_size,
    particle_components,
)

KIND = "sample"
FAMILIES = {"solution": 2.0, "superlattice": 0.5, "polymer": 0.4, "any": 0.15}
GRAZING = 0.3
SHARE = PARTICLE_SHARE
TAGS = ("form factor: sphere", "diffuse low-q: isotropic")
PARAMETERS = (Parameter("radius", "nm", 10.0, RADIUS, "median radius"), POLYDISPERSITY)

# Shapes that other form factors have to be told from, at one size.
form_factor = sphere
SHAPES = ({"radius": 1.0},)

REFERENCES = (
    (sphere_amplitude, (FIRST_ZERO,), 0.0, "first zero of the spherical Bessel function j1"),
    (
        ratio,
        (sphere, 0.1, 1.0, 12.0, 0.0),
        6.20114062 / 13483.6265,
        "sasmodels 1.1, sphere, radius 120 Å",
    ),
)


def draw(rng, experiment):
    return {
        "radius": draw_size(rng, experiment, FIRST_ZERO),
        # Spheres can be made more alike than any other particles.
        "polydispersity": draw_polydispersity(rng) / (2 if rng.random() < 0.5 else 1),
    }


def contribute(parameters, experiment):
    p = parameters
    # Scattering weighs sizes with the square of the volume, which shifts the minimum by exp(6σ²).
    split = FIRST_ZERO / (p["radius"] * np.exp(6 * p["polydispersity"] ** 2))
    return particle_components(lambda q: sphere(q, **p), experiment.q, split, "form factor: sphere")
