"""Aggregation and gelation: particles join to fractal clusters, a power law at low q.

Clusters of fractal dimension d_f scatter as q^−d_f between 1/ξ and 1/R. Their size grows as
ξ ∝ (t/τ)^(1/d_f), d_f = 1.8, if every contact sticks (DLCA), and faster, d_f = 2.1, if few do
(RLCA). X is the fraction of the particles in clusters.

Source: Lin et al., Nature 339 (1989) 360; Teixeira, J. Appl. Cryst. 21 (1988) 781.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("aggregation",)
FEATURES = (("sphere", "diffuse_low_q"), ("core_shell", "diffuse_low_q"))
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("form", "", 0, (0, 1), "0 limited by diffusion, 1 by reaction"),
    Parameter("dimension", "", 1.8, (1.5, 2.8), "d_f, fractal dimension"),
    Parameter("size", "", 10.0, (1.5, 100.0), "final size of a cluster over that of a particle"),
    Parameter("strength", "", 1.0, (0.05, 10.0), "scattering of clusters over that of particles"),
)


def draw(rng, experiment, frames, entries):
    particles, clusters = entries
    form = int(rng.random() < 0.5)
    dimension = float(np.clip((2.1 if form else 1.8) + rng.normal(0, 0.1), 1.5, 2.8))
    clusters["share"] = particles["share"]
    radius = particles["parameters"]["radius"]
    # A power law (form 1) that begins at the size of a particle.
    clusters["parameters"] |= {
        "form": 1, "power": dimension, "length": float(np.clip(radius, 0.01, 1e3)), "ratio": 1.0,
    }  # fmt: skip
    return {
        **draw_times(rng, frames),
        "form": form,
        "dimension": dimension,
        "size": float(np.exp(rng.uniform(np.log(2), np.log(50)))),
        "strength": float(np.exp(rng.uniform(np.log(0.3), np.log(4)))),
    }


def progress(parameters, t):
    # Smoluchowski: single particles are used up as 1/(1 + t/τ)², or exponentially.
    u = since(t, parameters["onset"], parameters["time"])
    return 1 - np.exp(-u) if parameters["form"] else 1 - (1 + u) ** -2.0


def values(parameters, x, t, entries):
    p = parameters
    particles, clusters = entries
    # Clusters grow with the power of the mass that joined them.
    grown = 1 + (p["size"] - 1) * x ** (2.0 if p["form"] else 1 / p["dimension"])
    length = clusters["parameters"]["length"] * grown
    return [
        scaled(particles, 1 - 0.5 * x),
        scaled(clusters, p["strength"] * x, length=length),
    ]


REFERENCES = (
    (
        lambda: progress({"onset": 0, "time": 2, "form": 0}, [2.0]),
        (),
        [0.75],
        "Smoluchowski: a quarter is single at t = τ",
    ),
)
