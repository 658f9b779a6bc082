"""Propose where to measure next: the candidate at which a Gaussian process knows least.

``tell`` and ``ask`` have the arguments of gpCAM and bluesky-adaptive, so that either can drive it.
"""

from typing import Literal, get_args

import numpy as np
from scipy import spatial

from xscatter.core.errors import UserError
from xscatter.sequences.trends.gaussian import GaussianProcess

Criterion = Literal["variance", "gradient"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
FEWEST = 4  # points before a process is fitted; until then the candidates are covered evenly
MOST = 300  # points that a process is fitted to
_TIE = 1e-3  # scores this close are equal, and the way there decides
_FLOOR = 0.25  # of the mean slope: a flat region is measured too, if more rarely
_GUESS = 0.05  # noise of values told without one, in standard deviations of the values


class NextPoint:
    """Propose the next points of a map or a scan.

    Args:
        by: "variance" measures where the value is least known: a map known everywhere.
            "gradient" prefers where it also changes most: a transition.

    Example:
        A step at 5.2: after a scan of few points the next ones are beside the step.

        >>> import numpy as np
        >>> from xscatter import NextPoint
        >>> next_point = NextPoint(by="gradient")
        >>> for x in (0, 2, 4, 6, 8, 10):
        ...     next_point.tell([x], float(x > 5.2), noise_variance=1e-4)
        >>> next_point.ask(np.arange(0, 10.5, 0.5)[:, None])
        array([[5.]])
    """

    def __init__(self, by: Criterion = "variance"):
        if by not in CRITERIA:
            raise UserError(f"--by {by}: no such criterion; use {' or '.join(CRITERIA)}")
        self.by = by
        self._x: list[np.ndarray] = []
        self._y: list[float] = []
        self._variance: list[float] = []
        self._process: GaussianProcess | None = None

    def __len__(self) -> int:
        """Return how many points were told."""
        return len(self._y)

    def tell(
        self,
        x: np.ndarray,
        y: np.ndarray | float,
        noise_variance: np.ndarray | float | None = None,
    ) -> None:
        """Add measured points.

        Args:
            x: (n, d) places, or one place (d,).
            y: (n,) values, or one.
            noise_variance: of the values; None: not known, and estimated.

        Raises:
            UserError: the shapes do not fit.
        """
        values = np.atleast_1d(np.asarray(y, float))
        places = np.asarray(x, float).reshape(len(values), -1)
        if self._x and places.shape[1] != len(self._x[0]):
            raise UserError(f"points have {places.shape[1]} coordinates, not {len(self._x[0])}")
        variance = np.nan if noise_variance is None else noise_variance
        kept = np.isfinite(values) & np.isfinite(places).all(1)
        self._x += list(places[kept])
        self._y += [float(v) for v in values[kept]]
        spread = np.broadcast_to(np.asarray(variance, float), values.shape)
        self._variance += [float(v) for v in spread[kept]]
        self._process = None

    def process(self) -> GaussianProcess | None:
        """Return the process through all points; None while they are too few or all equal."""
        if self._process is None and len(self) >= FEWEST and np.ptp(self._y) > 0:
            chosen = np.unique(np.linspace(0, len(self) - 1, MOST).astype(int))
            y, variance = np.array(self._y)[chosen], np.array(self._variance)[chosen]
            known = bool((variance > 0).all())
            noise = np.sqrt(variance) if known else np.full(len(y), _GUESS * y.std())
            self._process = GaussianProcess(np.array(self._x)[chosen], y, noise, known)
        return self._process

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the curve at places (m, d).

        Raises:
            UserError: there are too few points.
        """
        process = self.process()
        if process is None:
            raise UserError(f"{len(self)} different points are too few; tell at least {FEWEST}")
        return process.predict(np.asarray(x, float))

    def ask(
        self, candidates: np.ndarray, position: np.ndarray | None = None, n: int = 1
    ) -> np.ndarray:
        """Return the next points to measure, the most useful first.

        Args:
            candidates: (m, d) places that can be measured.
            position: (d,) where the stage is; among equally useful points the nearest comes first.
            n: number of points; each takes into account those before it.

        Returns:
            (n, d), fewer if there are fewer candidates.
        """
        places = np.asarray(candidates, float)
        return places[self.choose(places, position, n)]

    def choose(
        self, candidates: np.ndarray, position: np.ndarray | None = None, n: int = 1
    ) -> list[int]:
        """Return the rows of `candidates` that :meth:`ask` returns; arguments as there.

        Args:
            candidates: (m, d) places.
            position: (d,) where the stage is.
            n: number of points.

        Raises:
            UserError: candidates have other coordinates than the points.
        """
        places = np.asarray(candidates, float)
        places = places[:, None] if places.ndim == 1 else places
        if len(places) == 0:
            raise UserError("there are no candidates")
        if self._x and places.shape[1] != len(self._x[0]):
            raise UserError(
                f"candidates have {places.shape[1]} coordinates, points have {len(self._x[0])}"
            )
        every = np.concatenate([places, np.reshape(self._x, (-1, places.shape[1]))])
        unit = np.where(np.ptp(every, 0) > 0, np.ptp(every, 0), 1.0)
        process = self.process()
        chooser = (
            _Uncertainty(process, places, self.by)
            if process
            else _Distance(places / unit, np.reshape(self._x, (-1, places.shape[1])) / unit)
        )
        here = None if position is None else np.asarray(position, float).reshape(-1)
        chosen: list[int] = []
        for _ in range(min(n, len(places))):
            score = chooser.scores()
            score[chosen] = -np.inf
            row = _nearest_best(score, places / unit, None if here is None else here / unit)
            chosen.append(row)
            chooser.add(row)
            here = places[row]
        return chosen


def _nearest_best(score: np.ndarray, places: np.ndarray, here: np.ndarray | None) -> int:
    """Return the best row; among equals the one nearest to `here`, then the first."""
    best = score.max()
    equal = np.flatnonzero(score >= best - _TIE * abs(best))
    if here is None:
        return int(equal[0])
    return int(equal[np.argmin(((places[equal] - here) ** 2).sum(1))])


class _Distance:
    """Score of candidates before a process can be fitted: the distance to the nearest point."""

    def __init__(self, places: np.ndarray, points: np.ndarray):
        self._places = places
        if len(points):
            self._nearest = spatial.KDTree(points).query(places)[0]
        else:  # begin in the middle
            middle = (places.min(0) + places.max(0)) / 2
            self._nearest = -np.sqrt(((places - middle) ** 2).sum(1))

    def scores(self) -> np.ndarray:
        return self._nearest.copy()

    def add(self, row: int) -> None:
        distance = np.sqrt(((self._places - self._places[row]) ** 2).sum(1))
        self._nearest = np.minimum(np.where(self._nearest < 0, np.inf, self._nearest), distance)


class _Uncertainty:
    """Score of candidates by a process; points that are chosen count as measured."""

    def __init__(self, process: GaussianProcess, places: np.ndarray, by: Criterion):
        self._process, self._places = process, places
        self._variance = process.predict(places)[1] ** 2
        self._weight = np.ones(len(places))
        if by == "gradient":
            slope = process.slope(places)
            self._weight = slope + _FLOOR * slope.mean() + 1e-300
        self._columns: list[np.ndarray] = []

    def scores(self) -> np.ndarray:
        return np.sqrt(np.maximum(self._variance, 0)) * self._weight

    def add(self, row: int) -> None:
        """Take the variance away that a measurement at `row` would take."""
        column = self._process.covariance(self._places, self._places[row : row + 1])[:, 0]
        for earlier in self._columns:
            column = column - earlier * earlier[row]
        column = column / np.sqrt(max(column[row], 0) + self._process.noise**2)
        self._columns.append(column)
        self._variance = self._variance - column**2
