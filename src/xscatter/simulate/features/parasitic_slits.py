"""Parasitic scattering of slits: streaks through the beam, across the edges that scatter.

The far field of a straight edge falls as the square of the distance from the beam, in a line as
narrow as the beam (Born & Wolf, Principles of Optics, 8.9): I = 1/(1 + (q∥/κ)²) · exp(−q⊥²/2σ²), κ
where the core of the beam ends.
"""

import numpy as np

from xscatter.simulate.components import Plane
from xscatter.simulate.parameter import Parameter

KIND = "background"
FAMILIES = {"any": 0.85}
GRAZING = 0.85
TAGS = ("parasitic slit scattering",)
PARAMETERS = (
    Parameter("core", "nm⁻¹", 0.02, (1e-5, 50.0), "κ, from where on the streak falls as q⁻²"),
    Parameter("width", "nm⁻¹", 0.005, (1e-6, 10.0), "σ, standard deviation across the streak"),
    Parameter("tall", "", 0.5, (0.0, 1.0), "part of the vertical streak; the rest is horizontal"),
    Parameter("angle", "°", 0.0, (-10.0, 10.0), "turn of the slits about the beam"),
)


def along(q, core):
    """Fall of a streak with the distance `q` (nm⁻¹) from the beam."""
    return 1 / (1 + (q / core) ** 2)


REFERENCES = (
    (along, (0.3, 0.3), 0.5, "half at κ"),
    (along, (30.0, 0.3), 1 / 10001, "κ²/q² far out"),
)


def applies(experiment):
    """One experiment in five has slits that scatter: badly aligned, or worn."""
    return experiment.setup.exposure.slits < 0.2


def draw(rng, experiment):
    kind = experiment.setup.exposure.slits / 0.2
    tall = 0.0 if kind < 0.35 else 1.0 if kind < 0.7 else float(rng.beta(3, 3))
    # The beamstop is as large as the core of the beam asks for.
    near = experiment.stop_radius * experiment.q_per_pixel
    return {
        "core": float(np.clip(near * np.exp(rng.normal(0.5, 0.4)), 1e-5, 50)),
        "width": float(np.clip(near * rng.uniform(0.05, 0.25), 1e-6, 10)),
        "tall": tall,
        "angle": float(np.clip(rng.normal(0, 0.8), -10, 10)),
    }


def contribute(parameters, experiment):
    p = parameters
    fall = along(experiment.axis, p["core"])
    # Never narrower than the steps of the table, at the same area.
    sigma = max(p["width"], experiment.q_step)
    narrow = np.exp(-0.5 * (experiment.axis / sigma) ** 2)
    streaks = []
    for part, turn in ((1 - p["tall"], 0.0), (p["tall"], 90.0)):
        if part > 0:
            angle = np.deg2rad(p["angle"] + turn)
            streaks.append(
                Plane(tags=TAGS, along=part * fall[None], across=narrow[None], angle=angle)
            )
    return streaks
