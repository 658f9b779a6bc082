"""A small Gaussian process: Matérn 5/2, one length a dimension, any noise at each point.

The constant mean is integrated out. Lengths, amplitude and the scale of the noise are the most
probable ones under broad log-normal priors. C. E. Rasmussen and C. K. I. Williams, Gaussian
Processes for Machine Learning (2006), sections 2.7 and 5.4.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize

_BLOCK = 4096  # places at a time, which bounds the memory
_STARTS = (0.1, 0.4, 1.2)  # lengths in units of the range from which the search starts


@dataclass(frozen=True)
class Settings:
    """Lengths (d,), amplitude and noise scale, in units of the ranges of x, of y, of the noise."""

    lengths: np.ndarray
    amplitude: float
    scale: float


class GaussianProcess:
    """A Gaussian process through points with noise.

    Args:
        x: (n, d) places.
        y: (n,) values.
        noise: (n,) standard deviations of the values.
        known: whether the noise was given; otherwise its scale is free within a factor of a few.

    Attributes:
        evidence: logarithm of the evidence, the settings integrated out by Laplace's method.
        settings: lengths, amplitude and scale of the noise.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(0, 6, 20)[:, None]
        >>> process = GaussianProcess(x, np.sin(x[:, 0]), np.full(20, 0.01), True)
        >>> mean, deviation = process.predict(np.array([[np.pi / 2]]))
        >>> bool(abs(mean[0] - 1) < 0.01)
        True
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, noise: np.ndarray, known: bool):
        self._low = x.min(0)
        self._range = np.where(np.ptp(x, 0) > 0, np.ptp(x, 0), 1.0)
        self._x = (x - self._low) / self._range
        self._center, self._spread = float(y.mean()), max(float(y.std()), 1e-12)
        self._y, self._noise = (y - self._center) / self._spread, noise / self._spread
        # Mean and standard deviation of the logarithms.
        size = x.shape[1]
        self._means = np.array([*[np.log(0.4)] * size, 0.0, 0.0])
        self._sds = np.array([*[1.0] * size, 0.7, 0.3 if known else 0.7])
        self._differences = (self._x[:, None] - self._x[None]) ** 2
        ends, bounds = [], [(-6, 4)] * (size + 2)
        for start in _STARTS:
            begin = self._means.copy()
            begin[:size] = np.log(start)
            ends.append(optimize.minimize(self._cost, begin, method="L-BFGS-B", bounds=bounds))
        best = min(ends, key=lambda end: end.fun)
        self.settings = Settings(
            np.exp(best.x[:size]), float(np.exp(best.x[-2])), float(np.exp(best.x[-1]))
        )
        self.evidence = float(
            -best.fun
            + 0.5 * len(best.x) * np.log(2 * np.pi)
            - 0.5 * np.linalg.slogdet(self._hessian(best.x))[1]
            - len(y) * np.log(self._spread)
        )
        self._root, self._solved = self._solve(best.x)

    def _covariance(self, logs: np.ndarray) -> np.ndarray:
        size = self._x.shape[1]
        distance = np.sqrt((self._differences / np.exp(2 * logs[:size])).sum(-1))
        noise = (self._noise * np.exp(logs[-1])) ** 2
        # 10: the variance of the constant mean, broad beside the unit variance of the values.
        return matern(distance) * np.exp(2 * logs[-2]) + 10.0 + np.diag(noise + 1e-9)

    def _solve(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        root = linalg.cholesky(self._covariance(logs), lower=True, check_finite=False)
        return root, linalg.cho_solve((root, True), self._y, check_finite=False)

    def _cost(self, logs: np.ndarray) -> float:
        """Return minus the logarithm of likelihood times prior."""
        try:
            root, solved = self._solve(logs)
        except linalg.LinAlgError:
            return 1e10
        prior = (((logs - self._means) / self._sds) ** 2 / 2 + np.log(self._sds)).sum()
        return float(
            self._y @ solved / 2
            + np.log(np.diag(root)).sum()
            + (len(self._y) + len(logs)) / 2 * np.log(2 * np.pi)
            + prior
        )

    def _hessian(self, logs: np.ndarray) -> np.ndarray:
        size, step = len(logs), 1e-3
        one = np.eye(size) * step
        table = np.empty((size, size))
        for i in range(size):
            for j in range(i + 1):
                terms = [
                    a * b * self._cost(logs + a * one[i] + b * one[j])
                    for a in (1, -1)
                    for b in (1, -1)
                ]
                table[i, j] = table[j, i] = sum(terms) / (4 * step**2)
        # A length at its bound has no curvature of its own; that of the prior is a lower bound.
        return table if (np.linalg.eigvalsh(table) > 0).all() else np.diag(1 / self._sds**2)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return (x - self._low) / self._range

    def _between(self, x: np.ndarray, other: np.ndarray) -> np.ndarray:
        ratio = (x[:, None] - other[None]) / self.settings.lengths
        distance = np.sqrt((ratio**2).sum(-1))
        return matern(distance) * self.settings.amplitude**2 + 10.0

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and standard deviation of the curve at places (m, d)."""
        parts = [self._predict(x[n : n + _BLOCK]) for n in range(0, len(x), _BLOCK)]
        mean, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
        return mean, np.sqrt(np.maximum(variance, 1e-12)) * self._spread

    def _predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cross = self._between(self._scaled(x), self._x)
        whitened = linalg.solve_triangular(self._root, cross.T, lower=True)
        variance = self.settings.amplitude**2 + 10.0 - (whitened**2).sum(0)
        return cross @ self._solved * self._spread + self._center, variance

    def covariance(self, x: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return the covariance (m, k) of the curve between places (m, d) and (k, d)."""
        parts = [self._cross(x[n : n + _BLOCK], other) for n in range(0, len(x), _BLOCK)]
        return np.concatenate(parts)

    def _cross(self, x: np.ndarray, other: np.ndarray) -> np.ndarray:
        first, second = self._scaled(x), self._scaled(other)
        left, right = (
            linalg.solve_triangular(self._root, self._between(places, self._x).T, lower=True)
            for places in (first, second)
        )
        return (self._between(first, second) - left.T @ right) * self._spread**2

    @property
    def noise(self) -> float:
        """Typical standard deviation of a value."""
        return float(np.median(self._noise)) * self.settings.scale * self._spread

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Return the length of the gradient of the mean at places (m, d), per range of x."""
        return np.concatenate(
            [self._slope(self._scaled(x[n : n + _BLOCK])) for n in range(0, len(x), _BLOCK)]
        )

    def _slope(self, places: np.ndarray) -> np.ndarray:
        parts = []
        for step in 1e-4 * np.eye(places.shape[1]):
            ahead = self._between(places + step, self._x) @ self._solved
            behind = self._between(places - step, self._x) @ self._solved
            parts.append((ahead - behind) / 2e-4)
        return np.sqrt(np.square(parts).sum(0)) * self._spread

    def draw(
        self, x: np.ndarray, number: int, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw curves at places (m, d).

        Args:
            x: places.
            number: how many curves.
            random: generator.

        Returns:
            Curves (number, m) and the noise scale of each (number,).
        """
        mean, _ = self.predict(x)
        values, vectors = np.linalg.eigh(self.covariance(x, x))
        root = vectors * np.sqrt(np.maximum(values, 0))
        curves = mean + random.standard_normal((number, len(x))) @ root.T
        return curves, np.full(number, self.settings.scale)


def matern(distance: np.ndarray) -> np.ndarray:
    """Return the Matérn 5/2 correlation at distances in units of the length."""
    scaled = np.sqrt(5) * distance
    return (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
