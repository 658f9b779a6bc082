"""Fit a trend: laws compared, numbers with intervals, and a prediction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.seeds import Purpose, generator
from xscatter.sequences.trends.data import TrendPoints, trend_points
from xscatter.sequences.trends.fit import LawFit, corrected_aic, fit_law, noise_scale
from xscatter.sequences.trends.gaussian import GaussianProcess
from xscatter.sequences.trends.law import TrendLaw
from xscatter.sequences.trends.likelihood import TrendModel
from xscatter.sequences.trends.posterior import Particles, sample_posterior
from xscatter.sequences.trends.profile import Interval, LikelihoodProfile
from xscatter.sequences.trends.registry import all_laws, get_law

WITHIN = 2.0  # laws whose AICc is less than this above the best are all named
CURVES = 4000  # drawn for a prediction
# A law that grows for ever is cut there, in ranges of the values: no process does.
FARTHEST = 10.0
PROCESS = "gaussian_process"
PROCESS_PRIOR = 0.3  # how probable it is that no law holds, relative to a law
By = Literal["mixed", "law", "gaussian_process"]
KINDS: tuple[By, ...] = get_args(By)


@dataclass(frozen=True)
class Forecast:
    """The values to come at places x, each with 50 and 90 % bounds.

    Bounds `low` and `high` are for the next measurements, with their noise; those of `curve` are
    for the curve behind them.

    Attributes:
        x: (m,) places.
        value: (m,) medians.
        low: by level, 0.5 and 0.9: lower bounds (m,).
        high: by level: upper bounds (m,).
        curve_low: by level: lower bounds of the curve.
        curve_high: by level: upper bounds of the curve.
        values: (draws, m) equally probable measurements.
    """

    x: np.ndarray
    value: np.ndarray
    low: dict[float, np.ndarray]
    high: dict[float, np.ndarray]
    curve_low: dict[float, np.ndarray]
    curve_high: dict[float, np.ndarray]
    values: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class LawResult:
    """One law that was fitted.

    Attributes:
        fit: the best parameters.
        aicc: corrected Akaike criterion.
        above: its difference to that of the best law.
    """

    fit: LawFit
    aicc: float
    above: float

    @property
    def name(self) -> str:
        """Name of the law."""
        return self.fit.model.law.name


class Trend:
    """A quantity against a variable: laws that fit, numbers with intervals, prediction.

    :func:`fit_trend` makes one.

    Args:
        points: the points that were fitted.
        fits: of each law.
        seed: of the random numbers of predictions.
        falling: whether x fell from point to point.

    Attributes:
        points: the points that were fitted.
        laws: all laws that were fitted, the best first.
        scale: factor by which errors that were given are too small, at least 1.
        falling: whether x fell from point to point.

    Example:
        >>> import numpy as np
        >>> from xscatter import fit_trend
        >>> time = np.arange(40.0)
        >>> noise = 0.01 * np.random.default_rng(1).standard_normal(40)
        >>> trend = fit_trend(time, 1 - np.exp(-time / 8) + noise)
        >>> "exponential" in trend.named
        True
        >>> ahead = trend.predict(np.array([60.0]))
        >>> bool(ahead.low[0.9][0] < 1 < ahead.high[0.9][0])
        True
    """

    def __init__(
        self, points: TrendPoints, fits: list[LawFit], seed: int = 0, falling: bool = False
    ):
        self.points, self._seed, self.falling = points, seed, falling
        self._intervals: dict[str, dict[str, Interval]] = {}
        self.scale = noise_scale(fits) if points.known else 1.0
        aicc = [corrected_aic(fit, self.scale) for fit in fits]
        least = min(aicc)
        if not np.isfinite(least):
            raise UserError(
                f"{len(points.x)} points are too few for "
                + " or ".join(fit.model.law.name for fit in fits)
            )
        results = [LawResult(fit, a, a - least) for fit, a in zip(fits, aicc, strict=True)]
        self.laws = sorted(results, key=lambda result: result.above)

    @property
    def named(self) -> list[str]:
        """Names of the laws within 2 of the best AICc, the best first."""
        return [result.name for result in self.laws if result.above <= WITHIN]

    @property
    def best(self) -> LawFit:
        """The law with the smallest AICc."""
        return self.laws[0].fit

    def _result(self, law: str | None) -> LawFit:
        return next(r.fit for r in self.laws if law is None or r.name == law)

    def intervals(self, law: str | None = None) -> dict[str, Interval]:
        """Return the reported numbers of a law (default: the best) with their intervals."""
        fit = self._result(law)
        one = fit.model.law
        if one.name not in self._intervals:
            profile = LikelihoodProfile(fit, self.scale)
            self._intervals[one.name] = {
                r.name: profile.interval(r.name, r.kind) for r in one.reported
            }
        return self._intervals[one.name]

    def joint(self, law: str | None = None) -> dict[str, list[list[float]]]:
        """Return the joint region of the two numbers that a law couples, or nothing."""
        fit = self._result(law)
        names = fit.model.law.joint
        return LikelihoodProfile(fit, self.scale).joint((names[0], names[1])) if names else {}

    @cached_property
    def _particles(self) -> list[Particles]:
        return [sample_posterior(result.fit.model, self._seed) for result in self.laws]

    @cached_property
    def _process(self) -> GaussianProcess:
        x, y, noise = _averaged(self.points)
        return GaussianProcess(x[:, None], y, noise, self.points.known)

    def weights(self, by: By = "mixed") -> dict[str, float]:
        """Return the probability of each law, and of the Gaussian process, by their evidence.

        Args:
            by: "law" leaves the Gaussian process out, "gaussian_process" all laws.
        """
        logs = {}
        if by != PROCESS:
            logs = {
                p.model.law.name: p.evidence + np.log(p.model.law.prior) for p in self._particles
            }
        if by != "law":
            logs[PROCESS] = self._process.evidence + np.log(PROCESS_PRIOR)
        most = max(logs.values())
        total = sum(np.exp(v - most) for v in logs.values())
        return {name: float(np.exp(v - most) / total) for name, v in logs.items()}

    def predict(self, x: np.ndarray, by: By = "mixed") -> Forecast:
        """Return the values to come at the places `x`.

        Args:
            x: (m,) places.
            by: "law": all laws, by evidence; "gaussian_process": no law; "mixed": both by evidence.
        """
        x = np.asarray(x, float)
        random = generator(self._seed, Purpose.BOOTSTRAP, 1)
        curve, scales = self.draw(x, by, random)
        noise = scales[:, None] * np.median(self.points.single)
        return _forecast(x, curve, curve + noise * random.standard_normal(curve.shape))

    def draw(
        self, x: np.ndarray, by: By = "mixed", random: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return equally probable curves at the places `x`.

        Args:
            x: (m,) places.
            by: as in :meth:`predict`.
            random: generator; None: that of the seed.

        Returns:
            Curves (draws, m) and the noise scale (draws,) of each.
        """
        x = np.asarray(x, float)
        random = random or generator(self._seed, Purpose.BOOTSTRAP, 1)
        curves, scales = [], []
        particles = {p.model.law.name: p for p in self._particles} if by != PROCESS else {}
        for name, number in _shares(self.weights(by), CURVES).items():
            if name == PROCESS:
                drawn = self._process.draw(x[:, None], number, random)
            else:
                drawn = particles[name].draw(x, number, random)
            curves.append(drawn[0])
            scales.append(drawn[1])
        y, reach = self.points.y, FARTHEST * self.points.range
        curve = np.clip(np.concatenate(curves), y.min() - reach, y.max() + reach)
        return curve, np.concatenate(scales)

    def ahead(self, number: int, by: By = "mixed") -> Forecast:
        """Return the values of the next `number` points at the median distance of points.

        They are beyond the smallest x where x fell from point to point, as on a cooling ramp.

        Args:
            number: how many.
            by: as in :meth:`predict`.
        """
        domain = self.points.domain
        steps = domain.step * np.arange(1, number + 1)
        return self.predict(domain.first - steps if self.falling else domain.last + steps, by)


