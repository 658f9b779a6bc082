"""Radius of gyration from the slope at low q."""

TITLE = "radius of gyration (Guinier, q Rg below 1.3)"
UNIT = "nm"
NEEDS_Q = True


def measure(rings):
    """Return the radius of gyration."""
    answer = rings.guinier
    return None if answer is None else (answer.radius, answer.radius_sd)
