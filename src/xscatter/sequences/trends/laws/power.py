"""A power of the distance from an onset: coarsening (1/3), diffusion (1/2), criticality."""

import numpy as np

from xscatter.sequences.trends.law import LawParameter, Reported, TrendDomain

TITLE = "power law"
EQUATION = "y = factor (x − onset)^exponent"
LINEAR = 1
HAS_LEVEL = False
PRIOR = 0.5
REPORTED = (
    Reported("onset", "position", "x"),
    Reported("exponent", "exponent", ""),
    Reported("factor", "change", "y/x^exponent"),
)
JOINT = ("onset", "exponent")


def _before(u: np.ndarray, domain: TrendDomain) -> np.ndarray:
    """Prior of the distance of the onset from the first point, mostly near it."""
    least = 0.01 * domain.step
    return least * (2 * domain.span / least) ** u


def _exponent(u: np.ndarray, domain: TrendDomain) -> np.ndarray:
    """Prior of the exponent: -4 to 4, hardly any of it beyond -1 and 1."""
    side = 2 * u - 1
    return np.sign(side) * (0.6 * np.abs(side) + 3.4 * np.abs(side) ** 20)


PARAMETERS = (LawParameter("before", _before), LawParameter("exponent", _exponent))


def columns(x, values, domain):
    """Return the power, 1 at the last point."""
    before = values["before"]
    return [((x - domain.first + before) / (domain.span + before)) ** values["exponent"]]


def report(values, linear, domain):
    """Return the onset, the exponent and the factor."""
    before, exponent = values["before"], values["exponent"]
    return {
        "onset": domain.first - before,
        "exponent": exponent,
        "factor": float(linear[0] / (domain.span + before) ** exponent),
    }


def decades(numbers, domain):
    """Return the decades of x − onset from the second point to the last.

    The first point is as close to the onset as one likes, and says nothing of the exponent alone.
    """
    onset = numbers["onset"]
    return float(np.log10((domain.last - onset) / (domain.second - onset)))
