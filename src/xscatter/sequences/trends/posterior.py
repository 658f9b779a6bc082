"""Parameters that remain possible: particles that move from the prior to the posterior.

Sequential Monte Carlo in the unit cube of the priors: the likelihood is switched on in steps, each
so small that half of the particles remain of use; after each step the particles are drawn again by
weight and moved by a few Metropolis steps. It also gives the evidence of the law.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from xscatter.core.seeds import Purpose, generator
from xscatter.sequences.trends.likelihood import LinearPosterior, TrendModel

FIRST = 4096  # points of the prior
PARTICLES = 512
MOVES = 6


@dataclass(frozen=True)
class Particles:
    """Equally probable parameters.

    Attributes:
        model: the law and the points.
        unit: (N, parameters) points of the unit cube.
        linear: posterior of the weights at each.
        evidence: logarithm of the evidence of the law.
    """

    model: TrendModel
    unit: np.ndarray
    linear: LinearPosterior
    evidence: float

    def draw(
        self, x: np.ndarray, number: int, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw curves at the places `x`.

        Args:
            x: (m,) places.
            number: how many curves.
            random: generator.

        Returns:
            Curves (number, m) and noise scales (number,).
        """
        chosen = np.arange(number) * len(self.unit) // max(number, 1)
        linear = self.model.posterior(self.unit[chosen])
        weights, scales = linear.draw(random)
        columns = self.model.law.columns(x, self.unit[chosen], self.model.domain)
        return np.einsum("pnk,pk->pn", columns, weights), scales


def prior_points(parameters: int) -> np.ndarray:
    """Return FIRST evenly spread points of the unit cube, the same every time."""
    if parameters == 0:
        return np.zeros((1, 0))
    return qmc.Sobol(parameters, scramble=True, rng=0).random(FIRST)


def sample_posterior(model: TrendModel, seed: int = 0) -> Particles:
    """Return particles of the posterior of `model`."""
    random = generator(seed, Purpose.BOOTSTRAP)
    unit = prior_points(len(model.law.parameters))
    linear = model.posterior(unit)
    if unit.shape[1] == 0:
        return Particles(model, unit, linear, float(linear.evidence[0]))
    logs, power, evidence = linear.evidence, 0.0, 0.0
    while power < 1:
        step = _step(logs, 1 - power)
        weight = np.exp(step * (logs - logs.max()))
        evidence += step * logs.max() + np.log(weight.mean())
        power = 1.0 if step >= 1 - power else power + step
        chosen = _resample(weight, PARTICLES, random)
        unit, logs = _move(model, unit[chosen], logs[chosen], power, random)
    return Particles(model, unit, model.posterior(unit), float(evidence))


def _step(logs: np.ndarray, most: float) -> float:
    """Return the largest step of the power that keeps half of the particles of use."""

    def kept(step: float) -> float:
        weight = np.exp(step * (logs - logs.max()))
        return weight.sum() ** 2 / (weight**2).sum() / min(len(logs), 2 * PARTICLES)

    if kept(most) >= 0.5:
        return most
    low, high = 0.0, most
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle) >= 0.5 else (low, middle)
    return max(low, 1e-12)


def _resample(weight: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    """Draw particles by weight, as evenly as possible."""
    places = (np.arange(number) + random.random()) / number
    total = np.cumsum(weight)
    return np.minimum(np.searchsorted(total, places * total[-1]), len(weight) - 1)


def _move(model, unit, logs, power, random):
    """Move particles by Metropolis steps of about their own spread, reflected at the faces."""
    size = unit.shape[1]
    scale = 2.4 / np.sqrt(size)
    for _ in range(MOVES):
        # Differences of two particles are proposals of the right shape, even with several modes.
        first, second = random.integers(len(unit), size=(2, len(unit)))
        step = scale / np.sqrt(2) * (unit[first] - unit[second])
        step += 1e-5 * random.standard_normal(step.shape)
        place = np.abs(unit + step) % 2
        place = np.where(place > 1, 2 - place, place)
        proposed = model.posterior(place).evidence
        accept = np.log(random.random(len(unit))) < power * (proposed - logs)
        unit = np.where(accept[:, None], place, unit)
        logs = np.where(accept, proposed, logs)
        rate = accept.mean()
        scale = np.clip(scale * np.exp(rate - 0.3), 0.05, 3.0)
    return unit, logs
