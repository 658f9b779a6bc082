"""Number of rings, which for a lattice is the number of its orders."""

import numpy as np
from scipy import signal

from xscatter.sequences.quantities.peak import SIGNIFICANT

TITLE = "number of rings above the smooth scattering"
UNIT = ""


def measure(rings):
    """Return the number of significant maxima; its error is the spread over thresholds."""
    if len(rings.places) < 24:
        return None
    strength = rings.strength
    # A wide bump is a halo, and ripples beside a strong ring are left by the smooth scattering.
    prominence = max(SIGNIFICANT - 1, 0.03 * strength.max())
    peaks, _ = signal.find_peaks(strength, prominence=prominence, width=(1, len(strength) / 12))
    heights = strength[peaks]
    numbers = [(heights >= SIGNIFICANT + shift).sum() for shift in (-1, 0, 1)]
    # A number is rounded: never better known than a uniform distribution over 1 is wide.
    return numbers[1], np.hypot(np.std(numbers), np.sqrt(1 / 12))
