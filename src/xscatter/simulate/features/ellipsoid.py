"""Form factor of ellipsoids of revolution in random orientation, polydisperse.

P(q) = ∫₀¹ P_sphere(q R √(1 + u² (ε² − 1))) du, with R the equatorial radius, ε R the polar one and
u the cosine of the angle between the axis and q.

Source: Guinier, Ann. Phys. 11 (1939) 161; Pedersen, Adv. Colloid Interface Sci. 70 (1997) 171.
"""

from functools import cache

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import ratio, sphere
from xscatter.simulate.shared.particles import (
    PARTICLE_SHARE,
    POLYDISPERSITY,
    RADIUS,
    draw_polydispersity,
    draw_size,
    particle_components,
)

KIND = "sample"
FAMILIES = {"solution": 2.3, "superlattice": 0.6, "polymer": 0.6, "any": 0.25}
GRAZING = 0.1
SHARE = PARTICLE_SHARE
TAGS = ("form factor: ellipsoid", "diffuse low-q: isotropic")
PARAMETERS = (
    Parameter("radius", "nm", 10.0, RADIUS, "median equatorial radius"),
    Parameter("aspect", "", 1.5, (0.2, 5.0), "polar radius over equatorial radius"),
    POLYDISPERSITY,
)
ANGLES = 40


@cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(ANGLES)
    return (nodes + 1) / 2, weights / 2


def form_factor(q: np.ndarray, radius: float, aspect: float, polydispersity: float) -> np.ndarray:
    """Return P (n,) of polydisperse ellipsoids in random orientation.

    An ellipsoid scatters at one orientation as a sphere of some radius: the average over sizes is
    taken once, on a table of spheres, and the average over orientations reads that table.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        radius: median equatorial radius in nm.
        aspect: ε, polar over equatorial radius.
        polydispersity: standard deviation of the logarithm of the size, of both axes.
    """
    nodes, weights = _nodes()
    scale = np.sqrt(1 + nodes**2 * (aspect**2 - 1))
    table = np.linspace(0.0, float(q.max()) * max(1.0, aspect), max(2 * len(q), 500))
    values = sphere(table, radius, polydispersity)
    position = np.outer(scale, q)
    return weights @ np.interp(position.ravel(), table, values).reshape(position.shape)


# Shapes that other form factors have to be told from, at one size; those between are nearly
# spheres.
SHAPES = tuple(
    {"radius": 1.0, "aspect": aspect} for aspect in (0.4, 0.5, 0.6, 0.75, 1.35, 1.6, 1.9, 2.3)
)

REFERENCES = (
    (ratio, (form_factor, 0.5, 1.0, 5.0, 3.0, 0.0), 0.0341270, "sasmodels 1.1, ellipsoid"),
)


def draw(rng, experiment):
    aspect = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.2), np.log(3.0)))
    return {
        "radius": draw_size(rng, experiment, 4.5),
        "aspect": aspect,
        "polydispersity": draw_polydispersity(rng) / 2,
    }


def contribute(parameters, experiment):
    p = parameters
    # The mean radius sets where the averaged minimum is.
    mean = p["radius"] * (2 + p["aspect"]) / 3
    return particle_components(
        lambda q: form_factor(q, **p), experiment.q, 4.6 / mean, "form factor: ellipsoid"
    )
