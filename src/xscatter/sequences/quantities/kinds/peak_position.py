"""Position of the strongest ring."""

import numpy as np

TITLE = "position q* of the strongest ring"
UNIT = "nm⁻¹"


def measure(rings):
    """Return the position of the fitted peak."""
    if rings.peak is None:
        return None
    return rings.peak.position, np.sqrt(rings.peak.covariance[0, 0])
