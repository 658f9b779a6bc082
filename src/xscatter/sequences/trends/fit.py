"""Maximum likelihood: the parameters of a law that fit best, and the laws compared by AICc."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from xscatter.sequences.trends.likelihood import TrendModel
from xscatter.sequences.trends.posterior import prior_points

STARTS = 6
EDGE = 1e-9  # the cube without its faces, where quantiles of a prior may be infinite


@dataclass(frozen=True)
class LawFit:
    """The best parameters of a law.

    Attributes:
        model: the law and its points.
        unit: (parameters,) in the unit cube.
        linear: weights of the columns.
        squares: sum of squared residuals in units of the noise.
    """

    model: TrendModel
    unit: np.ndarray
    linear: np.ndarray
    squares: float

    @property
    def numbers(self) -> dict[str, float]:
        """The reported numbers."""
        return self.model.law.report(self.unit, self.linear, self.model.domain)

    @property
    def spare(self) -> int:
        """Number of points minus number of free parameters."""
        return len(self.model.points.x) - self.model.law.free

    def curve(self, x: np.ndarray) -> np.ndarray:
        """Return the law at the places `x`."""
        return self.model.law.columns(x, self.unit[None], self.model.domain)[0] @ self.linear


def fit_law(model: TrendModel) -> LawFit:
    """Return the best parameters of a law.

    The search starts from the best of many evenly spread parameters, each in its own valley.
    """
    size = len(model.law.parameters)
    unit = np.clip(prior_points(size), EDGE, 1 - EDGE)
    if size:
        order = np.argsort(model.squares(unit), kind="stable")
        ends = [search(model, unit[n]) for n in _apart(unit, order)]
        unit = min(ends, key=lambda end: end[1])[0][None]
    rest, linear = model.residuals(unit[0])
    return LawFit(model, unit[0], linear, float(rest @ rest))


def search(model: TrendModel, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the nearest point of the unit cube that fits best, and its sum of squares."""
    end = optimize.least_squares(
        lambda unit: model.residuals(unit)[0],
        np.clip(start, EDGE, 1 - EDGE),
        bounds=(EDGE / 2, 1 - EDGE / 2),
        xtol=1e-10,
        ftol=1e-10,
        max_nfev=60,
    )
    return end.x, float(2 * end.cost)


def _apart(unit: np.ndarray, order: np.ndarray) -> list[int]:
    """Return the first of `order` that are not neighbours of one another."""
    chosen: list[int] = []
    for n in order[:400]:
        if all(np.abs(unit[n] - unit[m]).max() > 0.05 for m in chosen):
            chosen.append(int(n))
        if len(chosen) == STARTS:
            break
    return chosen


def noise_scale(fits: list[LawFit]) -> float:
    """Return the factor by which errors that were given are too small, at least 1.

    It is that of the law that fits best for its number of parameters, so that laws are compared
    with one noise.
    """
    usable = [fit for fit in fits if fit.spare > 0]
    return max(1.0, float(np.sqrt(min((f.squares / f.spare for f in usable), default=1.0))))


def corrected_aic(fit: LawFit, scale: float) -> float:
    """Return AICc, infinite when there are too few points for the law.

    Args:
        fit: the law.
        scale: of the noise, where errors were given; otherwise the noise is a parameter too.
    """
    number, known = len(fit.model.points.x), fit.model.points.known
    free = fit.model.law.free + (not known)
    if number - free - 1 <= 0:
        return float("inf")
    smallest = max(fit.squares, 1e-12 * number)
    loss = smallest / scale**2 if known else number * np.log(smallest / number)
    return float(loss + 2 * free + 2 * free * (free + 1) / (number - free - 1))
