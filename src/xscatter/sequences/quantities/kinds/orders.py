"""Number of rings, which for a lattice is the number of its orders."""

import numpy as np

TITLE = "number of rings that are maxima of the intensity"
UNIT = ""
OF_NOISE = False  # it is known to 1, however quiet the frame


def measure(rings):
    """Return the number of maxima, which is known to 1."""
    # A number is rounded: never better known than a uniform distribution over 1 is wide.
    return len(rings.maxima), np.sqrt(1 / 12)
