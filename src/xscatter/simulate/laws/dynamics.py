"""Dynamics under a coherent beam: speckles reshuffle while the mean pattern stays.

The field loses its memory as exp(−a), a the age of the sample in relaxation times, so that the
intensities are correlated as g₂ − 1 = β exp(−2 a). The age grows as t/τ; in a sample that slows
down τ grows with time, τ = τ₀ (1 + t/t₁)^m; an avalanche is a jump of the age. X = 1 − exp(−2 a),
the correlation with the first frame that is lost.

Source: Grübel, Madsen & Robert, in Soft-Matter Characterization (2008), chapter 18 (XPCS);
Cipelletti et al., Phys. Rev. Lett. 84 (2000) 2275 (ageing).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform
from xscatter.simulate.shared.kinetics import ONSET, TIME, scaled

KIND = "sample"
TAGS = ("dynamics",)
FEATURES = (("speckle",),)
PREFERRED = 0.4  # few beams are coherent
MOST = 300.0  # relaxation times in a record: beyond, every frame is another sample anyway
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("form", "", 0, (0, 2), "0 steady, 1 slowing down, 2 an avalanche"),
    Parameter("ageing", "", 0.0, (0.0, 2.0), "m"),
)


def draw(rng, experiment, frames, entries):
    form = int(rng.choice([0, 0, 1, 2]))
    return {
        # Samples move all the time, avalanches begin.
        "onset": rng.uniform(0.1, 0.8) * frames if form == 2 else 0.0,
        "time": max(log_uniform(rng, 0.02, 3.0) * frames, frames / MOST),
        "form": form,
        "ageing": rng.uniform(0.8, 1.8) if form == 1 else 0.0,
    }


def age(parameters, t):
    """Return the age in relaxation times at frames `t`."""
    p = parameters
    late = np.maximum(np.asarray(t, float) - p["onset"], 0.0)
    if p["form"] == 2:
        return 2.0 * np.minimum(late / 2, 1.0)
    if p["form"] == 1:
        # ∫ dt/τ with τ = τ₀ (1 + t/t₁)^m and t₁ = 5 τ₀.
        first, m = 5.0, p["ageing"]
        u = 1 + late / (first * p["time"])
        return first * (np.log(u) if abs(m - 1) < 1e-9 else (u ** (1 - m) - 1) / (1 - m))
    return late / p["time"]


def progress(parameters, t):
    return 1 - np.exp(-2 * age(parameters, t))


def values(parameters, x, t, entries):
    grown = float(np.minimum(age(parameters, t), MOST))
    return [scaled(entry, age=grown) for entry in entries]


REFERENCES = (
    (
        lambda: progress({"onset": 0.0, "time": 2.0, "form": 0}, [2.0]),
        (),
        [1 - np.exp(-2.0)],
        "g₂ − 1 = β exp(−2) after one relaxation time (Siegert)",
    ),
)
