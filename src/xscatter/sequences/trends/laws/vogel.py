"""The law of Vogel, Fulcher and Tammann: dynamics of a liquid that becomes a glass."""

import numpy as np

from xscatter.sequences.trends.law import LawParameter, Reported, TrendDomain

TITLE = "Vogel-Fulcher-Tammann"
EQUATION = "y = factor exp(B / (T − T0))"
OF_TEMPERATURE = True
LINEAR = 1
HAS_LEVEL = False
REPORTED = (
    Reported("B", "scale", "K"),
    Reported("T0", "position", "K"),
    Reported("log_factor", "level", "ln(y)"),
)
JOINT = ("T0", "B")


def _b(u: np.ndarray, domain: TrendDomain) -> np.ndarray:
    """Prior of B: -10000 to 10000 K, half of it within 1200 K."""
    side = 2 * u - 1
    return np.sign(side) * (2000 * np.abs(side) + 8000 * np.abs(side) ** 4)


def _t0(u: np.ndarray, domain: TrendDomain) -> np.ndarray:
    """Prior of T0: from 0 K to just below the lowest temperature."""
    return u * domain.first * 0.995


PARAMETERS = (LawParameter("B", _b), LawParameter("T0", _t0))


def columns(x, values, domain):
    """Return the exponential, at most 1 at the measured points."""
    return [np.exp(values["B"] / (x - values["T0"]) - _largest(values, domain))]


def report(values, linear, domain):
    """Return the parameters, and the logarithm of the factor."""
    log_factor = float(np.log(linear[0]) - np.squeeze(_largest(values, domain)))
    return {**values, "log_factor": log_factor}


def _largest(values, domain):
    ends = values["B"] / (np.array([domain.first, domain.last]) - values["T0"])
    return ends.max(-1, keepdims=True)
