"""How good scores are: average precision with bootstrap over experiments, calibration, thresholds."""

import numpy as np

from xscatter.core.seeds import Purpose, generator


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Average precision (scikit-learn's definition) of `scores` (n,) for `labels` (n,); NaN without a positive."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores)) if labels.any() else float("nan")


def per_tag(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of every tag, (T,), from `labels` and `scores` (n, T)."""
    return np.array([average_precision(labels[:, t], scores[:, t]) for t in range(labels.shape[1])])


def mean_of(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean along `axis` of what is a number; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    return np.where(count > 0, np.where(known, values, 0).sum(axis) / np.maximum(count, 1), np.nan)


def weighted_average_precision(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Average precision (B,) of one tag under B weightings of the records, `weights` (B, n); ties as one threshold."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
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
    """Weights (draws, n) of the records when the experiments are drawn with replacement.

    With `itself` a first row of ones stands for the records as they are. Of a single experiment there is nothing else
    to draw, which says nothing of the spread: no draws then.
    """
    names, place = np.unique(experiment, return_inverse=True)
    first = np.ones((int(itself), len(experiment)))
    if len(names) < 2:
        return first
    random = generator(seed, Purpose.BOOTSTRAP)
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return np.concatenate([first, counts[:, place].astype(np.float64)])


def bootstrap(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision (B, T) of every tag under every weighting."""
    columns = [
        weighted_average_precision(labels[:, t], scores[:, t], weights)
        for t in range(labels.shape[1])
    ]
    return np.stack(columns, axis=1)


def interval(
    draws: np.ndarray, value: float, least: float = 0.0, level: float = 0.95
) -> list[float] | None:
    """Percentile interval of those `draws` that are numbers, centred on `value`; None when there is no number.

    A draw repeats some experiments and misses rare tags, which alone raises average precision: the mean of the draws
    less the value is taken off. The ends stay between `least` (-1 for a difference) and 1.
    """
    draws = draws[~np.isnan(draws)]
    if not draws.size or np.isnan(value):
        return None
    ends = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]) - draws.mean() + value
    return np.clip(ends, least, 1.0).tolist()


def precision_recall(labels: np.ndarray, chosen: np.ndarray) -> tuple[float | None, float | None]:
    """Precision and recall of a choice (n,) of records; None where undefined."""
    hits = float(np.sum(labels * chosen))
    return (hits / float(chosen.sum()) if chosen.any() else None), (
        hits / float(labels.sum()) if labels.any() else None
    )


def reliability(labels: np.ndarray, probability: np.ndarray, bins: int = 15) -> dict[str, object]:
    """Reliability diagram over all tags, and the expected calibration error (ECE), in equal-width bins."""
    place = np.minimum((probability * bins).astype(int), bins - 1).ravel()
    count = np.bincount(place, minlength=bins)
    said = np.bincount(place, probability.ravel().astype(np.float64), bins)
    true = np.bincount(place, labels.ravel().astype(np.float64), bins)
    error = float(np.abs(said - true).sum() / max(count.sum(), 1))
    some = count > 0
    return {
        "expected_calibration_error": error,
        "probability": (said[some] / count[some]).tolist(),
        "frequency": (true[some] / count[some]).tolist(),
        "count": count[some].tolist(),
    }
