"""Read the results of training and test that the report shows."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import views
from xscatter.core.errors import UserError
from xscatter.report.words import interval_text
from xscatter.scores import metrics
from xscatter.scores.evaluation import (
    CalibrationEvaluation,
    Confusion,
    UnfamiliarEvaluation,
    read_evaluation,
    read_scores,
)
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths


@dataclass(frozen=True)
class TagScore:
    """Scores of one view for one tag; NaN where the tag does not occur in the test set.

    `column` is its column in the scores and labels; `precision` and `recall` are those at
    `threshold`; `prevalence` is the fraction of test images that have the tag.
    """

    name: str
    column: int
    average_precision: float
    interval: tuple[float, float]
    prevalence: float
    threshold: float
    precision: float
    recall: float

    @property
    def occurs(self) -> bool:
        """Whether any test image has the tag."""
        return not math.isnan(self.average_precision)


@dataclass(frozen=True)
class ViewScores:
    """Scores of one view, or of the baseline, on the test set.

    Attributes:
        name: Name of the view, or `views.MEAN`.
        mean: Mean average precision over the tags that occur.
        interval: 95 % interval of `mean`; NaN with a single test experiment.
        tags: Scores of each tag, by name.
        scores: (n, T) calibrated probabilities.
        labels: (n, T) bool.
        source: (n, 2) experiment and image.
        calibration: Reliability before calibration, `raw`, and after it, `per_tag`.
        confusions: Pairs of tags that are confused, the largest excess over chance first.
        unfamiliar: Figures of kinds of instrument that the training set does not have, or None.
        run: Versions, host and time of the evaluation.
    """

    name: str
    mean: float
    interval: tuple[float, float]
    tags: dict[str, TagScore]
    scores: np.ndarray
    labels: np.ndarray
    source: np.ndarray
    calibration: CalibrationEvaluation
    confusions: list[Confusion]
    unfamiliar: UnfamiliarEvaluation | None
    run: dict[str, Any]

    @property
    def title(self) -> str:
        """Name as figures and tables show it."""
        return views.title(self.name)

    def drawn(self, seed: int, draws: int = 1000) -> np.ndarray:
        """Return the average precision of every tag in bootstrap samples of the test experiments.

        Args:
            seed: Seed of the random draws; equal seeds draw the same experiments for every view.
            draws: Number of samples.

        Returns:
            (1 + draws, T); the first row is the test set itself.
        """
        weights = metrics.resampled(self.source[:, 0], seed, draws, itself=True)
        return metrics.bootstrap(self.labels.astype(float), self.scores, weights)


@dataclass(frozen=True)
class History:
    """Training curves of one view: columns against `steps`, whose unit is named by `axis`."""

    axis: str
    steps: list[float]
    columns: dict[str, list[float]]

    def curves(self, quantity: str) -> dict[str, list[float]]:
        """Return the curves of a quantity such as ``"loss"``, by "training" and "validation"."""
        columns = {
            data: f"{data}_{quantity.replace(' ', '_')}" for data in ("training", "validation")
        }
        return {
            data: self.columns[column] for data, column in columns.items() if column in self.columns
        }


def featured(scores: Sequence[ViewScores]) -> ViewScores:
    """Return the scores of the view with most inputs, the one whose mistakes the report shows."""
    name = views.by_inputs()[0].name
    return next(view for view in scores if view.name == name)


def read_views(paths: StudyPaths, names: Sequence[str] | None = None) -> list[ViewScores]:
    """Read the scores on the test set of the views `names`; by default of all and the baseline.

    Raises:
        UserError: The scores of a view are missing or cannot be understood.
    """
    return [_read_view(paths, name) for name in names or views.evaluated()]


def _read_view(paths: StudyPaths, name: str) -> ViewScores:
    evaluation = read_evaluation(paths.evaluation(name))
    test = read_scores(paths.scores(name))
    # The two files are written one after the other: one of them may be of another test.
    if not test.scores.shape == test.labels.shape == (len(test.source), len(evaluation.tags)):
        raise UserError(
            f"{paths.scores(name)}: does not fit {paths.evaluation(name).name}; delete both, then "
            "score the view with `xscatter test`"
        )
    return ViewScores(
        name=name,
        mean=evaluation.mean_average_precision,
        interval=_pair(evaluation.mean_average_precision_interval),
        tags={
            tag: TagScore(
                name=tag,
                column=column,
                average_precision=_number(entry.average_precision),
                interval=_pair(entry.interval),
                prevalence=entry.prevalence,
                threshold=entry.threshold,
                precision=_number(entry.precision),
                recall=_number(entry.recall),
            )
            for column, (tag, entry) in enumerate(evaluation.tags.items())
        },
        scores=test.scores,
        labels=test.labels.astype(bool),
        source=test.source,
        calibration=evaluation.calibration,
        confusions=evaluation.confusions,
        unfamiliar=evaluation.unfamiliar,
        run=evaluation.run,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _pair(value: Sequence[float | None] | None) -> tuple[float, float]:
    low, high = value or (None, None)
    return _number(low), _number(high)


def read_history(path: Path) -> History:
    """Read the training curves from ``history.csv``.

    Raises:
        UserError: The file is missing or has other content.
    """
    try:
        with open(path, newline="") as stream:
            rows = list(csv.DictReader(stream))
        columns = {
            key: [float(row[key] or "nan") for row in rows] for key in rows[0] if key != "decision"
        }
    except (OSError, ValueError, TypeError, IndexError) as error:
        why = "missing" if not path.exists() else f"is not a table of training curves ({error})"
        raise UserError(f"{path}: {why}; train the view again with `xscatter train`") from error
    # The first column counts epochs.
    axis = next(iter(columns))
    return History(axis, columns.pop(axis), columns)


def precision_recall(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the precision-recall curve of one tag.

    Args:
        labels: (n,) bool.
        scores: (n,). Images with equal scores share one point of the curve.

    Returns:
        Recall and precision, both (k,), from the highest score down.
    """
    order = np.argsort(-scores, kind="stable")
    # Equal scores cannot be separated by a threshold: only the last of them is a point.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(labels[order])[last]
    return hits / max(hits[-1], 1), hits / (last + 1)


