"""Measures of processes in sequences: average precision, segments, onsets, delays, false alarms.

The unit of all counts and resamplings is the sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xscatter.scores.metrics import mean_of, resampled, weighted_average_precision

STRATA = ((8.0, 16.0), (16.0, 64.0), (64.0, np.inf))  # of the detectability D
OVERLAPS = (0.1, 0.25, 0.5)  # intersection over union at which a segment counts
WITHIN = (2, 5, 10, 20)  # frames after a process can be seen
_LEAST_ERROR = 2  # frames by which an onset may be off in any case
_PART_OF_TIME = 0.1  # of the length of the process


@dataclass(frozen=True)
class Segment:
    """A process in a sequence, true or predicted.

    Attributes:
        sequence: number of the sequence.
        process: number of the process.
        begin: first frame.
        end: first frame after it.
        score: of a prediction.
        seen: of a truth: first frame at which anybody could see it; -1: never.
        low: of a prediction: first frame at which it may have begun.
        high: of a prediction: last frame at which it may have begun.
    """

    sequence: int
    process: int
    begin: int
    end: int
    score: float = 1.0
    seen: int = -1
    low: int = -1
    high: int = -1

    def overlap(self, other: "Segment") -> float:
        """Return intersection over union; 0 in another sequence or of another process."""
        if (self.sequence, self.process) != (other.sequence, other.process):
            return 0.0
        common = min(self.end, other.end) - max(self.begin, other.begin)
        return max(common, 0) / (max(self.end, other.end) - min(self.begin, other.begin))


def process_precision(
    labels: np.ndarray,
    scores: np.ndarray,
    detectability: np.ndarray,
    stratum: tuple[float, float] = (0.0, np.inf),
    draws: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """Return the average precision of every process, (1 + draws, P); NaN without a positive.

    Args:
        labels: (N, P) 0 or 1, of N sequences.
        scores: (N, P) the largest probability in the sequence.
        detectability: (N, P) D.
        stratum: D from and below which a process counts; one outside is neither right nor wrong.
        draws: further rows, of sequences drawn with replacement.
        seed: of the draws.
    """
    weights = resampled(np.arange(len(labels)), seed, draws, itself=True)
    low, high = stratum
    columns = []
    for p in range(labels.shape[1]):
        d = np.nan_to_num(detectability[:, p], nan=np.inf)
        counts = (labels[:, p] == 0) | ((d >= low) & (d < high))
        columns.append(
            weighted_average_precision(labels[counts, p], scores[counts, p], weights[:, counts])
        )
    return np.stack(columns, axis=1)


def mean_precision(precision: np.ndarray) -> np.ndarray:
    """Return the mean over processes (B,) of average precisions (B, P) that are defined."""
    return mean_of(precision, axis=1)


def matched(
    true: Sequence[Segment], predicted: Sequence[Segment], overlap: float
) -> list[tuple[Segment, Segment]]:
    """Return pairs of true and predicted segments, the surest predictions first.

    Args:
        true: segments of all sequences.
        predicted: segments of all sequences.
        overlap: least intersection over union of a pair.
    """
    left, pairs = list(true), []
    for guess in sorted(predicted, key=lambda segment: -segment.score):
        best = max(left, key=guess.overlap, default=None)
        if best is not None and guess.overlap(best) >= overlap:
            left.remove(best)
            pairs.append((best, guess))
    return pairs


def segment_f1(true: Sequence[Segment], predicted: Sequence[Segment], overlap: float) -> float:
    """Return F1 at an overlap (Lea et al. 2017): a process in two pieces is a false one.

    Args:
        true: segments of all sequences.
        predicted: segments of all sequences.
        overlap: least intersection over union of a pair.

    Returns:
        NaN where there is neither a true nor a predicted segment.
    """
    number = len(true) + len(predicted)
    return 2 * len(matched(true, predicted, overlap)) / number if number else float("nan")


@dataclass(frozen=True)
class Onsets:
    """Errors of the onsets of processes that were found.

    Attributes:
        median: of the absolute error in frames.
        median_of_time: of the absolute error in lengths of the process.
        within: part with an error of at most 2 frames, or a tenth of the length if that is more.
        covered: part whose interval contains the true onset.
        number: of processes.
    """

    median: float
    median_of_time: float
    within: float
    covered: float
    number: int


def onsets(pairs: Sequence[tuple[Segment, Segment]]) -> Onsets:
    """Return the errors of the onsets in pairs of true and predicted segments."""
    if not pairs:
        nan = float("nan")
        return Onsets(nan, nan, nan, nan, 0)
    error = np.array([abs(guess.begin - truth.begin) for truth, guess in pairs], float)
    time = np.array([max(truth.end - truth.begin, 1) for truth, _ in pairs], float)
    covered = [guess.low <= truth.begin <= guess.high for truth, guess in pairs]
    within = error <= np.maximum(_LEAST_ERROR, _PART_OF_TIME * time)
    return Onsets(
        float(np.median(error)),
        float(np.median(error / time)),
        float(within.mean()),
        float(np.mean(covered)),
        len(pairs),
    )


def alarms(scores: np.ndarray, threshold: float) -> int:
    """Return how often `scores` (n,) rise to the threshold from below it."""
    above = scores >= threshold
    return int(above[:1].sum() + (above[1:] & ~above[:-1]).sum())


def alarm_threshold(null: Sequence[np.ndarray], rate: float) -> float:
    """Return the lowest threshold with at most `rate` false alarms a frame.

    Args:
        null: scores (n,) of sequences without a process.
        rate: of false alarms a frame, such as 1e-4.

    Returns:
        Infinity if there are too few frames for this rate: less than one alarm is allowed, and the
        largest score is one.
    """
    allowed = rate * sum(len(scores) for scores in null)
    if allowed < 1:
        return float("inf")
    levels = np.unique(np.concatenate(list(null)))[::-1]
    threshold = float(np.nextafter(levels[0], np.inf))
    # From above: below all scores there are few alarms again, which never end.
    for level in levels:
        if sum(alarms(scores, level) for scores in null) > allowed:
            break
        threshold = float(level)
    return threshold


@dataclass(frozen=True)
class Delays:
    """Delays with which processes are reported, after they can be seen.

    Attributes:
        reported: part that was reported at all.
        mean: frames between `seen` and the report, of those that were.
        within: by number of frames: part that was reported so soon.
        number: of processes.
    """

    reported: float
    mean: float
    within: dict[int, float]
    number: int


def delays(true: Sequence[Segment], scores: Sequence[np.ndarray], threshold: float) -> Delays:
    """Return how late processes are reported at a threshold.

    A report before the process begins is a false alarm, and counts for nothing here.

    Args:
        true: processes that can be seen.
        scores: by sequence: (n, P) scores of its frames.
        threshold: of the scores.
    """
    late = []
    for segment in true:
        if segment.seen < 0:
            continue
        above = scores[segment.sequence][segment.begin :, segment.process] >= threshold
        # Nobody sees a process before it can be seen, but by luck.
        late.append(
            max(segment.begin + int(np.argmax(above)) - segment.seen, 0) if above.any() else np.inf
        )
    if not late:
        nan = float("nan")
        return Delays(nan, nan, dict.fromkeys(WITHIN, nan), 0)
    frames = np.array(late, float)
    some = frames[np.isfinite(frames)]
    return Delays(
        len(some) / len(frames),
        float(some.mean()) if some.size else float("nan"),
        {limit: float((frames <= limit).mean()) for limit in WITHIN},
        len(frames),
    )


def false_alarms(
    scores: Sequence[np.ndarray], kinds: Sequence[str], threshold: float
) -> dict[str, float]:
    """Return the false alarms in 10⁴ frames for each kind of nuisance.

    Args:
        scores: (n,) of sequences without a process.
        kinds: nuisance of each sequence.
        threshold: of the scores.
    """
    rates = {}
    for kind in dict.fromkeys(kinds):
        some = [one for one, name in zip(scores, kinds, strict=True) if name == kind]
        frames = sum(map(len, some))
        rates[kind] = 1e4 * sum(alarms(one, threshold) for one in some) / max(frames, 1)
    return rates
