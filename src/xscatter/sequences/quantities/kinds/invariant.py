"""The scattering invariant of an isotropic sample, in photons a pixel."""

import numpy as np

TITLE = "invariant, the integral of intensity times q² over the measured range"
UNIT = "photons nm⁻³"
NEEDS_Q = True


def measure(rings):
    """Return the integral by the rule of rectangles."""
    weight = rings.places**2 * np.gradient(rings.places)
    return weight @ rings.intensity, np.sqrt(weight**2 @ rings.deviation**2)
