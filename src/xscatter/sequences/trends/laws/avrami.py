"""The Avrami law of crystallisation: nucleation and growth until growing regions meet.

M. Avrami, J. Chem. Phys. 7 (1939) 1103. In theory the exponent is 1 to 4.
"""

import numpy as np

from xscatter.sequences.trends.law import (
    LawParameter,
    Reported,
    TrendDomain,
    log_normal,
    log_uniform,
)

TITLE = "Avrami"
EQUATION = "y = before + change (1 − exp(−((x − onset) / tau)^exponent))"
LINEAR = 2
REPORTED = (
    Reported("before", "level", "y"),
    Reported("change", "change", "y"),
    Reported("onset", "position", "x"),
    Reported("exponent", "exponent", ""),
    Reported("tau", "scale", "x"),
    Reported("half_time", "position", "x"),
    Reported("time_95", "position", "x"),
)
JOINT = ("onset", "exponent")
HALF = np.log(2)


def _onset(u: np.ndarray, domain: TrendDomain) -> np.ndarray:
    """Prior of the onset: a fifth of it before the first point."""
    return domain.first + domain.span * np.where(u < 0.2, (u - 0.2) * 5, (u - 0.2) / 0.8)


PARAMETERS = (
    LawParameter("onset", _onset),
    # The time from onset to half is far better determined than tau, which hangs on the exponent.
    LawParameter("half", log_uniform(0.3, 2.0, "step")),
    LawParameter("exponent", log_normal(2.5, 0.33, 0.3, 9.0)),
)


def columns(x, values, domain):
    """Return 1 and the fraction that is transformed."""
    time = np.maximum(x - values["onset"], 0) / values["half"]
    return [np.ones_like(x), -np.expm1(-HALF * time ** values["exponent"])]


def report(values, linear, domain):
    """Return all parameters, and the times at which half and 95 % are transformed."""
    tau = values["half"] / HALF ** (1 / values["exponent"])
    return {
        "before": float(linear[0]),
        "change": float(linear[1]),
        "onset": values["onset"],
        "exponent": values["exponent"],
        "tau": tau,
        "half_time": values["onset"] + values["half"],
        "time_95": values["onset"] + tau * np.log(20) ** (1 / values["exponent"]),
    }
