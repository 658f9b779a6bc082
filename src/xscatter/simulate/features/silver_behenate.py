"""Silver behenate, the standard of small angles: many equally spaced rings.

q_l = 2π l/d, d = 5.838 nm, l = 1, 2, 3 ... up to the widest angle recorded. The layers of silver
atoms are thin, so orders fade slowly; half-way between them is the gap where chains meet, of the
opposite contrast and g times as strong. Per solid angle I_l ∝ [1 − g (−1)ˡ]²/q_l² · exp(−q_l² u²):
odd orders are the stronger ones.

Source: Huang, Toraya, Blanton & Wu, J. Appl. Cryst. 26 (1993) 180 (d, and crystallites of 90 nm
across the layers).
"""

import numpy as np

from xscatter.simulate.physics.profiles import debye_waller
from xscatter.simulate.shared.standards import (
    STANDARD_TAGS,
    WIDTH_AND_SCATTER,
    standard_components,
    visible,
)

KIND = "standard"
FAMILIES = {"any": 1.0}
GRAZING = 1.0
TAGS = ("silver behenate", *STANDARD_TAGS)
PARAMETERS = WIDTH_AND_SCATTER
SPACING = 5.8380  # nm, ± 0.0003
CRYSTALLITE = 90.0  # nm
GAP = 0.15  # g
DISPLACEMENT = 0.06  # u in nm


def rings(largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return q (n,) in nm⁻¹ of the rings up to `largest`, strengths (n,) over the first."""
    order = np.arange(1, max(1, int(largest * SPACING / (2 * np.pi))) + 1)
    q = 2 * np.pi / SPACING * order
    strength = (1 - GAP * (-1.0) ** order) ** 2 / order**2 * debye_waller(q, DISPLACEMENT)
    return q, strength / strength[0]


REFERENCES = (
    (lambda: float(2 * np.pi / rings(2.0)[0][0]), (), 5.8380, "Huang et al. (1993)"),
    (
        lambda: len(rings(15.0)[0]),
        (),
        13,
        "reflections seen up to 2θ = 20° at Cu Kα, Huang et al. (1993)",
    ),
)


def applies(experiment):
    """Its first rings lie on the detector."""
    return visible(experiment, rings(4.0)[0])


def draw(rng, experiment):
    return {
        "width": float(np.exp(rng.normal(np.log(2 * np.pi * 0.9 / CRYSTALLITE), 0.2))),
        "scatter": rng.uniform(0.0, 0.3),
    }


def contribute(parameters, experiment):
    return standard_components(parameters, experiment, "silver behenate", rings(experiment.q_high))
