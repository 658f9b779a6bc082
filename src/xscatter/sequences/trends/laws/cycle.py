"""A sine: cyclic load, charge and discharge, breathing of the sample."""

import numpy as np

from xscatter.sequences.trends.law import LawParameter, Reported, TrendDomain

TITLE = "cycle"
EQUATION = "y = mean + amplitude sin(2π (x − first) / period + phase)"
LINEAR = 3
PRIOR = 0.2
REPORTED = (
    Reported("mean", "level", "y"),
    Reported("amplitude", "change", "y"),
    Reported("period", "scale", "x"),
)


def _frequency(u: np.ndarray, domain: TrendDomain) -> np.ndarray:
    """Prior of the frequency: one and a half periods in the range to three points a period."""
    least = 1.5 / domain.span
    return least + u * (max(1 / (3 * domain.step), 2 * least) - least)


PARAMETERS = (LawParameter("frequency", _frequency),)


def columns(x, values, domain):
    """Return 1, cosine and sine."""
    angle = 2 * np.pi * values["frequency"] * (x - domain.first)
    return [np.ones_like(x), np.cos(angle), np.sin(angle)]


def report(values, linear, domain):
    """Return the mean, the amplitude and the period."""
    return {
        "mean": float(linear[0]),
        "amplitude": float(np.hypot(linear[1], linear[2])),
        "period": 1 / values["frequency"],
    }
