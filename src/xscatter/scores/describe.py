"""From labels and scores of the test batch to all figures of an evaluation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from xscatter.core.provenance import run_record
from xscatter.scores import metrics
from xscatter.scores.calibration import Calibration, sigmoid
from xscatter.scores.confusions import confusions
from xscatter.scores.evaluation import (
    CalibrationEvaluation,
    Evaluation,
    Interval,
    RecordScores,
    TagEvaluation,
    UnfamiliarEvaluation,
)
from xscatter.scores.groups import given, single_logits

_MICRO_DRAWS = 200  # all tags in one sort take long


def describe(
    view: str,
    tested: RecordScores,
    calibration: Calibration,
    seed: int,
    kinds: Mapping[int, list[str]] | None = None,
) -> Evaluation:
    """Return all figures of a test.

    Args:
        view: name of the view, or "mean".
        tested: labels and scores of all records; the figures are those of the scores as saved.
        calibration: from the validation set; it names the tags.
        seed: of the bootstrap, which draws experiments.
        kinds: of each experiment, kinds of instrument that the training set does not have.
    """
    tags, labels, scores = calibration.tags, tested.labels, tested.scores
    experiment = tested.source[:, 0]
    each = metrics.per_tag(labels, scores)
    # Whole experiments are drawn: images of one are not independent.
    weights = metrics.resampled(experiment, seed)
    drawn = metrics.bootstrap(labels, scores, weights)
    chosen = given(scores, np.array(calibration.threshold), calibration.columns)
    prevalence = labels.mean(0)
    # A tag without a positive has no average precision and enters no mean.
    occurs = ~np.isnan(each)
    mean = float(metrics.mean_of(each))
    micro = metrics.weighted_average_precision(
        labels.ravel(), scores.ravel(), np.ones((1, labels.size))
    )
    per_tag = {}
    for t, tag in enumerate(tags):
        precision, recall = metrics.precision_recall(labels[:, t], chosen[:, t])
        per_tag[tag] = TagEvaluation(
            average_precision=float(each[t]) if occurs[t] else None,
            interval=metrics.interval(drawn[:, t], each[t]),
            prevalence=float(prevalence[t]),
            positives=int(labels[:, t].sum()),
            threshold=calibration.threshold[t],
            precision=precision,
            recall=recall,
        )
    return Evaluation(
        view=view,
        mean_average_precision=mean,
        mean_average_precision_interval=metrics.interval(metrics.mean_of(drawn), mean),
        micro_average_precision=float(micro[0]),
        micro_average_precision_interval=_micro_interval(labels, scores, weights, micro[0]),
        mean_prevalence=float(prevalence[occurs].mean()),
        tags_that_occur=int(occurs.sum()),
        tags_without_positives=[tag for tag, some in zip(tags, occurs, strict=True) if not some],
        records=len(labels),
        experiments=len(np.unique(experiment)),
        tags=per_tag,
        calibration=_calibration(labels, tested.logits, scores, calibration),
        confusions=confusions(tags, labels, chosen, experiment),
        bootstrap=_bootstrap(seed, len(weights)),
        run=run_record(),
        unfamiliar=unfamiliar(tested, kinds or {}),
    )


def unfamiliar(tested: RecordScores, kinds: Mapping[int, list[str]]) -> UnfamiliarEvaluation | None:
    """Return figures of the records of unfamiliar instruments beside those of all others, or None.

    Args:
        tested: labels and scores of all records.
        kinds: of each experiment of the test, those that the training set does not have.
    """
    held = np.array([bool(kinds.get(n)) for n in tested.source[:, 0].tolist()])
    if held.all() or not held.any():
        return None
    parts = [(tested.labels[some], tested.scores[some]) for some in (held, ~held)]
    each = np.stack([metrics.per_tag(*part) for part in parts])
    # The same tags in both, or the means could not be compared.
    means = each[:, ~np.isnan(each).any(axis=0)].mean(axis=1)
    errors = [metrics.reliability(*part).expected_calibration_error for part in parts]
    return UnfamiliarEvaluation(
        kinds=sorted(set().union(*kinds.values())),
        records=int(held.sum()),
        experiments=len(np.unique(tested.source[held, 0])),
        mean_average_precision=float(means[0]),
        familiar_mean_average_precision=float(means[1]),
        expected_calibration_error=errors[0],
        familiar_expected_calibration_error=errors[1],
    )


def _bootstrap(seed: int, draws: int) -> dict[str, Any]:
    return {"seed": seed, "draws": draws, "unit": "experiment", "level": 0.95}


def _calibration(
    labels: np.ndarray, logits: np.ndarray, scores: np.ndarray, fitted: Calibration
) -> CalibrationEvaluation:
    raw = sigmoid(single_logits(logits, fitted.columns))
    scaled = sigmoid(single_logits(logits / fitted.temperature, fitted.columns))
    return CalibrationEvaluation(
        temperature=fitted.temperature,
        raw=metrics.reliability(labels, raw),
        temperature_scaled=metrics.reliability(labels, scaled),
        per_tag=metrics.reliability(labels, scores),
    )


def _micro_interval(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, value: float
) -> Interval:
    each = [
        metrics.weighted_average_precision(
            labels.ravel(), scores.ravel(), np.repeat(w, labels.shape[1])[None]
        )[0]
        for w in weights[:_MICRO_DRAWS]
    ]
    return metrics.interval(np.array(each), value)
