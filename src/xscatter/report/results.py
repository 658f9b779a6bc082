"""What training and evaluation left behind, read once and checked."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.store.models import ModelFolder
from xscatter.store.paths import VIEWS, StudyPaths

TITLES = {
    "image": "image",
    "coefficient": "coefficient",
    "joint": "joint",
    "mean": "mean of logits",
}


@dataclass(frozen=True)
class TagScore:
    """How well one view recognises one tag; not a number where the tag does not occur in the test batch."""

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
        """Whether the test batch has images with the tag."""
        return not math.isnan(self.average_precision)


@dataclass(frozen=True)
class Reliability:
    """How often tags are there (`frequency`) against the `probability` given to them, in bins of `count` scores."""

    expected_calibration_error: float
    probability: list[float]
    frequency: list[float]
    count: list[int]


@dataclass(frozen=True)
class View:
    """The evaluation of one view.

    ``scores`` (n, T) are calibrated probabilities, ``labels`` (n, T) bool, ``source`` (n, 2) experiment and image;
    ``calibration`` has the reliability of the scores as the network says, ``"raw"``, and calibrated, ``"per_tag"``.
    """

    name: str
    mean: float
    interval: tuple[float, float]
    tags: dict[str, TagScore]
    scores: np.ndarray
    labels: np.ndarray
    source: np.ndarray
    calibration: dict[str, Reliability]
    confusions: list[dict[str, Any]]
    run: dict[str, Any]

    @property
    def title(self) -> str:
        """Name in words."""
        return TITLES[self.name]

    def drawn(self, seed: int, draws: int = 1000) -> np.ndarray:
        """Average precision (1 + draws, T) of every tag: of the test batch itself, then of its drawn experiments."""
        from xscatter.scores import metrics

        weights = metrics.resampled(self.source[:, 0], seed, draws, itself=True)
        return metrics.bootstrap(self.labels.astype(float), self.scores, weights)


@dataclass(frozen=True)
class History:
    """Training curves of one view: columns against `steps`, which are counted in `axis`."""

    axis: str
    steps: list[float]
    columns: dict[str, list[float]]

    def curves(self, quantity: str) -> dict[str, list[float]]:
        """Curves of a quantity such as ``"loss"``, by the part of the data that it was measured on."""
        names = {
            part: f"{part}_{quantity.replace(' ', '_')}" for part in ("training", "validation")
        }
        return {part: self.columns[name] for part, name in names.items() if name in self.columns}


def read_views(paths: StudyPaths, names: Sequence[str] = (*VIEWS, "mean")) -> list[View]:
    """The evaluations of `names`.

    Raises:
        UserError: one is missing, or cannot be understood.
    """
    return [_read_view(paths, name) for name in names]


def _read_view(paths: StudyPaths, name: str) -> View:
    path, scores_path = paths.evaluation(name), paths.scores(name)
    advice = "finish the study with snakemake, or score the view with `xscatter test`"
    for needed in (path, scores_path):
        if not needed.exists():
            raise UserError(f"{needed}: missing; {advice}")
    try:
        content = json.loads(path.read_text())
        with np.load(scores_path) as file:
            scores, labels, source = (file[key] for key in ("scores", "labels", "source"))
        tags = {}
        for column, (tag, entry) in enumerate(content["tags"].items()):
            tags[tag] = TagScore(
                name=tag,
                column=column,
                average_precision=_number(entry["average_precision"]),
                interval=_pair(entry["interval"]),
                prevalence=_number(entry["prevalence"]),
                threshold=_number(entry["threshold"]),
                precision=_number(entry["precision"]),
                recall=_number(entry["recall"]),
            )
        if not scores.shape == labels.shape == (len(source), len(tags)):
            raise ValueError(
                f"{scores.shape} scores for {labels.shape} labels and {len(tags)} tags"
            )
        mean = _number(content["mean_average_precision"])
        interval = _pair(content["mean_average_precision_interval"])
        calibration = {
            kind: Reliability(**content["calibration"][kind]) for kind in ("raw", "per_tag")
        }
        confusions = content["confusions"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: is not an evaluation of this version ({error!r}); delete it, then {advice}"
        ) from error
    run = content.get("run", {})
    return View(
        name,
        mean,
        interval,
        tags,
        scores,
        labels.astype(bool),
        source,
        calibration,
        confusions,
        run,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _pair(value: Sequence[float | None] | None) -> tuple[float, float]:
    low, high = value or (None, None)
    return _number(low), _number(high)


def read_history(path: Path) -> History:
    """Training curves from ``history.csv``.

    Raises:
        UserError: it is missing or is not such a table.
    """
    try:
        with open(path, newline="") as stream:
            rows = list(csv.DictReader(stream))
        numbers = {
            key: [float(row[key] or "nan") for row in rows] for key in rows[0] if key != "decision"
        }
    except (OSError, ValueError, TypeError, IndexError) as error:
        why = "missing" if not path.exists() else f"is not a table of training curves ({error})"
        raise UserError(f"{path}: {why}; train the view again with `xscatter train`") from error
    axis = next(iter(numbers))
    return History(axis, numbers.pop(axis), numbers)


def precision_recall(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision (both (k,)) when images are taken by falling score; equal scores come together."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(labels[order])[last]
    return hits / max(hits[-1], 1), hits / (last + 1)


def read_training(folder: Path) -> dict[str, Any]:
    """Facts of one training, as ``training.json`` holds them, and ``seconds``, the time that it took.

    Raises:
        UserError: they are missing or damaged.
    """
    try:
        facts = ModelFolder(folder).facts()
        with open(folder / "timings.csv", newline="") as stream:
            facts["seconds"] = sum(
                float(r["seconds"]) + float(r["validation_seconds"]) for r in csv.DictReader(stream)
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder / 'timings.csv'}: missing or damaged; train --view {folder.name} again"
        ) from error
    return facts


def paired_intervals(
    views: Sequence[View], pairs: Sequence[tuple[str, str]], seed: int
) -> list[tuple[float, float]]:
    """95 % bootstrap interval of the difference in mean average precision, first minus second of each of `pairs`.

    Both views are scored on the same drawn experiments, so that what is hard for both cancels.
    """
    from xscatter.scores import metrics

    drawn = {view.name: metrics.mean_of(view.drawn(seed)) for view in views}
    differences = [drawn[first] - drawn[second] for first, second in pairs]
    return [_pair(metrics.interval(each[1:], each[0], least=-1.0)) for each in differences]


def in_words(
    interval: tuple[float, float], digits: str = ".3f", between: str = " to ", none: str = "unknown"
) -> str:
    """An interval as text; of a single test experiment there is `none`."""
    return (
        none if math.isnan(interval[0]) else between.join(format(end, digits) for end in interval)
    )


def score_table(views: Sequence[View]) -> str:
    """Mean average precision of every view with its interval, as text for a terminal."""
    tags = sum(tag.occurs for tag in views[0].tags.values())
    lines = [f"Mean average precision over {tags} tags, {len(views[0].source)} test images", ""]
    lines.append(f"{'view':<16}{'mean':>7}   95 % interval")
    for view in views:
        lines.append(f"{view.title:<16}{view.mean:>7.3f}   {in_words(view.interval)}")
    return "\n".join(lines)
