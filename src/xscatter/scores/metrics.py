"""Measures of scores: average precision with bootstrap over experiments, reliability."""

import numpy as np

from xscatter.core.seeds import Purpose, generator
from xscatter.scores.evaluation import Reliability


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision of `scores` (n,) for `labels` (n,); NaN without a positive.

    The definition is scikit-learn's: the mean of the precision over the steps of the recall.
    """
    # scikit-learn comes with the training, not with `pip install xscatter`.
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores)) if labels.any() else float("nan")


def per_tag(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the average precision of every tag, (T,), from `labels` and `scores` (n, T)."""
    return np.array([average_precision(labels[:, t], scores[:, t]) for t in range(labels.shape[1])])


def mean_of(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the mean of the numbers along `axis`; NaN where there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    return np.where(count > 0, np.where(known, values, 0).sum(axis) / np.maximum(count, 1), np.nan)


def weighted_average_precision(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the average precision (B,) of one tag under B weightings of the records.

    Equal scores are one threshold.

    Args:
        labels: (n,) 0 or 1.
        scores: (n,).
        weights: (B, n) of the records.
    """
    order = np.argsort(-scores, kind="stable")
    # The last of each run of equal scores: no threshold separates them.
    last = np.append(np.diff(scores[order]) != 0, True)
    # Sorted once; each weighting then needs two cumulative sums.
    weights = weights[:, order]
    positive = np.cumsum(weights * labels[order], axis=1)[:, last]
    all_above = np.cumsum(weights, axis=1)[:, last]
    gained = np.diff(positive, axis=1, prepend=0.0)
    total = positive[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(
            total > 0, (gained * positive / np.maximum(all_above, 1e-12)).sum(1) / total, np.nan
        )


def resampled(
    experiment: np.ndarray, seed: int, draws: int = 1000, itself: bool = False
) -> np.ndarray:
    """Return weights (draws, n) of the records when experiments are drawn with replacement.

    A single experiment says nothing about the spread: there are no draws then.

    Args:
        experiment: (n,) number of the experiment of each record.
        seed: of the draws.
        draws: their number.
        itself: put a row of ones, the records as they are, first.
    """
    names, place = np.unique(experiment, return_inverse=True)
    # The data as they are: every record counts once.
    first = np.ones((int(itself), len(experiment)))
    if len(names) < 2:
        return first
    random = generator(seed, Purpose.BOOTSTRAP)
    # How often each experiment is drawn, which is all that a resampling decides.
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return np.concatenate([first, counts[:, place].astype(np.float64)])


def bootstrap(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the average precision (B, T) of every tag under every weighting.

    Args:
        labels: (n, T) 0 or 1.
        scores: (n, T).
        weights: (B, n) of the records.
    """
    columns = [
        weighted_average_precision(labels[:, t], scores[:, t], weights)
        for t in range(labels.shape[1])
    ]
    return np.stack(columns, axis=1)


def interval(
    draws: np.ndarray, value: float, least: float = 0.0, level: float = 0.95
) -> list[float] | None:
    """Return the percentile interval of the `draws` about `value`; None when no draw is a number.

    A draw repeats some experiments and misses rare tags, which alone raises average precision. So
    the interval is shifted by the difference of the value and the mean of the draws.

    Args:
        draws: (B,) values of the resampled data; NaN are left out.
        value: of the data as they are.
        least: lower limit of the ends: 0, or -1 for a difference; the upper one is 1.
        level: probability between the ends.
    """
    # A draw without any positive of a tag has no average precision.
    draws = draws[~np.isnan(draws)]
    if not draws.size or np.isnan(value):
        return None
    ends = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]) - draws.mean() + value
    return np.clip(ends, least, 1.0).tolist()


def precision_recall(labels: np.ndarray, chosen: np.ndarray) -> tuple[float | None, float | None]:
    """Return precision and recall of a choice (n,) of records; None where undefined."""
    hits = float(np.sum(labels * chosen))
    return (hits / float(chosen.sum()) if chosen.any() else None), (
        hits / float(labels.sum()) if labels.any() else None
    )


def reliability(labels: np.ndarray, probability: np.ndarray, bins: int = 15) -> Reliability:
    """Return the reliability diagram over all tags, and the expected calibration error.

    Args:
        labels: (n, T) 0 or 1.
        probability: (n, T).
        bins: number of bins of equal width.
    """
    # A probability of exactly 1 belongs to the last bin.
    place = np.minimum((probability * bins).astype(int), bins - 1).ravel()
    count = np.bincount(place, minlength=bins)
    given = np.bincount(place, probability.ravel().astype(np.float64), bins)
    true = np.bincount(place, labels.ravel().astype(np.float64), bins)
    error = float(np.abs(given - true).sum() / max(count.sum(), 1))
    some = count > 0
    return Reliability(
        error,
        (given[some] / count[some]).tolist(),
        (true[some] / count[some]).tolist(),
        count[some].tolist(),
    )
