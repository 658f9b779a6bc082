"""Exponential relaxation or growth, which becomes a straight line when its rate goes to 0."""

import numpy as np

from xscatter.sequences.trends.law import LawParameter, Reported

TITLE = "exponential"
EQUATION = "y = start + change (1 − exp(−rate (x − first))) / (1 − exp(−rate (last − first)))"
LINEAR = 2
REPORTED = (
    Reported("start", "level", "y"),
    Reported("change", "change", "y"),
    Reported("rate", "scale", "1/x"),
)


def _rate(u, domain):
    """Prior of the rate: relaxation, in 1/30 of the range at the fastest; rarely growth.

    Growth is how many processes begin and how none goes on, so that it is fitted, up to e³ in the
    range, but hardly ever predicted.
    """
    growth = np.maximum(0.02 - u, 0) / 0.02
    return (30 * (np.maximum(u - 0.02, 0) / 0.98) ** 2 - 3 * growth**3) / domain.span


PARAMETERS = (LawParameter("rate", _rate),)


def columns(x, values, domain):
    """Return 1 and the change, which is 0 at the first and 1 at the last point."""
    rate = values["rate"] * domain.span
    rate = np.where(np.abs(rate) < 1e-6, 1e-6, rate)
    return [np.ones_like(x), np.expm1(-rate * domain.unit(x)) / np.expm1(-rate)]


def report(values, linear, domain):
    """Return the first value, the change over the range and the rate."""
    return {"start": float(linear[0]), "change": float(linear[1]), "rate": values["rate"]}
