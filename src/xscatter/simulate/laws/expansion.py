"""Expansion and contraction: all rings of one phase move by one factor.

Heating: d = d₀ (1 + a ΔT), a the coefficient of linear expansion; pressure and intercalation have
the same effect on the rings, from 0.05 to 10 %. The spacing goes from d₀ to d₀ (1 + e); X rises
linearly over the time τ of a ramp, or as 1 − exp(−t/τ) after a step. No intensity changes.

Source: Warren, X-ray Diffraction (1969), chapter 2 (Bragg's law); Murnaghan, Proc. Natl. Acad. Sci.
USA 30 (1944) 244 (compression).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("expansion", "contraction")
FEATURES = (
    ("ring",), ("powder_rings",), ("lamellar",), ("hexagonal",), ("body_centred_cubic",),
    ("face_centred_cubic",), ("halo",), ("spotted_rings",), ("layer_lines",), ("bragg_rods",),
)  # fmt: skip
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("amount", "", 0.01, (-0.15, 0.15), "e, relative change of all distances"),
    Parameter("form", "", 0, (0, 1), "0 a ramp, 1 relaxation after a step"),
    Parameter("heating", "K", 0.0, (-1000.0, 1000.0), "ΔT of a ramp; 0: another cause"),
)
# Parameters that move the rings of a feature, and the power of the distance they go with.
POSITIONS = {"position": -1, "cell": 1, "spacing": 1, "distance": 1}


def draw(rng, experiment, frames, entries):
    amount = log_uniform(rng, 5e-4, 0.1)
    sign, form = rng.choice([-1, 1]), int(rng.random() < 0.4)
    # Coefficients of ceramics to polymers; more than 600 K nobody heats a sample in one record.
    heating = amount / log_uniform(rng, 5e-6, 2e-4)
    warms = not form and 2 < heating < 600 and rng.random() < 0.8
    return {
        **draw_times(rng, frames),
        "amount": sign * amount,
        "form": form,
        "heating": sign * heating if warms else 0.0,
    }


def process(parameters):
    """Return the name of the process: larger distances are an expansion."""
    return TAGS[0] if parameters["amount"] > 0 else TAGS[1]


def progress(parameters, t):
    p = parameters
    late = since(t, p["onset"], p["time"])
    return 1 - np.exp(-late) if p["form"] else np.minimum(late, 1.0)


def covariate(parameters, t):
    if not parameters["heating"]:
        return None
    # From room temperature when it is heated, towards it when it cools.
    begin = 300.0 if parameters["heating"] > 0 else 300.0 - parameters["heating"]
    return "temperature", "K", begin + parameters["heating"] * progress(parameters, t)


def values(parameters, x, t, entries):
    factor = 1 + parameters["amount"] * x
    moved = []
    for entry in entries:
        own = entry["parameters"]
        changed = {k: own[k] * factor**power for k, power in POSITIONS.items() if k in own}
        moved.append(scaled(entry, **changed))
    return moved


REFERENCES = (
    (
        lambda: values(
            {"amount": 0.01}, 1.0, 0.0, [{"share": 1.0, "parameters": {"position": 2.02}}]
        )[0]["parameters"]["position"],
        (),
        2.0,
        "Bragg's law: q = 2π/d",
    ),
)
