"""Orientation order of the strongest ring, in two dimensions."""

import numpy as np

TITLE = "orientation order ⟨cos 2(χ − χ₀)⟩ of the strongest ring, 0 for a ring, 1 for two spots"
UNIT = ""


def measure(rings):
    """Return the order, free of the bias that noise would give it."""
    answer = rings.twofold
    if answer is None:
        return None
    cosine, sine, sd, relative = answer
    order = min(np.sqrt(max(cosine**2 + sine**2 - sd**2, 0.0)), 1.0)
    return order, np.hypot(sd, order * relative)
