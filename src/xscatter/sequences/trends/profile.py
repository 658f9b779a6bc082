"""Profile likelihood: intervals of a law's numbers, each with all other parameters refitted.

A number is moved away from its best value in steps; at each, the other parameters are fitted again.
The signed root of the rise of the sum of squares is almost a straight line in the number, so a few
steps give every interval.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from xscatter.sequences.trends.fit import EDGE, LawFit
from xscatter.sequences.trends.law import Kind

LEVELS = (0.5, 0.9)
_STEPS = 14
_DIRECTIONS = 16
_PULL = 300.0  # how firmly a number is held: its error is a part in 10⁴ of an interval


@dataclass(frozen=True)
class Interval:
    """A number with its 50 and 90 % intervals.

    Attributes:
        value: the best value.
        half: 50 % interval; an end that the points leave open is infinite.
        ninety: 90 % interval.
        determined: whether the points determine the number.
        why: why not, in words.
    """

    value: float
    half: tuple[float, float]
    ninety: tuple[float, float]
    determined: bool
    why: str = ""


class LikelihoodProfile:
    """The profile likelihood of a fitted law.

    Args:
        fit: the best parameters.
        scale: of the noise where errors were given; otherwise it follows from the residuals.
    """

    def __init__(self, fit: LawFit, scale: float):
        self.fit = fit
        if fit.model.points.known:
            self._unit = scale**2
            thresholds = [stats.chi2.ppf(level, 1) for level in LEVELS]
            self._joint = [float(stats.chi2.ppf(level, 2)) for level in LEVELS]
        else:
            # Points without noise leave the rounding of their digits.
            self._unit = max(fit.squares / max(fit.spare, 1), 1e-6)
            spare = max(fit.spare, 1)
            thresholds = [stats.f.ppf(level, 1, spare) for level in LEVELS]
            self._joint = [float(2 * stats.f.ppf(level, 2, spare)) for level in LEVELS]
        self._roots = [float(np.sqrt(threshold)) for threshold in thresholds]

    def interval(self, name: str, kind: Kind) -> Interval:
        """Return the intervals of one reported number."""
        value = self.fit.numbers[name]
        if not np.isfinite(value):
            return Interval(value, (-np.inf, np.inf), (-np.inf, np.inf), False, "no such value")
        sides = [self._side(name, value, sign) for sign in (-1, 1)]
        half, ninety = ((sides[0][n], sides[1][n]) for n in (0, 1))
        why = self._doubt(name, kind, value, ninety)
        return Interval(value, half, ninety, not why, why)

    def _doubt(self, name: str, kind: Kind, value: float, ninety: tuple[float, float]) -> str:
        """Return why the number does not count as determined, or nothing."""
        fit = self.fit
        if not np.isfinite(ninety).all():
            return "its 90 % interval is open"
        width, points, domain = ninety[1] - ninety[0], fit.model.points, fit.model.domain
        if kind == "position":
            wide = width > domain.span / 4
            return "its interval is wider than a quarter of the range" if wide else ""
        if kind == "level":
            return "" if width <= points.range / 2 else "its interval is wide"
        if width > abs(value) / 2:
            return "its interval is wider than half of its value"
        if kind == "exponent" and fit.model.law.decades(fit.numbers, domain) < 1:
            return "the points cover less than a decade"
        return ""

    def _side(self, name: str, value: float, sign: int) -> list[float]:
        """Return the ends of the intervals on one side."""
        step = sign * self._first_step(name, value)
        unit, roots, places = self.fit.unit, [0.0], [value]
        for _ in range(_STEPS):
            place = places[-1] + step
            reached, rise, unit = self._held({name: (place, abs(step))}, unit)
            if not reached:
                break  # the number cannot go on: what remains is open
            places.append(place)
            roots.append(max(rise, roots[-1] + 1e-9))
            if roots[-1] > self._roots[-1]:
                break
            # Aim for three more steps to the wider interval; longer ones where all is still flat.
            longest = (3 if roots[-1] > 0.05 else 20) * abs(step)
            slope = (roots[-1] - roots[-2]) / abs(step)
            wanted = (self._roots[-1] * 1.05 - roots[-1]) / max(slope, 1e-300) / 2
            step = sign * float(np.clip(wanted, abs(step) / 2, longest))
        return [
            float(np.interp(root, roots, places)) if roots[-1] >= root else sign * np.inf
            for root in self._roots
        ]

    def _first_step(self, name: str, value: float) -> float:
        """Return half of the standard deviation by the curvature, or a small step."""
        model, unit = self.fit.model, self.fit.unit
        tiny = 1e-5
        rows, rates = [], []
        for n in range(len(unit)):
            shift = np.zeros(len(unit))
            shift[n] = tiny if unit[n] < 0.5 else -tiny
            rest, linear = model.residuals(unit + shift)
            rows.append((rest - model.residuals(unit)[0]) / shift[n])
            moved = model.law.report(unit + shift, linear, model.domain)[name]
            rates.append((moved - value) / shift[n])
        sd = self._linear_deviation(name, value)
        if rows:
            normal = np.array(rows) @ np.array(rows).T
            covariance = np.linalg.pinv(normal, hermitian=True) * self._unit
            variance = float(np.array(rates) @ covariance @ np.array(rates))
            sd = np.sqrt(max(variance, 0.0) + sd**2) if np.isfinite(variance) else sd
        kind = next(r.kind for r in model.law.reported if r.name == name)
        # A place may be a large number, such as seconds since 1970.
        size = model.domain.step if kind == "position" else 1e-3 * abs(value)
        return max(float(sd) / 2, 1e-3 * size + 1e-300)

    def _linear_deviation(self, name: str, value: float) -> float:
        """Return the standard deviation of a number by the weights of the columns alone."""
        model, unit, linear = self.fit.model, self.fit.unit, self.fit.linear
        columns = model.law.columns(model.points.x, unit[None], model.domain)[0]
        covariance = np.linalg.pinv(
            (columns / model.points.noise[:, None]).T @ (columns / model.points.noise[:, None])
        )
        step = 1e-4 * np.sqrt(np.diag(covariance) * self._unit) + 1e-7 * np.abs(linear) + 1e-300
        rates = np.array(
            [
                (model.law.report(unit, linear + step[n] * e, model.domain)[name] - value) / step[n]
                for n, e in enumerate(np.eye(len(linear)))
            ]
        )
        variance = float(rates @ covariance @ rates) * self._unit
        return float(np.sqrt(variance)) if np.isfinite(variance) else 0.0

    def joint(self, names: tuple[str, str]) -> dict[str, list[list[float]]]:
        """Return the 50 and 90 % regions of two numbers together, as polygons; open: infinite.

        In each of some directions from the best pair, all else is fitted again and again until
        the rise is that of the region's border.
        """
        best = [self.fit.numbers[name] for name in names]
        reach = [self._first_step(name, value) for name, value in zip(names, best, strict=True)]
        roots = [float(np.sqrt(rise)) for rise in self._joint]
        borders: list[list[list[float]]] = [[], []]
        for angle in np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS:
            way = np.array([np.cos(angle) * reach[0], np.sin(angle) * reach[1]])
            lengths = self._along(names, np.array(best), way, roots)
            for border, length in zip(borders, lengths, strict=True):
                open_end = not np.isfinite(length)
                border.append(
                    [np.inf, np.inf] if open_end else list(map(float, best + length * way))
                )
        return {"50": borders[0], "90": borders[1]}

    def _along(
        self, names: tuple[str, str], best: np.ndarray, way: np.ndarray, wanted: list[float]
    ) -> list[float]:
        """Return how many times `way` from `best` the root rises to those wanted."""
        unit, rises, lengths, length, step = self.fit.unit, [0.0], [0.0], 0.0, 1.0
        tolerance = np.maximum(np.abs(way), 1e-3 * np.abs(way).max())
        while rises[-1] < wanted[-1] and len(rises) < _STEPS:
            length += step
            held = dict(
                zip(names, zip(best + length * way, tolerance * step, strict=True), strict=True)
            )
            reached, rise, unit = self._held(held, unit)
            if not reached:
                break
            lengths.append(length)
            rises.append(max(rise, rises[-1] + 1e-9))
            slope = (rises[-1] - rises[-2]) / step
            step = float(np.clip((wanted[-1] * 1.05 - rises[-1]) / slope / 2, step / 2, 3 * step))
        return [
            float(np.interp(root, rises, lengths)) if rises[-1] >= root else np.inf
            for root in wanted
        ]

    def _held(
        self, held: dict[str, tuple[float, float]], start: np.ndarray
    ) -> tuple[bool, float, np.ndarray]:
        """Fit all else with numbers held; return success, root of the rise, and parameters.

        Args:
            held: by name, where a number is held, and the step that led there.
            start: of the search, in the unit cube.
        """
        model, domain, size = self.fit.model, self.fit.model.domain, len(self.fit.unit)
        _, linear = model.residuals(np.clip(start, EDGE, 1 - EDGE))
        scale = np.maximum(np.abs(linear), 1e-12)
        firm = {name: _PULL * np.sqrt(self._unit) / step for name, (_, step) in held.items()}

        def residuals(free: np.ndarray) -> np.ndarray:
            unit, weights = free[:size], free[size:] * scale
            columns = model.law.columns(model.points.x, unit[None], domain)[0]
            rest = (model.points.y - columns @ weights) / model.points.noise
            numbers = model.law.report(unit, weights, domain)
            pulls = [(numbers[name] - place) * firm[name] for name, (place, _) in held.items()]
            return np.append(rest, np.nan_to_num(pulls, nan=1e6, posinf=1e6, neginf=-1e6))

        free = np.full(len(linear), np.inf)
        end = optimize.least_squares(
            residuals,
            np.concatenate([np.clip(start, EDGE, 1 - EDGE), linear / scale]),
            bounds=(
                np.concatenate([np.full(size, EDGE / 2), -free]),
                np.concatenate([np.full(size, 1 - EDGE / 2), free]),
            ),
            x_scale="jac",
            max_nfev=60,
        )
        rest, pulls = end.fun[: -len(held)], np.abs(end.fun[-len(held) :])
        rise = max((float(rest @ rest) - self.fit.squares) / self._unit, 0.0)
        reached = bool((pulls < 0.2 * _PULL * np.sqrt(self._unit)).all())
        return reached, float(np.sqrt(rise)), end.x[:size]
