"""All photons of the usable pixels."""

import numpy as np

TITLE = "photons on all usable pixels"
UNIT = "photons"


def measure(rings):
    """Return the sum and its Poisson error."""
    total = rings.photons.sum()
    return total, np.sqrt((total + 1) * rings.noise_factor)
