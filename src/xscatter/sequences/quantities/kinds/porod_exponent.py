"""Exponent of the power law at low q or beyond the Guinier range."""

import numpy as np

from xscatter.sequences.quantities.guinier import weighted_line

TITLE = "exponent p of intensity ~ q^−p, beyond the Guinier range and without the strongest ring"
UNIT = ""


def measure(rings):
    """Return the exponent; None where the profile is no power law of q over a factor of 2."""
    q = rings.places
    knee = rings.guinier
    low = q[0] if knee is None else 3 / knee.knee
    # Beyond four times the lowest q the background is often all that is left.
    used = (q > 0) & (q >= low) & (q <= 4 * low) & rings.lit & ~rings.near_peak(1.5)
    if used.sum() < 6 or q[used][-1] < 2 * q[used][0]:
        return None
    weight = (rings.intensity[used] / rings.deviation[used]) ** 2
    _, slope, covariance = weighted_line(np.log(q[used]), np.log(rings.intensity[used]), weight)
    if slope >= 0:
        return None
    return -slope, np.sqrt(covariance[1, 1])
