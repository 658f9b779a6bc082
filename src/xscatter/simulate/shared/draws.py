"""Distributions that many features draw their parameters from."""

from typing import Any

import numpy as np


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number between `low` and `high`, uniform in its logarithm.

    Args:
        rng: random stream.
        low: lower limit, above 0.
        high: upper limit.
    """
    # Lengths span decades: each decade is drawn equally often.
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def between(
    rng: np.random.Generator, experiment: Any, low: float = 0.0, high: float = 1.0
) -> float:
    """Draw a q (nm⁻¹) that is seen, uniform in √q: crowded neither about the beam nor at the edge.

    Args:
        rng: stream of the image.
        experiment: it sees q from `q_low` to `q_high`.
        low: lower end as a fraction of that range.
        high: upper end as a fraction of that range.
    """
    first, last = np.sqrt(experiment.q_low), np.sqrt(experiment.q_high)
    return float((first + (last - first) * rng.uniform(low, high)) ** 2)
