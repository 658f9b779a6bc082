"""Nucleation and growth of particles in a solution (LaMer): scattering from nothing.

Nuclei form in a burst at t₀ and grow as monomer is used up: by surface reaction dr/dt = (1 − X)/τ,
or by diffusion dr/dt = (1 − X)/(2 r τ), with X = r³ the monomer used and r = R/R_end. Growth by
diffusion narrows the sizes (focusing). N particles scatter N R⁶ at q = 0, and N R⁴ on a detector,
∫ I q dq.

Source: LaMer & Dinegar, J. Am. Chem. Soc. 72 (1950) 4847; Polte et al., J. Am. Chem. Soc. 132
(2010) 1296 (gold); Chen et al., Langmuir 31 (2015) 12003.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("nucleation and growth",)
FEATURES = (("sphere",), ("core_shell",), ("ellipsoid",))
SMALLEST = 0.1  # radius of a nucleus over the final one
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("form", "", 0, (0, 1), "growth limited by 0 the surface, 1 diffusion"),
    Parameter("burst", "", 0.1, (0.01, 0.5), "duration of the nucleation over τ"),
    Parameter("early_spread", "", 0.3, (0.0, 0.3), "polydispersity of the nuclei"),
)


def draw(rng, experiment, frames, entries):
    (particles,) = entries
    spread = max(particles["parameters"]["polydispersity"], 0.03)
    particles["parameters"]["polydispersity"] = spread
    return {
        **draw_times(rng, frames),
        "form": int(rng.random() < 0.5),
        "burst": rng.uniform(0.05, 0.3),
        "early_spread": rng.uniform(spread, 0.3) if spread < 0.3 else 0.3,
    }


def size(u, form):
    """Return r = R/R_end at (t − t₀)/τ = `u`: dr/du = (1 − r³)/(2r)^form from r = 0.1.

    Args:
        u: time over τ, any shape.
        form: 0 surface, 1 diffusion.
    """
    r = SMALLEST + (1 - SMALLEST) * (1 - np.linspace(1, 0, 4000) ** 3)
    r = r[r < 1 - 1e-6]
    rate = (1 - r**3) / (2 * r if form else 1)
    # The time to reach r, by the trapezoidal rule.
    passed = np.concatenate([[0], np.cumsum(np.diff(r) * (1 / rate[1:] + 1 / rate[:-1]) / 2)])
    return np.interp(u, passed, r)


def progress(parameters, t):
    # X is the part of the final volume: r³, less that of the nuclei.
    u = since(t, parameters["onset"], parameters["time"])
    r = size(u, parameters["form"])
    # Particles appear while the burst lasts.
    number = 1 - np.exp(-3 * u / parameters["burst"])
    return np.where(u > 0, number * r**3, 0.0)


def values(parameters, x, t, entries):
    (particles,) = entries
    own = particles["parameters"]
    r = max(x ** (1 / 3), SMALLEST)
    # Below the volume of nuclei there are fewer of them.
    number = min(x / SMALLEST**3, 1.0)
    early = parameters["early_spread"] - own["polydispersity"]
    spread = own["polydispersity"] + max(early, 0.0) * (1 - r)
    changed = {"radius": own["radius"] * r, "polydispersity": spread}
    return [scaled(particles, number * r**4, **changed)]


REFERENCES = (
    (size, (0.0, 0), SMALLEST, "nuclei"),
    (size, (1e3, 1), 1.0, "all monomer is used in the end"),
    # ∫ dr/(1 − r³) from 0.1 to 0.5, by the antiderivative.
    (
        size,
        (
            float(
                np.diff(
                    [
                        np.log((r * r + r + 1) / (1 - r) ** 2) / 6
                        + np.arctan((2 * r + 1) / 3**0.5) / 3**0.5
                        for r in (0.1, 0.5)
                    ]
                )[0]
            ),
            0,
        ),
        0.5,
        "growth by surface reaction, integrated in closed form",
    ),
)
