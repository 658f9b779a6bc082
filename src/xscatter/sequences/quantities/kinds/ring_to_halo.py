"""Light of the strongest ring over all other light: the relative crystallinity."""

import numpy as np

TITLE = "photons of the strongest ring over all other photons"
UNIT = ""


def measure(rings):
    """Return the ratio; the area of the ring is that of the fitted peak."""
    peak = rings.peak
    if peak is None:
        return None
    pixels = np.interp(peak.position, rings.places, rings.pixels)
    step = np.interp(peak.position, rings.places, np.gradient(rings.places))
    area = peak.height * peak.width * 1.0644670 * pixels / step  # of a Gaussian
    relative = np.array([0, 1 / peak.width, 1 / peak.height])
    variance = relative @ peak.covariance @ relative * area**2
    total = rings.photons.sum()
    rest = total - area
    if rest <= 0:
        return None
    # ratio = area / (total − area); photons of the ring are in both.
    shared = area * rings.noise_factor if rings.poisson else 0.0
    both = total**2 * variance + area**2 * rings.total_deviation**2 - 2 * total * area * shared
    return area / rest, np.sqrt(max(both, 0.0)) / rest**2
