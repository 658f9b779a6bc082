"""A law as the other modules see it: parameters with priors, and reported numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

Kind = Literal["position", "scale", "exponent", "level", "change"]


@dataclass(frozen=True)
class TrendDomain:
    """The range of x that was measured.

    Attributes:
        first: smallest x.
        second: the next one.
        last: largest x.
        step: median distance of neighbouring points.
    """

    first: float
    second: float
    last: float
    step: float

    @property
    def span(self) -> float:
        """Length of the range."""
        return self.last - self.first

    def unit(self, x: np.ndarray) -> np.ndarray:
        """Return `x` in units of the range, 0 at its first and 1 at its last point."""
        return (x - self.first) / self.span


@dataclass(frozen=True)
class LawParameter:
    """A parameter that a law is not linear in.

    Attributes:
        name: of the parameter.
        quantile: the inverse distribution function of its prior: from 0..1 to values.
    """

    name: str
    quantile: Callable[[np.ndarray, TrendDomain], np.ndarray]


class Reported(NamedTuple):
    """A number that is reported with an interval.

    Attributes:
        name: of the number.
        kind: decides when it counts as determined.
        unit: "x" or "y" for the unit of a column, "1/x", or a unit itself.
    """

    name: str
    kind: Kind
    unit: str


@dataclass(frozen=True)
class TrendLaw:
    """One law: the file of that name."""

    name: str
    module: ModuleType = field(repr=False)

    @property
    def title(self) -> str:
        """Name of the law in words."""
        return self.module.TITLE

    @property
    def equation(self) -> str:
        """Equation of the law."""
        return self.module.EQUATION

    @property
    def parameters(self) -> tuple[LawParameter, ...]:
        """Parameters that the law is not linear in."""
        return self.module.PARAMETERS

    @property
    def reported(self) -> tuple[Reported, ...]:
        """Numbers that are reported."""
        return self.module.REPORTED

    @property
    def joint(self) -> tuple[str, ...]:
        """Two reported numbers that only make sense together, or none."""
        return getattr(self.module, "JOINT", ())

    @property
    def of_temperature(self) -> bool:
        """Whether x has to be an absolute temperature."""
        return getattr(self.module, "OF_TEMPERATURE", False)

    @property
    def has_level(self) -> bool:
        """Whether the first column is 1, so that the law says nothing of the level."""
        return getattr(self.module, "HAS_LEVEL", True)

    @property
    def prior(self) -> float:
        """How probable the law is before any point, relative to others."""
        return getattr(self.module, "PRIOR", 1.0)

    @property
    def free(self) -> int:
        """Number of free parameters, without that of the noise."""
        return len(self.parameters) + self.module.LINEAR

    def values(self, unit: np.ndarray, domain: TrendDomain) -> dict[str, np.ndarray]:
        """Return the parameters at points (…, parameters) of the unit cube."""
        return {p.name: p.quantile(unit[..., n], domain) for n, p in enumerate(self.parameters)}

    def columns(self, x: np.ndarray, unit: np.ndarray, domain: TrendDomain) -> np.ndarray:
        """Return the functions of x whose weighted sum is the law.

        Args:
            x: (n,) points.
            unit: (N, parameters) points of the unit cube.
            domain: of the measured points.

        Returns:
            (N, n, linear parameters).
        """
        values = {name: v[:, None] for name, v in self.values(unit, domain).items()}
        shape = (len(unit), len(x))
        with np.errstate(over="ignore", under="ignore"):
            columns = self.module.columns(x, values, domain)
        return np.stack([np.broadcast_to(np.clip(c, -1e30, 1e30), shape) for c in columns], -1)

    def report(self, unit: np.ndarray, linear: np.ndarray, domain: TrendDomain) -> dict[str, float]:
        """Return the reported numbers.

        Args:
            unit: (parameters,) a point of the unit cube.
            linear: weights of the columns.
            domain: of the measured points.
        """
        values = {name: float(v) for name, v in self.values(unit, domain).items()}
        with np.errstate(all="ignore"):
            return self.module.report(values, linear, domain)

    def decades(self, numbers: dict[str, float], domain: TrendDomain) -> float:
        """Return how many decades the points cover, as the exponent sees them; inf: any."""
        function = getattr(self.module, "decades", None)
        return function(numbers, domain) if function else np.inf


def uniform(low: float, high: float) -> Callable[[np.ndarray, TrendDomain], np.ndarray]:
    """Return a uniform prior of a position; `low` and `high` in units of the range."""
    return lambda u, d: d.first + d.span * (low + (high - low) * u)


def log_uniform(
    low: float, high: float, unit: Literal["span", "step"] = "span"
) -> Callable[[np.ndarray, TrendDomain], np.ndarray]:
    """Return a log-uniform prior of a length.

    Args:
        low: smallest value, in units of `unit`.
        high: largest value, in units of the range.
        unit: of `low`: the range, or the distance of neighbouring points.
    """

    def quantile(u: np.ndarray, d: TrendDomain) -> np.ndarray:
        least = low * (d.step if unit == "step" else d.span)
        return least * (max(high * d.span / least, 1.001)) ** u

    return quantile


def log_normal(
    median: float, sigma: float, low: float, high: float
) -> Callable[[np.ndarray, TrendDomain], np.ndarray]:
    """Return a log-normal prior between two bounds.

    Args:
        median: of the distribution without bounds.
        sigma: standard deviation of the logarithm.
        low: smallest value.
        high: largest value.
    """
    first, last = special.ndtr(np.log(np.array([low, high]) / median) / sigma)
    return lambda u, d: median * np.exp(sigma * special.ndtri(first + (last - first) * u))
