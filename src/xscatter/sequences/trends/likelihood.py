"""The model that all laws share: a weighted sum of a law's columns, and Gaussian noise.

The weights of the columns and the scale of the noise are known in closed form once the parameters
in the unit cube are given, so that only these (none to three) are searched or sampled.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from xscatter.sequences.trends.data import TrendPoints
from xscatter.sequences.trends.law import TrendLaw

LEVEL_SPREAD = 3.0  # prior sd of a level about the mean, in standard deviations of the values
# Prior sd of a change, in units of the range of the values. Most of a process may be yet to come,
# so that a change may be several times what was seen.
CHANGE_SPREADS = np.array([1.5, 5.0])
SPREAD_WEIGHTS = np.array([0.8, 0.2])


class TrendModel:
    """A law and the points that it has to explain.

    Attributes:
        law: the law.
        points: the points.
        domain: of the points.
    """

    def __init__(self, law: TrendLaw, points: TrendPoints):
        self.law, self.points, self.domain = law, points, points.domain
        self._sigma = points.noise[:, None]
        self._spreads = np.tile(CHANGE_SPREADS[:, None] * points.range, law.module.LINEAR)
        if law.has_level:
            self._center = float(points.y.mean())
            self._spreads[:, 0] = LEVEL_SPREAD * float(points.y.std())
        else:
            self._center = 0.0
            self._spreads[:, 0] = np.abs(points.y).max()
        if law.module.LINEAR == 1:
            self._spreads = self._spreads[:1]
        # Inverse gamma prior of the square of the noise's scale: errors that were given are
        # right within a third, as if ten more points had shown it; otherwise it is the data's.
        self._a = self._b = 5.0 if points.known else 0.5

    def _whitened(self, unit: np.ndarray) -> np.ndarray:
        return self.law.columns(self.points.x, unit, self.domain) / self._sigma

    def residuals(self, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the residuals in units of the noise, and the weights that make them smallest.

        Args:
            unit: (parameters,) a point of the unit cube.
        """
        columns = self._whitened(unit[None])[0]
        target = self.points.y / self.points.noise
        linear = np.linalg.lstsq(columns, target, rcond=1e-12)[0]
        return target - columns @ linear, linear

    def squares(self, unit: np.ndarray) -> np.ndarray:
        """Return the least sum of squares at points (N, parameters) of the unit cube."""
        columns = self._whitened(unit)
        target = self.points.y / self.points.noise
        normal = np.einsum("pni,pnj->pij", columns, columns)
        right = np.einsum("pni,n->pi", columns, target)
        scale = np.sqrt(np.einsum("pii->pi", normal)) + 1e-300
        normal = normal / scale[:, :, None] / scale[:, None, :]
        normal = normal + 1e-10 * np.eye(normal.shape[-1])
        right = right / scale
        explained = np.einsum("pi,pi->p", right, np.linalg.solve(normal, right[..., None])[..., 0])
        return np.maximum(target @ target - explained, 0)

    def posterior(self, unit: np.ndarray) -> "LinearPosterior":
        """Return the posterior of weights and noise at points (N, parameters) of the cube."""
        columns = self._whitened(unit)
        target = (self.points.y - self._center) / self.points.noise
        squares = np.einsum("pni,pnj->pij", columns, columns)[:, None]
        right = np.einsum("pni,n->pi", columns, target)[:, None]
        # In units of the spreads (s), so that the determinant is well scaled: (N, s, i, j).
        spreads = self._spreads
        precision = squares * spreads[:, :, None] * spreads[:, None, :]
        precision = precision + np.eye(squares.shape[-1])
        right = right * spreads
        covariance = np.linalg.inv(precision)
        mean = np.einsum("psij,psj->psi", covariance, right)
        rest = np.maximum(target @ target - np.einsum("psi,psi->ps", mean, right), 0)
        a, b = self._a + len(target) / 2, self._b + rest / 2
        evidence = (
            self._constant
            - 0.5 * np.linalg.slogdet(precision)[1]
            - a * np.log(b)
            + np.log(SPREAD_WEIGHTS[: len(spreads)] / SPREAD_WEIGHTS[: len(spreads)].sum())
        )
        mean = mean * spreads
        mean[:, :, 0] += self._center
        return LinearPosterior(mean, covariance, spreads, a, b, evidence)

    @property
    def _constant(self) -> float:
        """The part of the logarithm of the evidence that depends on the points alone."""
        number = len(self.points.x)
        return float(
            special.gammaln(self._a + number / 2)
            - special.gammaln(self._a)
            + self._a * np.log(self._b)
            - number / 2 * np.log(2 * np.pi)
            - np.log(self.points.noise).sum()
        )


@dataclass(frozen=True)
class LinearPosterior:
    """Posterior of weights and noise at N points of the cube, for each of the prior spreads.

    Weights ~ N(mean, s² spread covariance spread) with s² ~ inverse gamma (a, b).

    Attributes:
        mean: (N, spreads, linear).
        covariance: (N, spreads, linear, linear).
        spreads: (spreads, linear).
        a: one number.
        b: (N, spreads).
        parts: (N, spreads) logarithm of the marginal likelihood, with the spread's probability.
    """

    mean: np.ndarray
    covariance: np.ndarray
    spreads: np.ndarray
    a: float
    b: np.ndarray
    parts: np.ndarray

    @property
    def evidence(self) -> np.ndarray:
        """Logarithm of the marginal likelihood (N,)."""
        return special.logsumexp(self.parts, axis=1)

    def draw(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw weights (N, linear) and noise scales (N,), one for each point."""
        rows = np.arange(len(self.parts))
        total = np.cumsum(special.softmax(self.parts, axis=1), axis=1)
        spread = np.minimum((random.random((len(rows), 1)) > total).sum(1), total.shape[1] - 1)
        scale = np.sqrt(self.b[rows, spread] / random.gamma(self.a, size=len(rows)))
        root = np.linalg.cholesky(self.covariance[rows, spread])
        mean = self.mean[rows, spread]
        noise = np.einsum("pij,pj->pi", root, random.standard_normal(mean.shape))
        return mean + scale[:, None] * noise * self.spreads[spread], scale
