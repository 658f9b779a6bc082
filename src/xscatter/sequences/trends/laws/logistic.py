"""A logistic step: melting on a ramp, a transition that is rounded, saturating growth."""

import numpy as np
from scipy import special

from xscatter.sequences.trends.law import LawParameter, Reported, log_uniform, uniform

TITLE = "logistic step"
EQUATION = "y = before + change / (1 + exp(−(x − middle) / width))"
PARAMETERS = (
    LawParameter("middle", uniform(-0.1, 1.3)),
    LawParameter("width", log_uniform(0.1, 0.5, "step")),
)
LINEAR = 2
PRIOR = 0.6
REPORTED = (
    Reported("before", "level", "y"),
    Reported("change", "change", "y"),
    Reported("middle", "position", "x"),
    Reported("width", "scale", "x"),
)


def columns(x, values, domain):
    """Return 1 and the step."""
    return [np.ones_like(x), special.expit((x - values["middle"]) / values["width"])]


def report(values, linear, domain):
    """Return the levels, the middle and the width."""
    return {"before": float(linear[0]), "change": float(linear[1]), **values}
