"""The beam is lost for a while, as when a storage ring is dumped and filled again.

Photons fall to none within a frame, and come back after the time τ: X is 1 in between.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "instrument"
TAGS = ("beam lost",)
TABLE = "rows"
RETURNS = True
PARAMETERS = (
    Parameter("onset", "frame", 30.0, (-1e6, 1e6), "first frame without beam"),
    Parameter("time", "frame", 10.0, (1.0, 1e6), "how long there is no beam"),
)


def draw(rng, experiment, frames, entries):
    onset = rng.uniform(0.1, 0.9) * frames
    return {"onset": onset, "time": max(log_uniform(rng, 0.04, 0.4) * frames, 3.0)}


def progress(parameters, t):
    # The first and the last frame have the beam for a part of their exposure.
    late = np.asarray(t, float) - parameters["onset"]
    return np.clip(np.minimum(late + 1, parameters["time"] - late), 0.0, 1.0)


def disturb(parameters, x, t, scene):
    return {**scene, "photons": scene["photons"] * (1 - x)}


REFERENCES = (
    (
        lambda: progress({"onset": 3.0, "time": 4.0}, [1.0, 3.0, 6.0, 8.0]),
        (),
        [0, 1, 1, 0],
        "definition",
    ),
)
