"""Cerium dioxide, a standard of wide angles: sharp rings of a face-centred cubic cell.

q = 2π √(h² + k² + l²)/a, a = 0.5411651 nm.

Source: NIST certificate of SRM 674b (cell edge; integrated intensities at Cu Kα).
"""

import numpy as np

from xscatter.simulate.physics.powder import cubic_lines, ring_strengths
from xscatter.simulate.shared.standards import (
    STANDARD_TAGS,
    WIDTH_AND_SCATTER,
    standard_components,
    visible,
)

KIND = "standard"
FAMILIES = {"any": 2.0}
GRAZING = 2.0
TAGS = ("CeO2", *STANDARD_TAGS)
PARAMETERS = WIDTH_AND_SCATTER
CELL = 0.5411651  # nm
LINES = [
    (1, 1, 1),
    (2, 0, 0),
    (2, 2, 0),
    (3, 1, 1),
    (2, 2, 2),
    (4, 0, 0),
    (3, 3, 1),
    (4, 2, 0),
    (4, 2, 2),
]
INTENSITIES = [100.0, 27.73, 48.63, 35.71, 6.31, 5.98, 11.84, 7.15, 10.51]


def rings() -> tuple[np.ndarray, np.ndarray]:
    """Return q (9,) in nm⁻¹ of the rings, and their strengths (9,) relative to the strongest."""
    q = cubic_lines(CELL, LINES)
    return q, ring_strengths(q, np.array(INTENSITIES))


def spacings(count: int) -> list[float]:
    """Return d in nm of the first `count` rings, rounded to six digits."""
    return [round(float(2 * np.pi / q), 6) for q in rings()[0][:count]]


REFERENCES = (
    (
        spacings,
        (4,),
        [0.312442, 0.270583, 0.191331, 0.163167],
        "d-spacings of SRM 674b, pyFAI CeO2",
    ),
)


def applies(experiment):
    """Its first rings lie on the detector."""
    return visible(experiment, rings()[0])


def draw(rng, experiment):
    return {
        "width": float(np.exp(rng.normal(np.log(0.03), 0.4))),
        "scatter": rng.uniform(0.0, 0.15),
    }


def contribute(parameters, experiment):
    return standard_components(parameters, experiment, "CeO2", rings())
