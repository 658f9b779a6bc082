"""Scattering of a substrate, and of the beam that misses it, under grazing incidence.

Diffuse scattering of roughness and voids falls as q^−p about the beam; the edges of sample and
holder scatter in a streak along the surface normal, as those of slits do (Born & Wolf, Principles
of Optics, 8.9): 1/(1 + (q∥/κ)²), as narrow as the beam.
"""

import numpy as np

from xscatter.simulate.components import Plane, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "background"
FAMILIES: dict[str, float] = {}
GRAZING = 0.6
TAGS = ()
PARAMETERS = (
    Parameter("power", "", 3.0, (1.0, 4.5), "p, by which the diffuse scattering falls"),
    Parameter("core", "nm⁻¹", 0.02, (1e-5, 50.0), "q below which neither falls"),
    Parameter("streak", "", 1.0, (0.0, 1e4), "height of the streak over the diffuse scattering"),
    Parameter("width", "", 1.5, (0.3, 30.0), "of the streak over the point spread"),
)


def diffuse(q, core, power):
    """Return the diffuse scattering at `q` (n,), 1 at 0.

    Args:
        q: (n,) in nm⁻¹.
        core: q below which it does not fall.
        power: by which it falls.
    """
    return (1 + (np.asarray(q) / core) ** 2) ** (-power / 2)


REFERENCES = (
    (diffuse, (0.3, 0.3, 2.0), 0.5, "half at the core"),
    (diffuse, (0.0, 0.3, 4.0), 1.0, "definition"),
)


def draw(rng, experiment):
    near = experiment.stop_radius * experiment.q_per_pixel
    return {
        "power": rng.uniform(1.5, 4.2),
        "core": float(np.clip(near * log_uniform(rng, 0.5, 3.0), 1e-5, 50)),
        "streak": log_uniform(rng, 0.3, 100.0) if rng.random() < 0.6 else 0.0,
        "width": log_uniform(rng, 0.5, 10.0),
    }


def contribute(parameters, experiment):
    p, axis = parameters, experiment.axis
    components = [Radial(profile=diffuse(experiment.q, p["core"], p["power"]))]
    if p["streak"] > 0:
        sigma = max(p["width"] * experiment.resolution, experiment.q_step)
        fall = p["streak"] / (1 + (axis / p["core"]) ** 2)
        narrow = np.exp(-0.5 * (axis / sigma) ** 2)
        angle = experiment.film.azimuth if experiment.film else 0.0
        components.append(Plane(along=fall[None], across=narrow[None], angle=angle))
    return components
