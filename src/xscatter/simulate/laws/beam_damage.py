"""Damage by the beam: it begins with the first exposed frame, and the control variable is constant.

I(q) = I₀(q) exp(−D/D_e(q)), D the dose and D_e ∝ q^−a: rings fade first at high q, as does every
order with a growing displacement, I ∝ exp(−u² q²). In solutions protein aggregates instead, and
the scattering at low q rises. X = 1 − exp(−t/τ), t the dose in frames at mean flux: without beam
nothing is damaged.

Source: Howells et al., J. Electron Spectrosc. 170 (2009) 4; Atakisi et al., IUCrJ 6 (2019) 1040
(a = 1.7); Hopkins & Thorne, J. Appl. Cryst. 49 (2016) 880 (solutions).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import debye_waller
from xscatter.simulate.shared.kinetics import TIME, scaled, since

KIND = "sample"
TAGS = ("beam damage",)
DOSE = True
FEATURES = (
    ("ring",), ("powder_rings",), ("lamellar",), ("sphere", "diffuse_low_q"),
    ("ellipsoid", "diffuse_low_q"),
)  # fmt: skip
MOST = {"ring": 2.0, "powder_rings": 0.3, "lamellar": 0.3}  # bounds of the displacement
PARAMETERS = (
    TIME,
    Parameter("loss", "", 0.5, (0.01, 1.0), "part of the scattering that is lost in the end"),
    Parameter("displacement", "", 0.1, (0.0, 1.0), "growth of the displacement in the end"),
    Parameter("rise", "", 0.5, (0.0, 5.0), "scattering of aggregates over that of particles"),
)


def draw(rng, experiment, frames, entries):
    time = frames * 10 ** rng.uniform(-1.0, 0.5)
    first = entries[0]["feature"]
    if first in MOST:
        room = MOST[first] - entries[0]["parameters"]["displacement"]
        displacement, rise = min(rng.uniform(0.1, 0.5) * MOST[first], room), 0.0
    else:
        radius = entries[0]["parameters"].get("radius", 10.0)
        # Aggregates: Guinier's law of sizes above that of the particles.
        entries[1]["parameters"] |= {
            "form": 0, "length": float(np.clip(2.5 * radius, 0.01, 1e5)), "ratio": 1.0,
        }  # fmt: skip
        entries[1]["share"] = entries[0]["share"]
        displacement, rise = 0.0, float(np.exp(rng.uniform(np.log(0.05), np.log(2))))
    return {
        "time": time,
        "loss": rng.uniform(0.1, 0.9) if first in MOST else 0.01,
        "displacement": max(displacement, 0.0),
        "rise": rise,
    }


def progress(parameters, t):
    return 1 - np.exp(-since(t, 0.0, parameters["time"]))


def values(parameters, x, t, entries):
    p = parameters
    first, *aggregates = entries
    changed = {}
    if p["displacement"]:
        # The square of the displacement grows with the dose.
        before = first["parameters"]["displacement"]
        changed["displacement"] = np.sqrt(before**2 + x * p["displacement"] ** 2)
        limit = MOST[first["feature"]]
        changed["displacement"] = min(changed["displacement"], limit)
    return [
        scaled(first, 1 - p["loss"] * x, **changed),
        *(scaled(entry, p["rise"] * x) for entry in aggregates),
    ]


REFERENCES = (
    (lambda: debye_waller(2.0, 0.5) / debye_waller(1.0, 0.5), (), np.exp(-0.75), "high q first"),
    (lambda: progress({"time": 4.0}, [0.0, 4.0]), (), [0.0, 1 - 1 / np.e], "dose of D_e"),
)
