"""No change: the law that every other has to beat."""

import numpy as np

from xscatter.sequences.trends.law import Reported

TITLE = "constant"
EQUATION = "y = level"
PARAMETERS = ()
LINEAR = 1
PRIOR = 0.3
REPORTED = (Reported("level", "level", "y"),)


def columns(x, values, domain):
    """Return the constant 1."""
    return [np.ones_like(x)]


def report(values, linear, domain):
    """Return the level."""
    return {"level": float(linear[0])}
