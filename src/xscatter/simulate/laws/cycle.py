"""A cycle: a change that goes back and forth, 2 to 20 times in the record.

X is a sine, a triangle or a square wave from 0 to 1. It moves rings (breathing), exchanges a halo
for rings (melting and crystallising), or turns order on and off (a field).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform
from xscatter.simulate.shared.kinetics import scaled

KIND = "sample"
TAGS = ("cycle",)
FEATURES = (("ring",), ("lamellar",), ("powder_rings",), ("halo", "ring"), ("halo",))
PARAMETERS = (
    Parameter("onset", "frame", 0.0, (-1e6, 1e6), "when the first period begins"),
    Parameter("period", "frame", 20.0, (2.0, 1e6), "duration of a period"),
    Parameter("form", "", 0, (0, 2), "0 sine, 1 triangle, 2 square"),
    Parameter("kind", "", 0, (0, 2), "0 distances, 1 shares of two features, 2 order"),
    Parameter("amount", "", 0.02, (0.0, 1.0), "largest relative change of distances, share or S"),
)
POSITIONS = {"position": -1, "cell": 1, "spacing": 1}


def draw(rng, experiment, frames, entries):
    kind = 1 if len(entries) == 2 else 2 if entries[0]["feature"] == "halo" else 0
    if kind == 1:
        entries[1]["share"] = entries[0]["share"]
    if kind == 2:
        entries[0]["parameters"] |= {"fold": 2, "eta": 0.0}
    amount = (log_uniform(rng, 2e-3, 0.1), rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.8))[kind]
    return {
        "onset": 0.0 if rng.random() < 0.5 else rng.uniform(0.0, 0.4) * frames,
        "period": max(frames / log_uniform(rng, 2, 20), 4.0),
        "form": int(rng.integers(3)),
        "kind": kind,
        "amount": float(amount),
    }


def progress(parameters, t):
    p = parameters
    turn = np.maximum(np.asarray(t, float) - p["onset"], 0.0) / p["period"] % 1.0
    if p["form"] == 0:
        return np.sin(np.pi * turn) ** 2
    if p["form"] == 1:
        return 1 - np.abs(1 - 2 * turn)
    return (turn >= 0.5).astype(float)


def values(parameters, x, t, entries):
    p = parameters
    change = p["amount"] * x
    if p["kind"] == 1:
        return [scaled(entries[0], 1 - change), scaled(entries[1], change)]
    if p["kind"] == 2:
        return [scaled(entry, eta=change) for entry in entries]
    (entry,) = entries
    own = entry["parameters"]
    moved = {k: own[k] * (1 + change) ** power for k, power in POSITIONS.items() if k in own}
    return [scaled(entry, **moved)]


REFERENCES = (
    (
        lambda: [
            float(progress({"onset": 0.0, "period": 8.0, "form": form}, 2.0)) for form in range(3)
        ],
        (),
        [0.5, 0.5, 0.0],
        "a quarter of a period",
    ),
)
