"""The flux steps: an attenuator, a new fill, or the sawtooth of a ring that is topped up.

A step multiplies the photons by f from t₀ on. Between two top-ups the current of a storage ring
decays by 0.2 to 2 %, and jumps back.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "instrument"
TAGS = ("flux step",)
TABLE = "rows"
PARAMETERS = (
    Parameter("form", "", 0, (0, 1), "0 a step, 1 a sawtooth"),
    Parameter("onset", "frame", 30.0, (-1e6, 1e6), "when it steps, or when it was topped up"),
    Parameter("period", "frame", 20.0, (1.0, 1e6), "of the sawtooth"),
    Parameter("change", "", 0.1, (-0.95, 5.0), "relative change of the flux at X = 1"),
)


def draw(rng, experiment, frames, entries):
    form = int(rng.random() < 0.3)
    amount = log_uniform(rng, 0.002, 0.02) if form else log_uniform(rng, 0.02, 3.0)
    falls = form or rng.random() < 0.5
    return {
        "form": form,
        "onset": rng.uniform(0.05, 0.95) * frames,
        "period": max(log_uniform(rng, 0.05, 0.6) * frames, 3.0),
        "change": -amount / (1 + amount) if falls else amount,
    }


def progress(parameters, t):
    late = np.asarray(t, float) - parameters["onset"]
    if parameters["form"]:
        return late / parameters["period"] % 1.0
    return np.clip(late + 1, 0.0, 1.0)


def disturb(parameters, x, t, scene):
    return {**scene, "photons": scene["photons"] * (1 + parameters["change"] * x)}


REFERENCES = (
    (
        lambda: progress({"form": 1, "onset": 2.0, "period": 10.0}, [2.0, 7.0, 12.0]),
        (),
        [0.0, 0.5, 0.0],
        "a sawtooth",
    ),
)
