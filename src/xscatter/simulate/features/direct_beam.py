"""The direct beam: seen without a beamstop, through a semi-transparent one, or through its hole.

A Gaussian spot at the beam centre, as wide as the beam is on the detector.
"""

import numpy as np

from xscatter.simulate.components import Spots
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "background"
FAMILIES = {"any": 0.5}
GRAZING = 0.5
TAGS = ()
PARAMETERS = (
    Parameter("size", "", 1.5, (0.3, 20.0), "σ of the larger side over that of the point spread"),
    Parameter("flatness", "", 0.6, (0.05, 1.0), "smaller side over the larger"),
)


def spot(distance, sigma):
    """Return the intensity at `distance` from the middle of a spot of deviation `sigma`."""
    return np.exp(-0.5 * (distance / sigma) ** 2)


REFERENCES = ((spot, (2.0, 2.0), 0.6065306597126334, "exp(−1/2) at σ"),)


def applies(experiment):
    """A beam that meets the detector, where the beamstop does not hide it."""
    stop = experiment.setup.beamstop
    shown = stop.kind == "none" or stop.leak > 1e-2 or (stop.kind == "circular" and stop.hole > 0)
    return experiment.setup.placement.on_image and shown


def draw(rng, experiment):
    return {"size": log_uniform(rng, 0.7, 6.0), "flatness": rng.uniform(0.2, 1.0)}


def contribute(parameters, experiment):
    row, col = experiment.geometry.center
    # A hair beside the centre, so that the spot has a radial direction.
    wide = parameters["size"] * experiment.spread_pixels
    fields = {
        "rows": row, "cols": col + 1e-3, "intensity": 1.0,
        "radial_width": wide, "tangential_width": max(parameters["flatness"] * wide, 0.3),
    }  # fmt: skip
    return [Spots(**{name: np.array([value]) for name, value in fields.items()})]
