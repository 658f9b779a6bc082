"""The least error with which an ideal fit could know each changing parameter of a frame.

The Cramér-Rao bound: with the expected counts λ and their derivatives by all parameters that
change, the covariance of any unbiased fit is at least the inverse of F = Σ ∂λ ∂λᵀ / λ over live
pixels (S. M. Kay, Fundamentals of Statistical Signal Processing, 1993, chapter 3).
"""

from copy import deepcopy
from typing import Any

import numpy as np

from xscatter.simulate.experiment import Experiment
from xscatter.simulate.registry import get
from xscatter.simulate.render import render
from xscatter.simulate.shadows import shaded

PHOTONS = "photons"
_STEP = 2e-3  # of a value, or of a part of its range where the value is near zero
_NEAR_ZERO = 0.01
_MOST = 1e30  # error above which nothing is known
_RIDGE = 1e-9  # of the correlation of two parameters that no fit tells apart

Place = tuple[int, str]  # number of a feature in the scene, and "share" or the parameter's name


def least_errors(
    scene: dict[str, Any], experiment: Experiment, places: dict[str, Place]
) -> dict[str, float]:
    """Return the least error of each quantity of a scene, all others and the flux free.

    Args:
        scene: of a frame with light.
        experiment: its instrument.
        places: where each quantity is in the scene, by name.

    Returns:
        By name, and of the photons; infinite where the frame does not determine it.
    """
    shown = shaded(experiment, scene.get("shadows", []))
    live, dark = experiment.live, experiment.setup.detector.dark_counts
    expected = _expected(scene, shown, live)
    rows = {PHOTONS: (expected - dark) / scene[PHOTONS]}
    for name, (number, key) in places.items():
        low, high = _around(scene["features"][number], key)
        pair = []
        for value in (low, high):
            moved = {**scene, "features": deepcopy(scene["features"])}
            entry = moved["features"][number]
            (entry if key == "share" else entry["parameters"])[key] = value
            pair.append(_expected(moved, shown, live))
        rows[name] = (pair[1] - pair[0]) / (high - low)
    table = np.array(list(rows.values())) / np.sqrt(np.maximum(expected, 1e-6))
    information = table @ table.T
    size = np.sqrt(np.diag(information))
    known = size > 0
    errors = np.full(len(rows), np.inf)
    if known.any():
        scaled = information[np.ix_(known, known)] / np.outer(size[known], size[known])
        inverse = np.linalg.inv(scaled + _RIDGE * np.eye(len(scaled)))
        errors[known] = np.sqrt(np.diag(inverse)) / size[known]
    errors[errors > _MOST] = np.inf
    return dict(zip(rows, map(float, errors), strict=True))


def _expected(scene: dict[str, Any], experiment: Experiment, live: np.ndarray) -> np.ndarray:
    return render(scene, experiment).expected[live].astype(float)


def _around(entry: dict[str, Any], key: str) -> tuple[float, float]:
    """Return two values of a parameter about that of the scene, within its bounds."""
    if key == "share":
        value, least, most = entry["share"], 0.0, np.inf
    else:
        value = entry["parameters"][key]
        bounds = next(p.bounds for p in get(entry["feature"]).parameters if p.name == key)
        least, most = bounds
    step = _STEP * max(abs(value), _NEAR_ZERO * min(most - least, 1.0))
    return max(value - step, least), min(value + step, most)
