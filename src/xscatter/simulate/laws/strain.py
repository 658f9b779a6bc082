"""Elastic strain: a ring becomes an ellipse, as distances along the load grow and across shrink.

d(χ) = d₀ [1 + ε cos²χ' − ν ε sin²χ'], χ' from the load: the ratio of the axes is (1 + ε)/(1 − ν ε).
The load rises on a ramp, or goes up and down (sine).

Source: Noyan & Cohen, Residual Stress (1987), chapter 5.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("strain",)
FEATURES = (("oval_ring",),)
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("form", "", 0, (0, 1), "0 a ramp, 1 up and down"),
    Parameter("strain", "", 0.01, (0.0, 0.1), "ε, largest strain along the load"),
    Parameter("poisson", "", 0.3, (0.0, 0.5), "ν, Poisson's ratio"),
    Parameter("periods", "", 1.0, (0.5, 20.0), "loads in the record, if it goes up and down"),
)


def draw(rng, experiment, frames, entries):
    (ring,) = entries
    # The long axis of the pattern is across the load.
    ring["parameters"] |= {"ratio": 1.0, "width": min(ring["parameters"]["width"], 0.06)}
    return {
        **draw_times(rng, frames),
        "form": int(rng.random() < 0.4),
        "strain": float(10 ** rng.uniform(-3.7, -1.5)),
        "poisson": rng.uniform(0.2, 0.45),
        "periods": rng.uniform(0.5, 3.0),
    }


def progress(parameters, t):
    p = parameters
    u = np.minimum(since(t, p["onset"], p["time"]), 1.0)
    return np.sin(np.pi * p["periods"] * u) ** 2 if p["form"] else u


def covariate(parameters, t):
    return "strain", "", parameters["strain"] * progress(parameters, t)


def values(parameters, x, t, entries):
    p = parameters
    along, across = 1 + p["strain"] * x, 1 - p["poisson"] * p["strain"] * x
    return [
        scaled(
            entry,
            position=entry["parameters"]["position"] / across,
            ratio=entry["parameters"]["ratio"] * along / across,
        )
        for entry in entries
    ]


REFERENCES = (
    (
        lambda: values(
            {"strain": 0.01, "poisson": 0.5},
            1.0,
            0.0,
            [{"share": 1.0, "parameters": {"position": 1.0, "ratio": 1.0}}],
        )[0]["parameters"]["ratio"],
        (),
        1.01 / 0.995,
        "1 % along, half of it across",
    ),
)
