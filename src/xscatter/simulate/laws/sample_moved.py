"""The sample moves out of the beam, or back: its share falls to none, air and background stay.

X is the part of the beam that misses the sample, a logistic in time; the sample stays out, or comes
back after a while.
"""

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform
from xscatter.simulate.shared.kinetics import ONSET, TIME, logistic

KIND = "instrument"
TAGS = ("sample moved",)
TABLE = "rows"
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("away", "frame", 0.0, (0.0, 1e6), "frames until it comes back; 0: never"),
    Parameter("extent", "", 1.0, (0.05, 1.0), "part of the sample that leaves the beam"),
)


def draw(rng, experiment, frames, entries):
    time = max(log_uniform(rng, 0.01, 0.2) * frames, 1.0)
    return {
        "onset": rng.uniform(0.1, 0.9) * frames,
        "time": time,
        "away": time + log_uniform(rng, 0.05, 0.5) * frames if rng.random() < 0.5 else 0.0,
        "extent": 1.0 if rng.random() < 0.6 else rng.uniform(0.1, 1.0),
    }


def progress(parameters, t):
    p = parameters
    left = logistic(t, p["onset"], p["time"])
    return left - logistic(t, p["onset"] + p["away"], p["time"]) if p["away"] else left


def disturb(parameters, x, t, scene):
    return {**scene, "sample": scene.get("sample", 1.0) * (1 - parameters["extent"] * x)}


REFERENCES = (
    (
        lambda: progress({"onset": 0.0, "time": 10.0, "away": 0.0}, [0.0, 10.0]),
        (),
        [0.02, 0.98],
        "2 to 98 % within τ",
    ),
)
