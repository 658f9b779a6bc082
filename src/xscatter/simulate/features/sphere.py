"""Form factor of polydisperse spheres.

P(q) = [3 (sin x − x cos x) / x³]², x = q R, averaged over a log-normal distribution of R.

Source: Lord Rayleigh, Proc. R. Soc. Lond. A 90 (1914) 219; Pedersen, Adv. Colloid Interface Sci. 70 (1997) 171.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import (
    POLYDISPERSITY,
    RADIUS,
    draw_polydispersity,
    draw_size,
    particle_components,
    ratio,
)
from xscatter.simulate.physics.sizes import size_average

KIND = "sample"
FAMILIES = {"solution": 2.0, "superlattice": 0.5, "polymer": 0.4, "any": 0.15}
GRAZING = 0.3
TAGS = ("form factor: sphere", "diffuse low-q: isotropic")
PARAMETERS = (Parameter("radius", "nm", 10.0, RADIUS, "median radius"), POLYDISPERSITY)
MINIMUM = 4.493409457909064  # first zero of the amplitude


def amplitude(x: np.ndarray) -> np.ndarray:
    """3 (sin x − x cos x) / x³, which is 1 at x = 0; any shape."""
    x = np.maximum(x, 1e-2)  # below, 1 − x²/10 differs from 1 by less than 1e-5
    return 3 * (np.sin(x) - x * np.cos(x)) / x**3


def form_factor(q: np.ndarray, radius: float, polydispersity: float) -> np.ndarray:
    """P (n,) at `q` (n,) in nm⁻¹; `radius` in nm is the median, `polydispersity` the deviation of its logarithm."""
    return size_average(lambda k: amplitude(k * radius) ** 2, q, polydispersity)


REFERENCES = (
    (amplitude, (MINIMUM,), 0.0, "first zero of the spherical Bessel function j1"),
    (
        ratio,
        (form_factor, 0.1, 1.0, 12.0, 0.0),
        6.20114062 / 13483.6265,
        "sasmodels 1.1, sphere, radius 120 Å",
    ),
)


def draw(rng, experiment):
    return {
        "radius": draw_size(rng, experiment, MINIMUM),
        "polydispersity": draw_polydispersity(rng),
    }


def contribute(parameters, experiment):
    p = parameters
    split = MINIMUM / (p["radius"] * np.exp(6 * p["polydispersity"] ** 2))
    return particle_components(
        lambda q: form_factor(q, **p), experiment.q, split, ("form factor: sphere",)
    )
