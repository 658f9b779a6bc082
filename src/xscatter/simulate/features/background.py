"""Air scattering and fluorescence: what is there without a sample.

Scattering of air falls with q as the squared mean form factor of its atoms, here the sum of a
Gaussian and a constant (International Tables C, 6.1; Compton scattering and fluorescence make the
constant). The share of the background sets the tag `high background`.
"""

import numpy as np

from xscatter.simulate.components import Radial
from xscatter.simulate.parameter import Parameter

KIND = "background"
FAMILIES = {"any": 1.0}
GRAZING = 1.0
TAGS = ()
PARAMETERS = (
    Parameter(
        "flat", "", 0.5, (0.0, 1.0), "fraction of the intensity at q = 0 that does not fall with q"
    ),
    Parameter("decay", "nm⁻¹", 12.0, (0.01, 200.0), "q at which the falling part is 1/e"),
    Parameter(
        "parasitic",
        "",
        0.0,
        (0.0, 1e4),
        "parasitic scattering about the beam over air, at q = decay/20",
    ),
)


def intensity(q, flat, decay, parasitic):
    """Return a constant, a Gaussian, and parasitic scattering as q⁻³; `q` in nm⁻¹.

    Args:
        q: any shape, in nm⁻¹.
        flat: fraction of the intensity at q = 0 that does not fall with q.
        decay: q in nm⁻¹ at which the falling part is 1/e.
        parasitic: parasitic scattering over air at q = decay/20.
    """
    near = parasitic * (np.maximum(q, decay / 1000) / (decay / 20)) ** -3.0
    return flat + (1 - flat) * np.exp(-((q / decay) ** 2)) + near


REFERENCES = (
    (intensity, (0.0, 0.3, 10.0, 0.0), 1.0, "definition"),
    (intensity, (10.0, 0.0, 10.0, 0.0), 0.36787944117144233, "exp(-1)"),
    (intensity, (0.5, 1.0, 10.0, 2.0), 3.0, "parasitic is relative at decay/20"),
)


def draw(rng, experiment):
    air = experiment.setup.exposure.air
    return {
        "flat": rng.beta(2, 2),
        "decay": float(np.clip(experiment.q_high * np.exp(rng.normal(0, 0.3)), 0.011, 190)),
        "parasitic": 10 ** (2.2 * air - 1.2 + rng.normal(0, 0.2)),
    }


def contribute(parameters, experiment):
    return [Radial(profile=intensity(experiment.q, **parameters))]
