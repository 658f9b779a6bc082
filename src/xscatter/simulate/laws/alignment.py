"""Alignment and relaxation: a ring becomes arcs under flow, shear or strain, and back at rest.

The order grows with strain as S = S∞ (1 − exp(−γ/γ₀)), and relaxes as exp(−(t/τ)^b), b from 0.3 to
1. In the plane of the detector the order of two opposite maxima is S = ⟨cos 2χ⟩, which is the η of
the wrapped Cauchy distribution.

Source: Hermans, Contribution to the Physics of Cellulose Fibres (1946); Mardia & Jupp, Directional
Statistics (2000), section 3.5 (moments); Williams & Watts, Trans. Faraday Soc. 66 (1970) 80.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import wrapped_cauchy
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("alignment", "relaxation")
FEATURES = (("ring",), ("halo",), ("lamellar",), ("hexagonal",))
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("first", "", 0.0, (0.0, 0.95), "order S in the beginning"),
    Parameter("last", "", 0.7, (0.0, 0.95), "order S in the end"),
    Parameter("stretch", "", 1.0, (0.2, 1.5), "b, 1 for a single relaxation"),
)


def draw(rng, experiment, frames, entries):
    (ring,) = entries
    angle = rng.uniform(-90, 90) if rng.random() < 0.4 else rng.choice([0, 90]) + rng.normal(0, 5)
    ring["parameters"] |= {"fold": 2, "eta": 0.0, "angle": float(angle)}
    low = rng.uniform(0.0, 0.15) if rng.random() < 0.5 else 0.0
    high = low + rng.uniform(0.1, 0.75)
    aligns = rng.random() < 0.5
    return {
        **draw_times(rng, frames),
        "first": low if aligns else high,
        "last": high if aligns else low,
        "stretch": 1.0 if aligns else rng.uniform(0.3, 1.0),
    }


def process(parameters):
    return TAGS[0] if parameters["last"] > parameters["first"] else TAGS[1]


def progress(parameters, t):
    u = since(t, parameters["onset"], parameters["time"])
    return 1 - np.exp(-(u ** parameters["stretch"]))


def values(parameters, x, t, entries):
    first, last = parameters["first"], parameters["last"]
    return [scaled(entry, eta=first + (last - first) * x) for entry in entries]


def _order(eta):
    chi = np.linspace(-np.pi, np.pi, 3601)[:-1]
    return float(np.mean(np.cos(2 * chi) * wrapped_cauchy(chi, eta, 0.0, 2)))


REFERENCES = (
    (_order, (0.6,), 0.6, "⟨cos 2χ⟩ of the wrapped Cauchy distribution is η"),
    (
        lambda: progress({"onset": 0.0, "time": 3.0, "stretch": 0.5}, [3.0]),
        (),
        [1 - 1 / np.e],
        "1/e is left at t = τ for every b",
    ),
)
