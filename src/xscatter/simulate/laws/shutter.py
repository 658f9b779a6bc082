"""The shutter stays closed in single frames: they are dark.

Each frame is missed with a small probability, by a generator made of `seed`.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "instrument"
TAGS = ("shutter",)
TABLE = "rows"
RETURNS = True
PARAMETERS = (
    Parameter("rate", "", 0.03, (0.0, 1.0), "fraction of the frames that are dark"),
    Parameter("left", "", 0.0, (0.0, 0.9), "fraction of the photons that is left"),
    Parameter("seed", "", 0, (0, 2**31), "of the frames"),
)


def draw(rng, experiment, frames, entries):
    return {
        "rate": log_uniform(rng, 0.01, 0.15),
        # A shutter that opens late leaves a part.
        "left": 0.0 if rng.random() < 0.7 else rng.uniform(0.05, 0.7),
        "seed": int(rng.integers(2**31)),
    }


def progress(parameters, t):
    frames = np.asarray(t).astype(int)
    # One number for each frame, whichever are asked for.
    chance = np.random.Generator(np.random.PCG64(parameters["seed"])).random(frames.max() + 1)
    return (chance[frames] < parameters["rate"]).astype(float)


def disturb(parameters, x, t, scene):
    return {**scene, "photons": scene["photons"] * (1 - (1 - parameters["left"]) * x)}


REFERENCES = (
    (
        lambda: float(progress({"rate": 0.1, "seed": 3}, np.arange(100_000)).mean().round(2)),
        (),
        0.1,
        "the rate",
    ),
)
