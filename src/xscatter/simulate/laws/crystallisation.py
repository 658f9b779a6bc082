"""Crystallisation: a halo weakens while sharp rings grow in their place.

X = 1 − exp(−((t − t₀)/τ)ⁿ), the halo keeps the fraction 1 − c X of its share and the rings get c X;
c is the crystallinity that is reached. In a third of the draws growth goes on with √t after X = 0.9
(secondary crystallisation). Stacks of lamellae pack closer by some per cent while they grow.

Source: Avrami, J. Chem. Phys. 7 (1939) 1103; 8 (1940) 212; Akpalu & Amis, J. Chem. Phys. 111 (1999)
8686 (polyethylene).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import (
    EXPONENT,
    ONSET,
    TIME,
    avrami,
    beside,
    crystal,
    draw_times,
    scaled,
    since,
)

KIND = "sample"
TAGS = ("crystallisation",)
FEATURES = (("halo", "ring"), ("halo", "powder_rings"), ("halo", "lamellar"))
PARAMETERS = (
    ONSET,
    TIME,
    EXPONENT,
    Parameter("crystallinity", "", 0.4, (0.01, 1.0), "c, fraction of the halo that is lost"),
    Parameter("secondary", "", 0.0, (0.0, 0.3), "part of X that grows with √t in the end"),
    Parameter("packing", "", 0.0, (0.0, 0.1), "relative decrease of the spacing of lamellae"),
)


def draw(rng, experiment, frames, entries):
    halo, crystals = entries
    # Rings take the light of the halo: both have the share that the halo began with.
    crystals["share"] = halo["share"] = max(halo["share"], crystals["share"])
    beside(rng, halo, crystals)
    lamellar = crystals["feature"] == "lamellar"
    return {
        **draw_times(rng, frames),
        **crystal(rng),
        "secondary": rng.uniform(0.05, 0.3) if rng.random() < 1 / 3 else 0.0,
        "packing": rng.uniform(0.0, 0.1) if lamellar else 0.0,
    }


def progress(parameters, t):
    p = parameters
    primary = avrami(t, p["onset"], p["time"], p["exponent"])
    # It begins where X is 0.9 and is complete after ten times τ.
    start = np.log(10.0) ** (1 / p["exponent"])
    late = since(t, p["onset"] + start * p["time"], 10 * p["time"])
    return (1 - p["secondary"]) * primary + p["secondary"] * np.minimum(np.sqrt(late), 1.0)


def values(parameters, x, t, entries):
    p = parameters
    halo, crystals = entries
    grown = scaled(crystals, p["crystallinity"] * x)
    if p["packing"]:
        spacing = crystals["parameters"]["spacing"] * (1 - p["packing"] * x)
        grown = scaled(grown, spacing=spacing)
    return [scaled(halo, 1 - p["crystallinity"] * x), grown]


REFERENCES = (
    (avrami, (1.0, 0.0, 1.0, 3.0), 0.6321205588285577, "1 − 1/e at t = τ for every n"),
    (avrami, (8.0 * np.log(2.0) ** (1 / 3), 0.0, 8.0, 3.0), 0.5, "half time τ (ln 2)^(1/n)"),
)
