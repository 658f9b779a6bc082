"""Spacing that the strongest ring stands for."""

import numpy as np

TITLE = "spacing 2π/q* of the strongest ring"
UNIT = "nm"
NEEDS_Q = True


def measure(rings):
    """Return 2π/q*; the relative error is that of the position."""
    if rings.peak is None:
        return None
    position = rings.peak.position
    spacing = 2 * np.pi / position
    return spacing, spacing * np.sqrt(rings.peak.covariance[0, 0]) / position