def read_training(model: ModelFolder) -> dict[str, Any]:
    """Return the content of ``training.json``, and the training time in seconds as ``seconds``.

    Raises:
        UserError: A file is missing or damaged.
    """
    try:
        facts = model.facts()
        with open(model.timings, newline="") as stream:
            facts["seconds"] = sum(
                float(r["seconds"]) + float(r["validation_seconds"]) for r in csv.DictReader(stream)
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{model.timings}: missing or damaged; train --view {model.view} again"
        ) from error
    return facts


def paired_intervals(
    scores: Sequence[ViewScores], pairs: Sequence[tuple[str, str]], seed: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return 95 % bootstrap intervals of differences in mean average precision.

    Both views of a pair are scored on the same drawn experiments, so that what is hard for both
    cancels.

    Args:
        scores: Scores of all views that `pairs` names.
        pairs: Pairs of views; the difference is the first minus the second.
        seed: Seed of the random draws.

    Returns:
        The interval of each pair.
    """
    drawn = {view.name: metrics.mean_of(view.drawn(seed)) for view in scores}
    differences = {(first, second): drawn[first] - drawn[second] for first, second in pairs}
    return {
        pair: _pair(metrics.interval(each[1:], each[0], least=-1.0))
        for pair, each in differences.items()
    }


def score_table(scores: Sequence[ViewScores]) -> str:
    """Return the mean average precision of every view with its interval, for a terminal."""
    tags = sum(tag.occurs for tag in scores[0].tags.values())
    lines = [f"Mean average precision over {tags} tags, {len(scores[0].source)} test images", ""]
    lines.append(f"{'view':<16}{'mean':>7}   95 % interval")
    for view in scores:
        lines.append(f"{view.title:<16}{view.mean:>7.3f}   {interval_text(view.interval)}")
    return "\n".join(lines)
