"""Change points of a finished record: the division into segments that explains its scatter best.

Frames become vectors of uniform noise: square roots of the radial profile and moments of angular
orders, at equal total. Optimal partitioning (Jackson et al. 2005) finds, for every number of
segments, the division with the least squares within segments. A further change point is accepted
while its gain is improbable for the scatter that is left, as judged by an F test over all its
possible places. Counts that scatter more than photons do come from a stream that wanders, and slow
wandering looks like segments: there, a change must also be larger than what wanders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise

import numpy as np
from scipy import ndimage
from scipy.special import fdtrc

from xscatter.sequences.noise import WANDERS
from xscatter.sequences.nuisances import steadied
from xscatter.sequences.polar import SECTORS, Sums, binned
from xscatter.sequences.residuals import GROUPS, WAVES, shapes

FALSE_ALARMS = 0.01  # a record without changes
MOST = 256  # vectors that are divided; longer records are summed first
_MOST_SEGMENTS = 16
_LEAST = 2  # vectors in a segment
_NEAR = 5  # vectors of which a burst is not the median
_FAR = 5.0  # standard deviations beyond which a value is limited
_TRIES = 2  # numbers of segments that may fail one after the other


@dataclass(frozen=True)
class Cut:
    """A change point.

    Attributes:
        place: index of the first vector after the change.
        low: first index at which it may be.
        high: last index at which it may be.
        probability: of a gain as large in a record without changes.
    """

    place: int
    low: int
    high: int
    probability: float


def vector(sums: Sums) -> np.ndarray:
    """Return the sums of one frame as a vector; multiplied by √total its photon noise is 1."""
    counts = np.where(sums.usable, np.maximum(sums.counts, 0), 0.0)
    if counts.shape[1] == SECTORS:
        # A cell with a hot pixel takes the mean of its ring.
        some = np.maximum(sums.usable.sum(axis=1, keepdims=True), 1)
        lost = ~sums.usable & (sums.counts > 0)
        counts = np.where(lost, counts.sum(axis=1, keepdims=True) / some, counts)
    total = max(float(counts.sum()), 1e-300)
    radial = 2 * np.sqrt(binned(counts.sum(axis=1)) / total)
    if counts.shape[1] != SECTORS:
        return radial
    grouped = counts.reshape(GROUPS, -1, SECTORS).sum(axis=1) / total
    weight = np.sqrt(np.maximum(0.5 * grouped.sum(axis=1, keepdims=True), 1e-300))
    return np.concatenate([radial, (grouped @ WAVES / weight).ravel()])


def vectors_of(
    record: Sequence[Sums], weights: np.ndarray | None = None, allowed: np.ndarray | None = None
) -> np.ndarray:
    """Return the vectors (n, size) of a record.

    Those of counts have two more numbers about all rings together: rings that move or widen by a
    part of a bin show in no bin (:func:`xscatter.sequences.residuals.residuals`). In other values
    noise that grows with the signal would look like moving rings.

    Args:
        record: sums of the frames.
        weights: (rings,) pixels or points in each; None: as many in each.
        allowed: largest squares (2,) of the moves of the beam, of `QuietMoves`; None: any.
    """
    record = _filled(record)
    mean = reduce(Sums.plus, record)
    record = [replace(sums, counts=steadied(sums, mean, allowed).counts) for sums in record]
    vectors = np.array([vector(sums) for sums in record])
    if not all(sums.poisson for sums in record):
        return vectors
    profiles = np.array(
        [np.where(s.usable, np.maximum(s.counts, 0), 0).sum(axis=1) for s in record]
    )
    profiles /= np.maximum(profiles.sum(axis=1, keepdims=True), 1e-300)
    mean = profiles.mean(axis=0)
    some = mean > 1e-9
    error = np.sqrt(np.where(some, mean, 1))
    turned = record[0].counts.shape[1] == SECTORS
    templates = shapes(mean, np.ones(len(mean)) if weights is None else weights, turned)
    templates = np.where(some, templates / error, 0)
    templates /= np.maximum(np.linalg.norm(templates, axis=1, keepdims=True), 1e-300)
    return np.hstack([vectors, np.where(some, (profiles - mean) / error, 0) @ templates.T])


def _filled(record: Sequence[Sums]) -> list[Sums]:
    """Return the record with the mean of other frames in cells that lost a pixel in one frame."""
    counts = np.array([sums.counts for sums in record])
    usable = np.array([sums.usable for sums in record])
    some, always = np.asarray(usable.any(axis=0)), np.asarray(usable.all(axis=0))
    totals = counts[:, always].sum(axis=1)[:, None, None]
    known = np.maximum((totals * usable).sum(axis=0), 1e-300)
    filled = np.where(usable | ~some, counts, totals * (counts * usable).sum(axis=0) / known)
    return [
        replace(sums, counts=one, usable=some) for sums, one in zip(record, filled, strict=True)
    ]


def cuts(
    vectors: np.ndarray, photons: float | None, false_alarms: float = FALSE_ALARMS
) -> list[Cut]:
    """Return the change points of a record.

    Args:
        vectors: (n, size), of :func:`vectors_of`.
        photons: mean total of a vector in photons; None: the values are no counts.
        false_alarms: probability of any change point in a record without changes.
    """
    n = len(vectors)
    if n < 2 * _LEAST:
        return []
    vectors = _without_bursts(vectors, 0.0 if photons is None else photons**-0.5)
    costs = _costs(vectors)
    best, places = _divide(costs, min(_MOST_SEGMENTS, n // _LEAST))
    chosen: list[Cut] = []
    size = np.count_nonzero(vectors.any(axis=0))
    floor = 0.0 if photons is None else size / photons
    failed = 0
    for segments in range(2, len(best)):
        # A state that comes and goes needs two change points at once.
        if failed == _TRIES or not np.isfinite(best[segments]):
            break
        ends = _ends(places, segments, n)
        scatter = _scatter(vectors, ends, floor)
        tested = [_test(costs, ends, k, scatter) for k in range(1, segments)]
        beyond = scatter.mean - floor
        if photons is None or beyond <= 3 * floor * np.sqrt(2 / (n * size)):
            beyond = 0.0
        means = [vectors[a:b].mean(axis=0) for a, b in pairwise(ends)]
        smallest = min(float(((a - b) ** 2).sum()) for a, b in pairwise(means))
        chance = max(cut.probability for cut in tested)
        if chance * n < false_alarms and smallest >= WANDERS * beyond:
            chosen, failed = tested, 0
        else:
            failed += 1
    return chosen


def _without_bursts(vectors: np.ndarray, noise: float) -> np.ndarray:
    """Limit what differs in one vector alone: a zinger is no segment (Hampel's filter)."""
    if len(vectors) < _NEAR:
        return vectors
    middle = ndimage.median_filter(vectors, size=(_NEAR, 1), mode="nearest")
    rest = vectors - middle
    # Where counts are few, most values are equal, and their median says nothing.
    limit = _FAR * np.maximum(1.4826 * np.median(np.abs(rest), axis=0), noise)
    return middle + np.clip(rest, -limit, limit)


def _costs(vectors: np.ndarray) -> np.ndarray:
    """Sum of squares about the mean of vectors i to j - 1, at [i, j]; infinite if too short."""
    n = len(vectors)
    # The mean is taken out first: differences of large sums would lose digits.
    centred = vectors - vectors.mean(axis=0)
    sums = np.vstack([np.zeros(centred.shape[1]), np.cumsum(centred, axis=0)])
    squares = np.append(0, np.cumsum((centred**2).sum(axis=1)))
    costs = np.full((n + 1, n + 1), np.inf)
    for i in range(n + 1 - _LEAST):
        j = np.arange(i + _LEAST, n + 1)
        costs[i, j] = squares[j] - squares[i] - ((sums[j] - sums[i]) ** 2).sum(axis=1) / (j - i)
    return np.maximum(costs, 0)


def _divide(costs: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Least cost of each number of segments, and the last border of every part of the record."""
    n = len(costs) - 1
    least = np.full((most + 1, n + 1), np.inf)
    least[0, 0] = 0
    places = np.zeros((most + 1, n + 1), int)
    for k in range(1, most + 1):
        candidates = least[k - 1][:, None] + costs
        places[k] = candidates.argmin(axis=0)
        least[k] = candidates.min(axis=0)
    return least[:, n], places


def _ends(places: np.ndarray, segments: int, n: int) -> list[int]:
    ends = [n]
    for k in range(segments, 0, -1):
        ends.append(int(places[k, ends[-1]]))
    return ends[::-1]


@dataclass(frozen=True)
class _Scatter:
    """Scatter of single vectors within segments: the sum of some correlated chi-squares.

    Attributes:
        mean: of the square of a vector.
        free: degrees of freedom of its tail, by three moments (Imhof 1961).
        spread: standard deviation of the square of one vector, by mean.
        known: degrees of freedom of the mean.
    """

    mean: float
    free: float
    spread: float
    known: float

    def chance(self, gain: float) -> float:
        """Return the probability of a gain of one change point as large as this."""
        away = (gain / self.mean - 1) / self.spread * np.sqrt(2 * self.free)
        return float(fdtrc(self.free, self.known, max(1 + away / self.free, 0)))


def _scatter(vectors: np.ndarray, ends: list[int], floor: float) -> _Scatter:
    rest = np.concatenate([vectors[a:b] - vectors[a:b].mean(axis=0) for a, b in pairwise(ends)])
    known = len(vectors) - len(ends) + 1
    trace = float((rest**2).sum()) / known
    gram = rest @ rest.T
    np.fill_diagonal(gram, 0)
    n = len(rest)
    # tr S² and tr S³ of the covariance S from products of different vectors, free of their noise.
    second = float((gram**2).sum()) / (n * (n - 1))
    third = float(((gram @ gram) * gram).sum()) / (n * (n - 1) * max(n - 2, 1))
    size = np.count_nonzero(vectors.any(axis=0))
    second = float(np.clip(second, trace**2 / size, trace**2))
    third = float(np.clip(third, second**2 / trace, second**1.5))
    return _Scatter(
        max(trace, floor),
        second**3 / third**2,
        np.sqrt(2 * second) / trace,
        known * trace**2 / second,
    )


def _test(costs: np.ndarray, ends: list[int], k: int, scatter: _Scatter) -> Cut:
    """The change point between segments k - 1 and k, judged by the scatter within segments."""
    a, c = ends[k - 1], ends[k + 1]
    places = np.arange(a + 1, c)
    gains = costs[a, c] - costs[a, places] - costs[places, c]
    gains[~np.isfinite(gains)] = -np.inf
    gain = gains.max()
    near = places[gains >= gain - 2 * scatter.mean * scatter.spread**2]
    return Cut(ends[k], int(near[0]), int(near[-1]), scatter.chance(gain))
