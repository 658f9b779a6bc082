"""Drying and swelling: a structure shrinks as its solvent leaves, or widens as it takes up more.

The solvent leaves at a constant rate, and the last of it exponentially: X = t/τ up to 0.8, then
1 − 0.2 exp(−(t/τ − 0.8)/0.2). With the volume fraction φ of the solid, distances go as φ^(−1/3) in
the bulk, and as φ⁻¹ out of the plane of a film, where those in the plane are kept and a ring
becomes an oval. The halo of the solvent weakens.

Source: Bird, Stewart & Lightfoot, Transport Phenomena (2007), chapter 18; Papadakis et al.,
Langmuir 24 (2008) 13815 (films).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("drying", "swelling")
FEATURES = (
    ("ring", "halo"), ("lamellar", "halo"), ("hexagonal", "halo"), ("body_centred_cubic", "halo"),
    ("halo", "halo"), ("oval_ring",),
)  # fmt: skip
LEFT = 0.1  # of the halo of the solvent, when it is dry
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("ratio", "", 0.8, (0.3, 2.5), "final over initial distance; below 1 it dries"),
)
POSITIONS = {"position": -1, "spacing": 1}


def draw(rng, experiment, frames, entries):
    ratio = 1 / (1 + 10 ** rng.uniform(-1.5, 0))  # dry over wet, 0.5 to 0.97
    if entries[0]["feature"] == "oval_ring":
        # Out of the plane of a film is up; a ring to begin with.
        entries[0]["parameters"] |= {"angle": 90.0 + rng.normal(0, 3), "ratio": 1.0}
    dries = rng.random() < 0.6
    # An oval starts from a ring, so films dry.
    dries = dries or entries[0]["feature"] == "oval_ring"
    return {**draw_times(rng, frames), "ratio": ratio if dries else min(1 / ratio, 2.5)}


def process(parameters):
    return TAGS[0] if parameters["ratio"] < 1 else TAGS[1]


def progress(parameters, t):
    u = since(t, parameters["onset"], parameters["time"])
    return np.where(u < 0.8, u, 1 - 0.2 * np.exp(-np.maximum(u - 0.8, 0) / 0.2))


def values(parameters, x, t, entries):
    factor = 1 + (parameters["ratio"] - 1) * x
    structure, *solvent = entries
    own = structure["parameters"]
    changed = {k: own[k] * factor**power for k, power in POSITIONS.items() if k in own}
    if structure["feature"] == "oval_ring":
        # The long axis of the oval grows, the short one is kept.
        changed["ratio"] = own["ratio"] / factor
    wet = 1 - x if parameters["ratio"] < 1 else x
    return [
        scaled(structure, **changed),
        *(scaled(halo, LEFT + (1 - LEFT) * wet) for halo in solvent),
    ]


REFERENCES = (
    (
        lambda: progress({"onset": 0.0, "time": 10.0}, [4.0, 8.0, 10.0]),
        (),
        [0.4, 0.8, 1 - 0.2 / np.e],
        "constant rate, then exponential",
    ),
)
