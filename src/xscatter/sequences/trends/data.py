"""The points of a trend: sorted, binned when there are many, with weights."""

from dataclasses import dataclass

import numpy as np

from xscatter.core.errors import UserError
from xscatter.sequences.trends.law import TrendDomain

FEWEST = 5
MOST = 300  # more points are averaged over bins: the laws are smooth, and time is short


@dataclass(frozen=True)
class TrendPoints:
    """Points (x, y), sorted by x.

    Attributes:
        x: (n,) places.
        y: (n,) values.
        noise: (n,) standard deviations of the values; relative ones if not `known`.
        known: whether the noise was given.
        number: points before binning.
        single: (number,) noise of the points before binning.
    """

    x: np.ndarray
    y: np.ndarray
    noise: np.ndarray
    known: bool
    number: int
    single: np.ndarray

    @property
    def domain(self) -> TrendDomain:
        """The range of x."""
        places = np.unique(self.x)
        steps = np.diff(places)
        return TrendDomain(
            float(places[0]), float(places[1]), float(places[-1]), float(np.median(steps))
        )

    @property
    def range(self) -> float:
        """Largest minus smallest value."""
        return float(np.ptp(self.y))


def trend_points(x: np.ndarray, y: np.ndarray, noise: np.ndarray | None = None) -> TrendPoints:
    """Return the points, checked.

    Args:
        x: places.
        y: values; points with a NaN anywhere are left out.
        noise: standard deviation of each value; None: estimated from the values.

    Raises:
        UserError: fewer than five points, or no change in x or y.
    """
    columns = [np.asarray(v, float).ravel() for v in ((x, y) if noise is None else (x, y, noise))]
    if len({len(v) for v in columns}) > 1:
        raise UserError("a trend needs as many values (and errors) as places")
    rows = np.stack(columns, 1)
    rows = rows[np.isfinite(rows).all(1)]
    rows = rows[np.lexsort(rows.T[::-1])]  # by x, then by y: equal points in any order are equal
    if len(rows) < FEWEST:
        raise UserError(
            f"{len(rows)} usable points of {len(columns[0])}; a trend needs at least {FEWEST}"
        )
    for column, word in ((0, "places"), (1, "values")):
        if np.ptp(rows[:, column]) <= 1e-12 * np.abs(rows[:, column]).max():
            raise UserError(
                f"all {len(rows)} {word} are equal to {rows[0, column]:g}; there is no trend"
            )
    if len(np.unique(rows[:, 0])) < FEWEST - 1:
        raise UserError(
            f"only {len(np.unique(rows[:, 0]))} different places; a trend needs at least "
            f"{FEWEST - 1}"
        )
    known = noise is not None
    if known and (rows[:, 2] <= 0).any():
        raise UserError("errors must be positive; leave the column out if they are not known")
    sigma = rows[:, 2] if known else np.full(len(rows), _scatter(rows[:, 1]))
    return _binned(rows[:, 0], rows[:, 1], sigma, known)


def _scatter(y: np.ndarray) -> float:
    """Return the noise of a smooth curve: the scatter of points about their neighbours."""
    bends = y[1:-1] - (y[:-2] + y[2:]) / 2
    sigma = float(np.median(np.abs(bends))) / 0.6745 / np.sqrt(1.5)
    return max(sigma, 1e-5 * float(np.ptp(y)))


def _binned(x: np.ndarray, y: np.ndarray, sigma: np.ndarray, known: bool) -> TrendPoints:
    if len(x) <= MOST:
        return TrendPoints(x, y, sigma, known, len(x), sigma)
    edges = np.linspace(0, len(x), MOST + 1).astype(int)[:-1]
    weight = 1 / sigma**2
    total = np.add.reduceat(weight, edges)
    places, values = (np.add.reduceat(weight * v, edges) / total for v in (x, y))
    return TrendPoints(places, values, 1 / np.sqrt(total), known, len(x), sigma)
