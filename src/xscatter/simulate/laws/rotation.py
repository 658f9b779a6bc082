"""Rotation of the sample or of its domains: arcs turn about the beam, their order is kept.

The azimuth goes from χ₀ to χ₀ + Δ: linearly, in a step, or to Δ and back as a sine.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, logistic, scaled, since

KIND = "sample"
TAGS = ("rotation",)
FEATURES = (("ring",), ("halo",), ("lamellar",), ("hexagonal",), ("oval_ring",), ("layer_lines",))
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("form", "", 0, (0, 2), "0 linear, 1 a step, 2 there and back"),
    Parameter("turn", "°", 30.0, (-180.0, 180.0), "Δ"),
)


def draw(rng, experiment, frames, entries):
    (arcs,) = entries
    own = arcs["parameters"]
    if "fold" in own:
        fold = own["fold"] if own["fold"] > 1 else 2
        own |= {"fold": fold, "eta": float(np.clip(own["eta"], 0.3, 0.9))}
    # By more than the symmetry, arcs would come to lie where others were.
    most = 120 / own.get("fold", 2)
    turn = most * 10 ** rng.uniform(-1.3, 0)
    times = draw_times(rng, frames)
    return {
        **times,
        "form": int(rng.choice([0, 0, 1, 2])),
        "turn": float(turn if rng.random() < 0.5 else -turn),
    }


def progress(parameters, t):
    p = parameters
    if p["form"] == 1:
        return logistic(t, p["onset"], max(p["time"] / 10, 1.0))
    u = np.minimum(since(t, p["onset"], p["time"]), 1.0)
    return np.sin(np.pi * u) if p["form"] == 2 else u


def values(parameters, x, t, entries):
    turned = []
    for entry in entries:
        angle = entry["parameters"]["angle"] + parameters["turn"] * x
        turned.append(scaled(entry, angle=(angle + 180) % 360 - 180))
    return turned


REFERENCES = (
    (
        lambda: values({"turn": 30.0}, 1.0, 0.0, [{"share": 1.0, "parameters": {"angle": 170.0}}])[
            0
        ]["parameters"]["angle"],
        (),
        -160.0,
        "200° is −160°",
    ),
)
