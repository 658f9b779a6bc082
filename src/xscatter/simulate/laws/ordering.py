"""Ordering and disordering of a block copolymer: a correlation halo becomes peaks, or back.

In the disordered melt the halo grows and narrows towards the transition: 1/I(q*) is linear in 1/T
until χN = 10.5 (of equal blocks). There the width falls by a factor of 3 to 10 within 2 K, and the
peaks of a lattice stand where the halo was. After a quench the lattice grows as X = 1 − exp(−((t −
t₀)/τ)ⁿ), n 2 to 4. The halo keeps 1 − X of its share and the lattice has X; disordering is the same
backwards, with a logistic in time on a ramp.

Source: Leibler, Macromolecules 13 (1980) 1602; Bates & Fredrickson, Annu. Rev. Phys. Chem. 41
(1990) 525.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.lattice import BODY_CENTRED, HEXAGONAL, LAMELLAR, first_reflection
from xscatter.simulate.shared.kinetics import (
    EXPONENT,
    ONSET,
    TIME,
    avrami,
    draw_times,
    logistic,
    scaled,
)

KIND = "sample"
TAGS = ("ordering", "disordering")
LATTICES = {"hexagonal": HEXAGONAL, "lamellar": LAMELLAR, "body_centred_cubic": BODY_CENTRED}
FEATURES = tuple(("halo", name) for name in LATTICES)
NARROWING = 0.3  # relative decrease of the width of the halo towards the transition
PARAMETERS = (
    ONSET,
    TIME,
    EXPONENT,
    Parameter("reverse", "", 0, (0, 1), "0 ordering, 1 disordering"),
    Parameter("ramp", "", 0, (0, 1), "0 after a quench, 1 on a temperature ramp"),
    Parameter("middle", "K", 400.0, (250.0, 700.0), "temperature of the transition"),
    Parameter("rate", "K", 0.5, (0.001, 50.0), "kelvins from frame to frame on a ramp"),
)


def draw(rng, experiment, frames, entries):
    halo, lattice = entries
    halo["share"] = lattice["share"] = max(halo["share"], lattice["share"])
    # The first peak stands where the halo was, which is isotropic in a melt at rest.
    spacing = lattice["parameters"]["spacing"]
    first = first_reflection(LATTICES[lattice["feature"]], spacing)
    width = max(0.3, halo["parameters"]["width"])
    halo["parameters"] |= {"position": float(first), "width": width, "fold": 0, "eta": 0.0}
    ramp = int(rng.random() < 0.5)
    # On a ramp the transition is sharp: 2 K.
    times = draw_times(rng, frames, quickness=4 if ramp else 1)
    return {
        **times,
        "exponent": rng.uniform(2.0, 4.0),
        "reverse": int(rng.random() < 0.5),
        "ramp": ramp,
        "middle": rng.uniform(330, 500),
        "rate": 2.0 / times["time"],
    }


def process(parameters):
    return TAGS[int(parameters["reverse"])]


def progress(parameters, t):
    p = parameters
    if p["ramp"]:
        return logistic(t, p["onset"], p["time"])
    return avrami(t, p["onset"], p["time"], p["exponent"])


def covariate(parameters, t):
    p = parameters
    late = np.asarray(t) - p["onset"] - p["time"] / 2
    # Block copolymers order when they are cooled.
    sign = 1 if p["reverse"] else -1
    change = np.clip(late * p["rate"], -60, 60) if p["ramp"] else 15.0 * np.sign(late)
    return "temperature", "K", p["middle"] + sign * change


def values(parameters, x, t, entries):
    halo, lattice = entries
    order = 1 - x if parameters["reverse"] else x
    width = max(halo["parameters"]["width"] * (1 - NARROWING * order), 0.2)
    return [scaled(halo, 1 - order, width=width), scaled(lattice, order)]


REFERENCES = (
    (
        lambda: first_reflection(LAMELLAR, 2 * np.pi),
        (),
        1.0,
        "the halo stands at q* = 2π/d of the lamellae",
    ),
    (avrami, (2.0, 0.0, 1.0, 2.0), 0.9816843611112658, "1 − exp(−4)"),
)
