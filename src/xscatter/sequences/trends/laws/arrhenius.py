"""The Arrhenius law of thermally activated processes."""

import numpy as np

from xscatter.sequences.trends.law import LawParameter, Reported, TrendDomain

TITLE = "Arrhenius"
EQUATION = "y = factor exp(−energy / (R T))"
OF_TEMPERATURE = True
LINEAR = 1
HAS_LEVEL = False
REPORTED = (Reported("energy", "scale", "kJ/mol"), Reported("log_factor", "level", "ln(y)"))
GAS = 8.314462618e-3  # kJ/(mol K)


def _energy(u: np.ndarray, domain: TrendDomain) -> np.ndarray:
    """Prior of the energy: -500 to 500 kJ/mol, half of it within 60."""
    side = 2 * u - 1
    return np.sign(side) * (120 * np.abs(side) + 380 * np.abs(side) ** 4)


PARAMETERS = (LawParameter("energy", _energy),)


def columns(x, values, domain):
    """Return the exponential, at most 1 at the measured points."""
    power = -values["energy"] / GAS * (1 / x)
    ends = -values["energy"] / GAS / np.array([domain.first, domain.last])
    return [np.exp(power - ends.max(-1, keepdims=True))]


def report(values, linear, domain):
    """Return the energy, and the logarithm of the factor."""
    ends = -values["energy"] / GAS / np.array([domain.first, domain.last])
    return {"energy": values["energy"], "log_factor": float(np.log(linear[0]) - ends.max())}
