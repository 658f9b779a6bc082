"""Coarsening (ripening): large particles grow at the cost of small ones.

R^m = R₀^m + K t, with m = 3 if diffusion limits the growth and m = 2 if the interface does; until a
time τ, when R is G R₀. Sizes go to the distribution of Lifshitz, Slyozov and Wagner, of relative
deviation 0.215. The volume is kept: the number falls as R⁻³, the intensity at q = 0 rises as R³,
and the light on a detector, ∫ I q dq, as R.

Source: Lifshitz & Slyozov, J. Phys. Chem. Solids 19 (1961) 35; Wagner, Z. Elektrochem. 65 (1961)
581.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("coarsening",)
FEATURES = (("sphere",), ("core_shell",))
WIDTH = 0.215  # relative deviation of sizes in the end
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("exponent", "", 0.333, (0.15, 0.6), "1/m"),
    Parameter("growth", "", 1.5, (1.0, 3.0), "G, final over initial radius"),
)


def draw(rng, experiment, frames, entries):
    return {
        **draw_times(rng, frames),
        "exponent": rng.uniform(0.2, 0.5),
        "growth": rng.uniform(1.05, 3.0),
    }


def radius(u, growth, exponent):
    """Return R/R₀ at (t − t₀)/τ = `u`, at most 1.

    Args:
        u: time over τ, any shape.
        growth: G.
        exponent: 1/m.
    """
    return (1 + (growth ** (1 / exponent) - 1) * np.minimum(u, 1.0)) ** exponent


def progress(parameters, t):
    p = parameters
    grown = radius(since(t, p["onset"], p["time"]), p["growth"], p["exponent"])
    return (grown - 1) / (p["growth"] - 1) if p["growth"] > 1 else np.zeros_like(grown)


def values(parameters, x, t, entries):
    (particles,) = entries
    own = particles["parameters"]
    grown = 1 + (parameters["growth"] - 1) * x
    spread = own["polydispersity"] + (WIDTH - own["polydispersity"]) * min(2 * x, 1.0)
    changed = {"radius": own["radius"] * grown, "polydispersity": spread}
    return [scaled(particles, grown, **changed)]


REFERENCES = (
    (radius, (1 / 7, 2.0, 1 / 3), 2 ** (1 / 3), "R³ = R₀³ + K t: R³ doubles after a seventh"),
    (radius, (1.0, 2.0, 1 / 3), 2.0, "definition of G"),
)