def fit_trend(
    x: np.ndarray,
    y: np.ndarray,
    error: np.ndarray | None = None,
    law: str | Iterable[str] = "auto",
    temperature: bool = False,
    seed: int = 0,
) -> Trend:
    """Fit laws to a quantity `y` against `x` by maximum likelihood.

    Args:
        x: time, frame, temperature or anything else.
        y: values; points with NaN are left out.
        error: standard deviation of each value; None: estimated from the residuals.
        law: a law, several, or "auto" for all.
        temperature: x is a temperature in K, so that the laws of Arrhenius and Vogel apply.
        seed: of the random numbers of predictions.

    Raises:
        UserError: too few points, or no such law.

    Example:
        A noisy line, whose slope is found within its interval:

        >>> import numpy as np
        >>> from xscatter import fit_trend
        >>> x = np.arange(30.0)
        >>> y = 2 + 0.5 * x + np.random.default_rng(2).standard_normal(30)
        >>> slope = fit_trend(x, y, law="linear").intervals()["slope"]
        >>> bool(slope.determined and slope.ninety[0] < 0.5 < slope.ninety[1])
        True
    """
    points = trend_points(x, y, error)
    fits = [fit_law(TrendModel(one, points)) for one in _chosen(law, temperature, points)]
    steps = np.diff(np.asarray(x, float).ravel())
    return Trend(points, fits, seed, falling=bool((steps < 0).mean() > 0.9))


def _chosen(law: str | Iterable[str], temperature: bool, points: TrendPoints) -> list[TrendLaw]:
    if law == "auto":
        usable = temperature and points.domain.first > 0
        return [one for one in all_laws().values() if usable or not one.of_temperature]
    laws = [get_law(name) for name in ([law] if isinstance(law, str) else law)]
    for one in laws:
        if one.of_temperature and not (temperature and points.domain.first > 0):
            raise UserError(
                f"--law {one.name}: needs an absolute temperature in K, above 0; give a column of "
                "temperatures with --against"
            )
    return laws


def _averaged(points: TrendPoints, most: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points averaged in groups, so that there are at most `most`."""
    edges = np.unique(np.linspace(0, len(points.x), most + 1).astype(int)[:-1])
    weight = 1 / points.noise**2
    total = np.add.reduceat(weight, edges)
    x, y = (np.add.reduceat(weight * v, edges) / total for v in (points.x, points.y))
    return x, y, 1 / np.sqrt(total)


def _shares(weights: dict[str, float], number: int) -> dict[str, int]:
    """Return whole numbers in proportion to the weights, none for what is improbable."""
    return {name: n for name, w in weights.items() if (n := round(w * number)) > 0}


def _forecast(x: np.ndarray, curve: np.ndarray, values: np.ndarray) -> Forecast:
    def bounds(drawn: np.ndarray, side: int) -> dict[float, np.ndarray]:
        return {level: np.quantile(drawn, 0.5 + side * level / 2, axis=0) for level in (0.5, 0.9)}

    return Forecast(
        x, np.median(curve, 0), bounds(values, -1), bounds(values, 1), bounds(curve, -1),
        bounds(curve, 1), values,
    )  # fmt: skip
