"""Form factor of cylinders in random orientation, polydisperse.

P(q) = ∫₀¹ [2 J₁(q R s)/(q R s) · sin(q L u/2)/(q L u/2)]² du, with u the cosine of the angle between
the axis and q, and s = √(1 − u²).

Source: Fournet, Bull. Soc. Fr. Minéral. Cristallogr. 74 (1951) 39; Pedersen,
Adv. Colloid Interface Sci. 70 (1997) 171.
"""

from functools import cache

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
from xscatter.simulate.physics.sizes import tabulated_average

KIND = "sample"
FAMILIES = {"solution": 1.6, "superlattice": 0.5, "polymer": 0.6, "any": 0.2}
GRAZING = 0.2
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


def disk_amplitude(x: np.ndarray) -> np.ndarray:
    """2 J₁(x)/x, which is 1 at x = 0; any shape. By rational approximation (Abramowitz & Stegun 9.4.4, 9.4.6)."""
    x = np.maximum(x, 1e-3)
    squared = np.minimum(x / 3, 1.0) ** 2
    small = 0.5 + squared * (
        -0.56249985 + squared * (0.21093573 + squared * (-0.03954289 + squared * (
            0.00443319 + squared * (-0.00031761 + squared * 0.00001109)))))  # fmt: skip
    t = 3 / np.maximum(x, 3.0)
    modulus = 0.79788456 + t * (
        0.00000156
        + t
        * (0.01659667 + t * (0.00017105 + t * (-0.00249511 + t * (0.00113653 - t * 0.00020033))))
    )
    phase = -2.35619449 + t * (
        0.12499612
        + t
        * (0.00005650 + t * (-0.00637879 + t * (0.00074348 + t * (0.00079824 - t * 0.00029166))))
    )
    return 2 * np.where(x < 3, small, modulus * np.cos(x + phase) / (x * np.sqrt(x)))


def form_factor(q: np.ndarray, radius: float, aspect: float, polydispersity: float) -> np.ndarray:
    """P (n,) at `q` (n,) in nm⁻¹; `radius` in nm, `aspect` length over diameter, `polydispersity` of the size."""
    u, weights = _nodes()
    across, along = radius * np.sqrt(1 - u**2), radius * aspect * u

    def shape(k: np.ndarray) -> np.ndarray:
        end = np.sinc(k[:, None] * (along / np.pi)[None, :])
        return (disk_amplitude(k[:, None] * across[None, :]) * end) ** 2 @ weights

    return tabulated_average(shape, q, polydispersity)


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
    split = 3.83 / (p["radius"] * np.exp(6 * p["polydispersity"] ** 2))
    return particle_components(
        lambda q: form_factor(q, **p), experiment.q, split, ("form factor: cylinder",)
    )
