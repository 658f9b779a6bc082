"""Diffuse scattering that rises towards wide angles: disorder in the structure, amorphous matter.

1 − exp(−q²s²) is what Debye-Waller displacements s take from the reflections (Warren, X-ray
Diffraction, 1969). With an amorphous halo beyond, at the edge of the image, it is multiplied by
1 + h exp(−(q − q_a)²/2w²).
"""

import numpy as np

from xscatter.simulate.components import Radial
from xscatter.simulate.parameter import Parameter

KIND = "sample"
FAMILIES = {"powder": 1.5, "polymer": 2.0, "crystal": 1.5, "solution": 1.0, "any": 0.8}
GRAZING = 1.0
TAGS = ("diffuse high-q",)
PARAMETERS = (
    Parameter(
        "displacement",
        "nm",
        0.1,
        (1e-4, 1e3),
        "s, the inverse of q where the scattering has risen by 1 − 1/e",
    ),
    Parameter("height", "", 0.0, (0.0, 10.0), "h, the halo's height over the rise; 0 for none"),
    Parameter("centre", "", 1.0, (0.5, 2.0), "q of the halo times s"),
    Parameter("width", "", 0.2, (0.05, 1.0), "standard deviation of the halo over its q"),
)


def intensity(q, displacement, height, centre, width):
    """Return the intensity at `q` (nm⁻¹), 1 for large q.

    Args:
        q: any shape, in nm⁻¹.
        displacement: s in nm; at q = 1/s the scattering has risen by 1 − 1/e.
        height: of the halo over the rise; 0 for none.
        centre: q of the halo times s.
        width: standard deviation of the halo over its q.
    """
    x = np.asarray(q) * displacement
    return (1 - np.exp(-(x**2))) * (1 + height * np.exp(-0.5 * ((x / centre - 1) / width) ** 2))


REFERENCES = (
    (intensity, (2.0, 0.5, 0.0, 1.0, 0.2), 0.6321205588285577, "1 − exp(−1)"),
    (
        intensity,
        (2.0, 0.5, 1.0, 1.0, 0.2),
        1.2642411176571153,
        "twice that at the top of a halo of height 1",
    ),
)


def draw(rng, experiment):
    halo = rng.random() < 0.4
    # The rise must lie within the range of q, or it would look like a flat background.
    return {
        "displacement": float(
            np.clip(1.0 / (experiment.q_high * rng.uniform(0.5, 1.1)), 1e-4, 1e3)
        ),
        "height": rng.uniform(0.3, 3.0) if halo else 0.0,
        "centre": rng.uniform(0.9, 1.4),
        "width": rng.uniform(0.12, 0.35),
    }


def contribute(parameters, experiment):
    return [Radial(tags=("diffuse high-q",), profile=intensity(experiment.q, **parameters))]
