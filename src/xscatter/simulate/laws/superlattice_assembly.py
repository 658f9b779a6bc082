"""Assembly of a superlattice from a drying dispersion: a correlation peak, then Bragg peaks.

While the solvent leaves at a constant rate the volume fraction rises to φ, and the structure factor
of hard spheres gets its peak (X from 0 to 1/2). Then particles crystallise within an eighth of the
time (X from 1/2 to 1): fcc or bcc, with neighbours as far as in the liquid. The lattice contracts
by 1 to 15 % as the last solvent leaves.

Source: Pusey & van Megen, Nature 320 (1986) 340 (hard spheres crystallise at φ = 0.494 to 0.545);
Bigioni et al., Nat. Mater. 5 (2006) 265.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, avrami, draw_times, scaled, since

KIND = "sample"
TAGS = ("superlattice assembly",)
# Edge of the cell over the distance of neighbours.
EDGES = {"face_centred_cubic": 2**0.5, "body_centred_cubic": 2 / 3**0.5}
FEATURES = tuple(("hard_spheres", name) for name in EDGES)
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("dilute", "", 0.05, (0.01, 0.3), "volume fraction in the beginning"),
    Parameter("dense", "", 0.4, (0.15, 0.55), "φ, volume fraction when crystals form"),
    Parameter("contraction", "", 0.05, (0.0, 0.2), "relative contraction of the lattice"),
)


def draw(rng, experiment, frames, entries):
    liquid, lattice = entries
    own = liquid["parameters"]
    lattice["share"] = liquid["share"]
    edge = EDGES[lattice["feature"]]
    distance = 2 * own["radius"] * own["gap"] * 1.08  # crystals form before particles touch
    lattice["parameters"] |= {
        "spacing": float(edge * distance),
        "filling": float(np.clip(own["radius"] / (edge * distance), 0.05, 0.5)),
        "polydispersity": min(own["polydispersity"], 0.1),
    }
    return {
        **draw_times(rng, frames),
        "dilute": rng.uniform(0.02, 0.15),
        "dense": rng.uniform(0.2, 0.55),
        "contraction": rng.uniform(0.01, 0.15),
    }


def progress(parameters, t):
    p = parameters
    dried = np.minimum(since(t, p["onset"], p["time"]), 1.0)
    crystals = avrami(t, p["onset"] + p["time"], p["time"] / 8, 2.0)
    return 0.5 * dried + 0.5 * crystals


def values(parameters, x, t, entries):
    p = parameters
    liquid, lattice = entries
    dried, crystals = min(2 * x, 1.0), max(2 * x - 1, 0.0)
    fraction = p["dilute"] + (p["dense"] - p["dilute"]) * dried
    spacing = lattice["parameters"]["spacing"] * (1 - p["contraction"] * crystals)
    return [
        scaled(liquid, 1 - 0.9 * crystals, fraction=fraction),
        scaled(lattice, crystals, spacing=spacing),
    ]


REFERENCES = (
    (
        lambda: [EDGES["face_centred_cubic"] ** 3 / 4, EDGES["body_centred_cubic"] ** 3 / 2],
        (),
        [np.pi / 6 / 0.740480489, np.pi / 6 / 0.680174762],
        "volume of a particle at the densest packing of fcc (74 %) and bcc (68 %)",
    ),
)
