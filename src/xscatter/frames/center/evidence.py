"""The evidence for a beam centre, and the confidence that it makes."""

from itertools import combinations_with_replacement

import numpy as np

from xscatter.frames.center.gradients import Gradients
from xscatter.frames.center.profile import RadialProfile
from xscatter.frames.center.reduced import rescaled
from xscatter.frames.center.symmetry import HalfTurn
from xscatter.frames.center.weights import MEANS, SCALES, WEIGHTS

_SECTORS = 36  # of the azimuth
_AWAY = 0.03  # of the longer side: where the profiles of a true centre explain clearly less
_FAR = 0.05  # and where fewer gradients point to
_MOST = 3.0  # deviations from the mean that count; beyond, nothing was fitted
_TURN = np.linspace(0, 2 * np.pi, 8, endpoint=False)
_AROUND = np.stack([np.sin(_TURN), np.cos(_TURN)], 1)


class CenterEvidence:
    """Three ways to judge a beam centre: gradients, profiles, and half a turn.

    Args:
        gradients: of the coarse image.
        half_turn: of the coarse image.
        profile: of the fine image.
        steps: pixels on the side of a block of the coarse image and of the fine one.
        sides: blocks on the longer side of both.
    """

    def __init__(
        self,
        gradients: Gradients,
        half_turn: HalfTurn,
        profile: RadialProfile,
        steps: tuple[float, float],
        sides: tuple[int, int],
    ):
        self._gradients, self._half_turn, self._profile = gradients, half_turn, profile
        (self._coarse, self._fine), (self._side, self._fine_side) = steps, sides

    def of(self, place: np.ndarray) -> tuple[float, ...]:
        """Return the numbers that tell whether `place`, in the fine image, is the beam centre.

        Log of the variance that radial profiles explain, which is small where there are spots
        alone; log of how much less they explain a little away from the place, which is little
        under grazing incidence and where the beam is far outside; fraction of the gradients that
        point to the place, and how much smaller it is at the best place around; how evenly the
        azimuth is filled with them; log of the distance to the point where they cross; likeness
        after half a turn.
        """
        explained, gradients = self._profile.explained(place), self._gradients
        away = _AWAY * self._fine_side * _AROUND
        drop = explained - max(self._profile.explained(place + step) for step in away)
        coarse = rescaled(place, self._fine, self._coarse)
        aligned = gradients.aligned(coarse)
        beside = max(gradients.aligned(coarse + _FAR * self._side * step) for step in _AROUND)
        crossing = np.hypot(*(gradients.crossing(coarse) - coarse)) / self._side
        return (
            float(np.log(max(explained, 0) + 0.02)),
            float(np.log(max(drop, 1e-5))),
            aligned,
            aligned - beside,
            _evenness(gradients, coarse),
            float(np.log(crossing + 0.002)),
            self._half_turn.at(coarse),
        )


def confidence(evidence: tuple[float, ...]) -> float:
    """Return the probability that a centre with this `evidence` is right within 1 % of the side."""
    logit = float(np.dot(WEIGHTS, terms(np.array(evidence), MEANS, SCALES)))
    # Clipped, because the exponential would overflow; it changes no decision.
    return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def terms(evidence: np.ndarray, means: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return the terms of the logistic regression: 1, each number, and all products of two.

    The ways to a centre replace each other, which no sum of the numbers alone expresses: spots
    about a beam are alike after half a turn, and no profile explains them.

    Args:
        evidence: (..., numbers) of :meth:`CenterEvidence.of`.
        means: (numbers,) of the frames of the fit.
        scales: (numbers,) their standard deviations.
    """
    z = np.clip((evidence - means) / scales, -_MOST, _MOST)
    pairs = combinations_with_replacement(range(z.shape[-1]), 2)
    products = [z[..., a] * z[..., b] for a, b in pairs]
    return np.stack([np.ones(z.shape[:-1]), *np.moveaxis(z, -1, 0), *products], -1)


def _evenness(gradients: Gradients, place: np.ndarray) -> float:
    """Entropy of the azimuths of the gradients that point to `place`, 0 (one) to 1 (all about)."""
    offset = gradients.points[gradients.pointing(place)] - place
    turn = (np.arctan2(offset[:, 0], offset[:, 1]) / (2 * np.pi) + 0.5) * _SECTORS
    number = np.bincount(turn.astype(int) % _SECTORS, minlength=_SECTORS)
    share = number[number > 0] / max(number.sum(), 1)
    return float(-(share * np.log(share)).sum() / np.log(_SECTORS))
