"""Broadening and sharpening: rings change their width alone.

Grains grow as L^m = L₀^m + k t, m from 2 to 4, and rings sharpen as w = 2π K/L (Scherrer). Rings
broaden as grains break and strains build up. The width goes from w₀ to f w₀ until the time τ.

Source: Scherrer, Göttinger Nachr. (1918) 98; Burke & Turnbull, Prog. Met. Phys. 3 (1952) 220 (grain
growth); Williamson & Hall, Acta Metall. 1 (1953) 22 (strain).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since
from xscatter.simulate.shared.rings import widest

KIND = "sample"
TAGS = ("broadening", "sharpening")
FEATURES = (
    ("ring",), ("powder_rings",), ("lamellar",), ("hexagonal",), ("body_centred_cubic",),
    ("face_centred_cubic",), ("bragg_rods",),
)  # fmt: skip
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("factor", "", 2.0, (0.1, 10.0), "f, final over initial width"),
    Parameter("exponent", "", 3.0, (1.0, 5.0), "m"),
)


def draw(rng, experiment, frames, entries):
    factor = float(np.exp(rng.uniform(np.log(1.15), np.log(5))))
    broadens = rng.random() < 0.5
    # The wider of both widths is one that is seen.
    wide = min(log_uniform(rng, 0.03, 0.19), widest(experiment))
    entries[0]["parameters"]["width"] = float(wide / factor if broadens else wide)
    return {
        **draw_times(rng, frames),
        "factor": factor if broadens else 1 / factor,
        "exponent": rng.uniform(2, 4),
    }


def process(parameters):
    return TAGS[0] if parameters["factor"] > 1 else TAGS[1]


def progress(parameters, t):
    p = parameters
    u = np.minimum(since(t, p["onset"], p["time"]), 1.0)
    if p["factor"] >= 1:
        return u
    # Of the width, which is 1/L.
    grown = (1 + (p["factor"] ** -p["exponent"] - 1) * u) ** (1 / p["exponent"])
    return (1 - 1 / grown) / (1 - p["factor"])


def values(parameters, x, t, entries):
    factor = 1 + (parameters["factor"] - 1) * x
    return [scaled(entry, width=entry["parameters"]["width"] * factor) for entry in entries]


REFERENCES = (
    (
        lambda: progress({"onset": 0.0, "time": 7.0, "factor": 0.5, "exponent": 3.0}, [0, 1, 7]),
        (),
        [0.0, 2 * (1 - 2 ** (-1 / 3)), 1.0],
        "L³ doubles after a seventh of the time in which L does",
    ),
)
