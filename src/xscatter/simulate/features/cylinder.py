"""Form factor of cylinders in random orientation, polydisperse.

P(q) = ∫₀¹ [2 J₁(q R s)/(q R s) · sin(q L u/2)/(q L u/2)]² du, with u the cosine of the angle
between the axis and q, and s = √(1 − u²).

Source: Fournet, Bull. Soc. Fr. Minéral. Cristallogr. 74 (1951) 39; Pedersen,
Adv. Colloid Interface Sci. 70 (1997) 171.
"""

from functools import cache

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import disk_amplitude, ratio
from xscatter.simulate.physics.sizes import tabulated_average
from xscatter.simulate.shared.particles import (
    PARTICLE_SHARE,
    POLYDISPERSITY,
    RADIUS,
    draw_polydispersity,
    draw_size,
    particle_components,
)

KIND = "sample"
FAMILIES = {"solution": 1.6, "superlattice": 0.5, "polymer": 0.6, "any": 0.2}
GRAZING = 0.2
SHARE = PARTICLE_SHARE
TAGS = ("form factor: cylinder", "diffuse low-q: isotropic")
PARAMETERS = (
    Parameter("radius", "nm", 5.0, RADIUS, "median radius"),
    Parameter("aspect", "", 6.0, (0.3, 30.0), "length over diameter"),
    POLYDISPERSITY,
)
ANGLES = 64


@cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(ANGLES)
    return (nodes + 1) / 2, weights / 2


def form_factor(q: np.ndarray, radius: float, aspect: float, polydispersity: float) -> np.ndarray:
    """Return P (n,) of polydisperse cylinders in random orientation.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        radius: median radius in nm.
        aspect: length over diameter.
        polydispersity: standard deviation of the logarithm of the size.
    """
    u, weights = _nodes()
    across, along = radius * np.sqrt(1 - u**2), radius * aspect * u

    def shape(k: np.ndarray) -> np.ndarray:
        end = np.sinc(k[:, None] * (along / np.pi)[None, :])
        return (disk_amplitude(k[:, None] * across[None, :]) * end) ** 2 @ weights

    return tabulated_average(shape, q, polydispersity)


# Shapes that other form factors have to be told from, at one size.
SHAPES = tuple({"radius": 1.0, "aspect": aspect} for aspect in (1.5, 2.0, 3.0, 6.0, 15.0))

REFERENCES = (
    (lambda: float(disk_amplitude(np.array([3.8317060]))[0]), (), 0.0, "first zero of J1"),
    (
        ratio,
        (form_factor, 0.5, 2.0, 2.0, 10.0, 0.0),
        0.0417613868 / 53.6661653,
        "sasmodels 1.1, cylinder, 20 × 400 Å",
    ),
)


def draw(rng, experiment):
    return {
        "radius": draw_size(rng, experiment, 3.9),
        "aspect": np.exp(rng.uniform(np.log(1.5), np.log(20))),
        "polydispersity": draw_polydispersity(rng),
    }


def contribute(parameters, experiment):
    p = parameters
    # Scattering weighs sizes with the square of the volume, which shifts the minimum by exp(6σ²).
    split = 3.83 / (p["radius"] * np.exp(6 * p["polydispersity"] ** 2))
    return particle_components(
        lambda q: form_factor(q, **p), experiment.q, split, "form factor: cylinder"
    )
