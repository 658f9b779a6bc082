"""A straight line: thermal expansion, slow drift."""

import numpy as np

from xscatter.sequences.trends.law import Reported

TITLE = "straight line"
EQUATION = "y = start + slope (x − first)"
PARAMETERS = ()
LINEAR = 2
PRIOR = 0.5
REPORTED = (Reported("start", "level", "y"), Reported("slope", "change", "y/x"))


def columns(x, values, domain):
    """Return 1 and x in units of the range."""
    return [np.ones_like(x), domain.unit(x)]


def report(values, linear, domain):
    """Return the value at the first point and the slope."""
    return {"start": float(linear[0]), "slope": float(linear[1] / domain.span)}
