"""Size of ordered domains after Scherrer; a lower bound, as the instrument broadens rings too."""

import numpy as np

TITLE = "domain size 2π·0.9/width of the strongest ring (Scherrer)"
UNIT = "nm"
NEEDS_Q = True
SHAPE = 0.9


def measure(rings):
    """Return 2πK/width; the relative error is that of the width."""
    if rings.peak is None:
        return None
    size = 2 * np.pi * SHAPE / rings.peak.width
    return size, size * np.sqrt(rings.peak.covariance[1, 1]) / rings.peak.width
