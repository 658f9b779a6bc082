"""A change of the lattice: one set of rings fades as another grows, and both coexist meanwhile.

The new lattice has X of the scattering, the old one 1 − X; X is a logistic on a ramp, or Avrami's
law after a step. Where the new lattice grows on the old one its first ring stays nearly in place
(epitaxy): q₁ is kept from lamellae to rods, and is 1 to 3 % larger of bcc than of fcc.

Source: Koppi et al., J. Rheol. 38 (1994) 999 (epitaxy of lamellae and rods); Bain, Trans. AIME 70
(1924) 25 (bcc to fcc).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.lattice import (
    BODY_CENTRED,
    FACE_CENTRED,
    HEXAGONAL,
    LAMELLAR,
    SIMPLE_CUBIC,
    first_reflection,
)
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
TAGS = ("lattice change",)
LATTICES = {
    "body_centred_cubic": BODY_CENTRED,
    "face_centred_cubic": FACE_CENTRED,
    "hexagonal": HEXAGONAL,
    "lamellar": LAMELLAR,
    "simple_cubic": SIMPLE_CUBIC,
}
FEATURES = (
    ("body_centred_cubic", "face_centred_cubic"),
    ("face_centred_cubic", "body_centred_cubic"),
    ("lamellar", "hexagonal"),
    ("hexagonal", "lamellar"),
    ("hexagonal", "body_centred_cubic"),
    ("simple_cubic", "face_centred_cubic"),
    ("powder_rings", "powder_rings"),
)
PARAMETERS = (
    ONSET,
    TIME,
    EXPONENT,
    Parameter("form", "", 0, (0, 1), "0 a logistic, 1 Avrami's law"),
    Parameter("extent", "", 1.0, (0.1, 1.0), "fraction of the old lattice that changes"),
    Parameter("ratio", "", 1.0, (0.7, 1.4), "first ring of the new lattice over that of the old"),
)


def draw(rng, experiment, frames, entries):
    old, new = entries
    new["share"] = old["share"]
    if old["feature"] == "powder_rings":
        # The cell is deformed by some per cent, and its structure factors are others.
        ratio = float(np.exp(rng.normal(0, 0.05)))
        new["parameters"] |= {
            "cell": old["parameters"]["cell"] / ratio,
            "width": old["parameters"]["width"],
            "third": float(np.clip(old["parameters"]["third"] * rng.uniform(0.8, 1.25), 0.3, 3)),
        }
    else:
        cubic = {old["feature"], new["feature"]} == {"body_centred_cubic", "face_centred_cubic"}
        ratio = rng.uniform(1.01, 1.03) if cubic else 1.0 + rng.normal(0, 0.003)
        if cubic and old["feature"] == "body_centred_cubic":
            ratio = 1 / ratio  # at one density, the first ring of bcc is 3 % further out
        first = first_reflection(LATTICES[old["feature"]], old["parameters"]["spacing"]) * ratio
        new["parameters"] |= {
            "spacing": float(first_reflection(LATTICES[new["feature"]], 1.0) / first),
            "polydispersity": old["parameters"]["polydispersity"],
        }
    return {
        **draw_times(rng, frames),
        "exponent": rng.uniform(1.5, 4.0),
        "form": int(rng.random() < 0.5),
        "extent": 1.0 if rng.random() < 0.6 else rng.uniform(0.2, 1.0),
        "ratio": float(np.clip(ratio, 0.7, 1.4)),
    }


def progress(parameters, t):
    p = parameters
    if p["form"]:
        return avrami(t, p["onset"], p["time"], p["exponent"])
    return logistic(t, p["onset"], p["time"])


def values(parameters, x, t, entries):
    old, new = entries
    changed = parameters["extent"] * x
    return [scaled(old, 1 - changed), scaled(new, changed)]


REFERENCES = (
    (
        lambda: first_reflection(FACE_CENTRED, 2 ** (1 / 3)) / first_reflection(BODY_CENTRED, 1.0),
        (),
        (3 / 2) ** 0.5 / 2 ** (1 / 3),
        "at one volume of a particle, a_fcc = 2^(1/3) a_bcc: q₁ of fcc is 0.972 that of bcc",
    ),
)
