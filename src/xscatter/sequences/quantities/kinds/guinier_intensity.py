"""Intensity that the Guinier law has at q = 0."""

TITLE = "intensity at q = 0 (Guinier)"
UNIT = "photons"
NEEDS_Q = True


def measure(rings):
    """Return the intensity at q = 0 in photons a pixel."""
    answer = rings.guinier
    return None if answer is None else (answer.intensity, answer.intensity_sd)
