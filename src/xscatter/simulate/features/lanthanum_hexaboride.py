"""Lanthanum hexaboride, a standard of wide angles: sharp rings of a primitive cubic cell.

q = 2π √(h² + k² + l²)/a, a = 0.4156826 nm at 22.5 °C.

Source: NIST certificate of SRM 660c (cell edge; integrated intensities at Cu Kα).
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
TAGS = ("LaB6", *STANDARD_TAGS)
PARAMETERS = WIDTH_AND_SCATTER
CELL = 0.4156826  # nm
LINES = [
    (1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 0, 0), (2, 1, 0), (2, 1, 1), (2, 2, 0), (3, 0, 0),
    (3, 1, 0), (3, 1, 1), (2, 2, 2), (3, 2, 0), (3, 2, 1),
]  # fmt: skip
INTENSITIES = [64.27, 100.0, 41.54, 20.21, 43.1, 21.17, 7.45, 21.25, 14.79, 8.52, 1.31, 4.93, 10.49]


def rings() -> tuple[np.ndarray, np.ndarray]:
    """Return q (13,) in nm⁻¹ of the rings, and their strengths (13,) relative to the strongest."""
    q = cubic_lines(CELL, LINES)
    return q, ring_strengths(q, np.array(INTENSITIES))


def spacings(count: int) -> list[float]:
    """Return d in nm of the first `count` rings, rounded to six digits."""
    return [round(float(2 * np.pi / q), 6) for q in rings()[0][:count]]


REFERENCES = (
    (
        spacings,
        (4,),
        [0.415683, 0.293932, 0.239994, 0.207841],
        "d-spacings of SRM 660c, pyFAI LaB6",
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
    return standard_components(parameters, experiment, "LaB6", rings())
