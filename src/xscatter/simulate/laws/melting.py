"""Melting: sharp rings fade into a halo, mostly faster than they grew.

On a temperature ramp the crystals melt over some kelvins: X is a logistic of the temperature,
T = T_m + (t − t_m) Δ/τ with Δ the width of the melting. At constant temperature above the melting
point X = 1 − exp(−(t − t₀)/τ). The rings keep the fraction 1 − X of their share, the halo gains it;
rings become sharper last, as the smallest crystals melt first.

Source: Wunderlich, Thermal Analysis of Polymeric Materials (2005), chapter 6.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import (
    ONSET,
    TIME,
    beside,
    draw_times,
    logistic,
    scaled,
    since,
)

KIND = "sample"
TAGS = ("melting",)
FEATURES = (("ring", "halo"), ("powder_rings", "halo"), ("lamellar", "halo"))
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("form", "", 0, (0, 1), "0 a temperature ramp, 1 constant temperature"),
    Parameter("crystallinity", "", 0.4, (0.01, 1.0), "share of the rings that the halo gains"),
    Parameter("sharpening", "", 0.1, (0.0, 0.5), "relative decrease of the width of the rings"),
    Parameter("middle", "K", 400.0, (150.0, 1500.0), "T_m, where half is molten"),
    Parameter("width", "K", 6.0, (1.0, 30.0), "Δ, temperature over which it melts"),
)


def draw(rng, experiment, frames, entries):
    crystals, halo = entries
    beside(rng, halo, crystals)
    return {
        # Melting is quick: a quarter of the time that a crystallisation takes.
        **draw_times(rng, frames, quickness=4),
        "form": int(rng.random() < 0.3),
        "crystallinity": rng.uniform(0.05, 1.0),
        "sharpening": rng.uniform(0.0, 0.3),
        "middle": rng.uniform(280, 600),
        "width": rng.uniform(2, 15),
    }


def progress(parameters, t):
    p = parameters
    if p["form"]:
        return 1 - np.exp(-since(t, p["onset"], p["time"] / 4))
    return logistic(t, p["onset"], p["time"])


def covariate(parameters, t):
    p = parameters
    late = np.asarray(t) - p["onset"] - p["time"] / 2
    ramp = np.clip(late * p["width"] / p["time"], -120, 120)
    # A step from 20 K below to 20 K above, or a ramp.
    values = np.where(np.asarray(t) < p["onset"], -20.0, 20.0) if p["form"] else ramp
    return "temperature", "K", p["middle"] + values


def values(parameters, x, t, entries):
    p = parameters
    crystals, halo = entries
    width = crystals["parameters"]["width"] * (1 - p["sharpening"] * x**3)
    gained = p["crystallinity"] * crystals["share"] * x
    return [
        scaled(crystals, 1 - x, width=width),
        {**halo, "share": halo["share"] + gained},
    ]


REFERENCES = (
    (logistic, ([0.0, 5.0, 10.0], 0.0, 10.0), [0.02, 0.5, 0.98], "2 to 98 % over τ"),
    (
        lambda: covariate({"onset": 10, "time": 4, "form": 0, "middle": 400, "width": 8}, 12.0)[2],
        (),
        400.0,
        "half is molten at T_m",
    ),
)
