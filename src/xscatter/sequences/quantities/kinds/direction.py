"""Azimuth of the strongest ring's arcs."""

import numpy as np

TITLE = (
    "azimuth χ₀ at which the strongest ring is brightest, 0 to 180, from the columns to the rows"
)
UNIT = "degrees"


def measure(rings):
    """Return the azimuth; None unless the ring has arcs."""
    answer = rings.twofold
    if answer is None:
        return None
    cosine, sine, sd, _ = answer
    size = np.hypot(cosine, sine)
    if size < 4 * sd:
        return None
    return np.degrees(np.arctan2(sine, cosine)) / 2 % 180, np.degrees(sd / size) / 2
