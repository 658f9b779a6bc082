"""The beam wanders over the detector: a random walk with a memory, or a steady drift.

Rows and columns each follow an Ornstein-Uhlenbeck process of deviation σ and memory λ, relative to
the first frame. X is the distance from there over 3 σ, at most 1.

Source: Uhlenbeck & Ornstein, Phys. Rev. 36 (1930) 823.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform
from xscatter.simulate.shared.series import wander

KIND = "instrument"
TAGS = ("beam drift",)
PARAMETERS = (
    Parameter("deviation", "", 0.3, (0.0, 5.0), "σ in pixels of the layout"),
    Parameter("memory", "frame", 100.0, (1.0, 1e6), "λ"),
    Parameter("seed", "", 0, (0, 2**30), "of both walks"),
)


def draw(rng, experiment, frames, entries):
    return {
        "deviation": log_uniform(rng, 0.05, 2.0),
        "memory": log_uniform(rng, 0.3, 5.0) * frames,
        "seed": int(rng.integers(2**30)),
    }


def place(parameters, t):
    """Return rows and columns of the beam at frame `t`, in pixels of the layout."""
    p = parameters
    walks = (2 * p["seed"], 2 * p["seed"] + 1)
    moved = [wander(seed, p["memory"], t) - wander(seed, p["memory"], 0.0) for seed in walks]
    return p["deviation"] * np.array(moved)


def progress(parameters, t):
    if not parameters["deviation"]:
        return np.zeros(len(t))
    away = np.array([np.hypot(*place(parameters, frame)) for frame in t])
    return np.minimum(away / (3 * parameters["deviation"]), 1.0)


def disturb(parameters, x, t, scene):
    moved = place(parameters, t)
    return {**scene, "drift": [a + float(b) for a, b in zip(scene["drift"], moved, strict=True)]}


REFERENCES = (
    # The deviation from the first of two independent places is √2.
    (
        lambda: float(
            np.std([wander(seed, 5.0, 60.0) - wander(seed, 5.0, 0.0) for seed in range(4000)])
        ),
        (),
        2**0.5,
        "stationary process of deviation 1",
    ),
)
