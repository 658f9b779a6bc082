"""Width of the strongest ring, with that of the instrument."""

import numpy as np

TITLE = "full width at half maximum of the strongest ring"
UNIT = "nm⁻¹"


def measure(rings):
    """Return the width of the fitted peak."""
    if rings.peak is None:
        return None
    return rings.peak.width, np.sqrt(rings.peak.covariance[1, 1])
