"""Find the beam centre: candidates, the evidence for each, and the confidence."""

from dataclasses import dataclass

import numpy as np

from xscatter.frames.center.evidence import CenterEvidence, confidence
from xscatter.frames.center.gradients import significant_gradients
from xscatter.frames.center.profile import RadialProfile
from xscatter.frames.center.reduced import reduced, rescaled, without_pedestal
from xscatter.frames.center.symmetry import HalfTurn
from xscatter.frames.photons import in_photons

# Voting takes time with the number of pixels; the fit on the finer image makes up for it.
_VOTING = 128  # pixels on the longer side of the image whose gradients vote
_FITTING = 256  # and of the one on which the centre is fitted
_LEAST_GRADIENTS = 30
# Of the gradients, those that point to a centre: 0.13 by chance, more at any true one.
_NONE_POINT, _MANY_POINT = 0.25, 0.6
_SURE = 0.95  # confidence of an estimate that overrules a header
_APART = 0.05  # of the longer side: a header is no more accurate than this


@dataclass(frozen=True)
class CenterEstimate:
    """An estimated beam centre.

    Attributes:
        center: (row, column) in pixels, pixel centres at integers; may lie outside the frame.
        confidence: probability, 0 to 1, that it is right within 1 % of the longer side.
        evidence: the numbers that the confidence is made of.
    """

    center: tuple[float, float]
    confidence: float
    evidence: tuple[float, ...] = ()


def find_center(counts: np.ndarray, mask: np.ndarray | None = None) -> CenterEstimate:
    """Find the beam centre from the image alone.

    Args:
        counts: (rows, cols), in photons or any other unit.
        mask: (rows, cols) bool, True = not usable.

    Returns:
        The estimate; in a frame without evidence, its middle with confidence 0.

    Example:
        >>> import numpy as np
        >>> from xscatter.frames import find_center
        >>> y, x = np.mgrid[:128, :128]
        >>> radius = np.hypot(y - 60, x - 70)
        >>> rings = 1 + 50 * np.exp(-(((radius - 40) / 3) ** 2)) + 90 * np.exp(-radius / 12)
        >>> estimate = find_center(np.random.default_rng(0).poisson(rings))
        >>> [round(value) for value in estimate.center], estimate.confidence > 0.5
        ([60, 70], True)
    """
    mask = np.zeros(counts.shape, bool) if mask is None else mask
    # Confidence 0: any candidate with evidence replaces it.
    best = CenterEstimate(((counts.shape[0] - 1) / 2, (counts.shape[1] - 1) / 2), 0.0)
    return max(candidates(counts, mask), key=lambda one: one.confidence, default=best)


def candidates(counts: np.ndarray, mask: np.ndarray) -> list[CenterEstimate]:
    """Return the places that may be the beam centre, none in a frame without evidence.

    Args:
        counts: (rows, cols), in photons or any other unit.
        mask: (rows, cols) bool, True = not usable.
    """
    # The noise of t is known only where the counts are photons.
    counts = without_pedestal(in_photons(counts, mask), mask)
    level, live, step = reduced(counts, mask, _VOTING)
    gradients = significant_gradients(level, live)
    if len(gradients) < _LEAST_GRADIENTS:
        return []
    fine, fine_live, fine_step = reduced(counts, mask, _FITTING)
    profile = RadialProfile(fine, fine_live)
    half_turn = HalfTurn(level, live)
    # Two ways to a centre: where the gradients cross, and about which half a turn changes least.
    crossings = [gradients.crossing(start) for start in gradients.voted(level.shape)]
    # Crossings are found on the coarse image, profiles on the fine one.
    starts = [rescaled(place, step, fine_step) for place in crossings]
    # Only the best start is refined: each refinement tries up to 60 profiles.
    places = [profile.refined(max(starts, key=profile.explained))] if starts else []
    if half_turn.best is not None:
        places.append(rescaled(half_turn.best, step, fine_step))
    evidence = CenterEvidence(
        gradients, half_turn, profile, (step, fine_step), (max(level.shape), max(fine.shape))
    )
    estimates = []
    for place in places:
        numbers = evidence.of(place)
        row, col = rescaled(place, fine_step, 1.0)
        estimates.append(CenterEstimate((float(row), float(col)), confidence(numbers), numbers))
    return estimates


def contradiction(
    counts: np.ndarray, mask: np.ndarray, center: tuple[float, float]
) -> CenterEstimate | None:
    """Return the centre that the image shows beyond doubt where `center` cannot be it; else None.

    The gradients of the image point to a beam centre, wherever one is seen. Nearly none of them
    points to `center`, and most point to one that is far from it.

    Args:
        counts: (rows, cols), in photons or any other unit.
        mask: (rows, cols) bool, True = not usable.
        center: (row, column) in pixels, of a header.

    Example:
        >>> import numpy as np
        >>> from xscatter.frames.center import contradiction
        >>> y, x = np.mgrid[:128, :128]
        >>> radius = np.hypot(y - 60, x - 70)
        >>> rings = 1 + 50 * np.exp(-(((radius - 40) / 3) ** 2)) + 90 * np.exp(-radius / 12)
        >>> frame, mask = np.random.default_rng(0).poisson(rings), np.zeros((128, 128), bool)
        >>> contradiction(frame, mask, (61, 69)) is None
        True
        >>> [round(value) for value in contradiction(frame, mask, (20, 20)).center]
        [60, 70]
    """
    photons = without_pedestal(in_photons(counts, mask), mask)
    level, live, step = reduced(photons, mask, _VOTING)
    gradients = significant_gradients(level, live)
    place = rescaled(np.array(center, float), 1.0, step)
    if len(gradients) < _LEAST_GRADIENTS or gradients.aligned(place) > _NONE_POINT:
        return None
    estimate = find_center(counts, mask)
    apart = np.hypot(*np.subtract(estimate.center, center)) > _APART * max(counts.shape)
    seen = gradients.aligned(rescaled(np.array(estimate.center), 1.0, step)) > _MANY_POINT
    return estimate if apart and seen and estimate.confidence >= _SURE else None
