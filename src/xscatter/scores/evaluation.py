"""The scores of one view on the test batch: what ``evaluation/<view>.json`` and its scores hold."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file, write_json

Interval = list[float] | None


@dataclass(frozen=True)
class TagEvaluation:
    """Scores of one tag on the test set; None stands for what is not defined.

    Attributes:
        average_precision: None where the test batch has no record with the tag.
        interval: 95 % bootstrap interval of it, low and high.
        prevalence: fraction of the records that have the tag.
        positives: number of records that have it.
        threshold: least calibrated probability at which the tag is given.
        precision: fraction of the records given the tag that have it.
        recall: fraction of the records that have the tag that are given it.
    """

    average_precision: float | None
    interval: Interval
    prevalence: float
    positives: int
    threshold: float
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Reliability:
    """The `frequency` of tags against their `probability`, in bins of `count` scores."""

    expected_calibration_error: float
    probability: list[float]
    frequency: list[float]
    count: list[int]


@dataclass(frozen=True)
class CalibrationEvaluation:
    """Reliability of the network as it is, with one temperature, and calibrated tag by tag."""

    temperature: float
    raw: Reliability
    temperature_scaled: Reliability
    per_tag: Reliability


@dataclass(frozen=True)
class Confusion:
    """A look-alike: records `of` which show one tag and are given another that is not there."""

    shown: str
    said: str
    records: int
    by_chance: float
    of: int


@dataclass(frozen=True)
class UnfamiliarEvaluation:
    """Figures of the test images of instruments that the training set has no kind of.

    Attributes:
        kinds: of instrument, which the training set does not have.
        records: images of experiments that have one of them.
        experiments: number of these experiments.
        mean_average_precision: of these images, over the tags that occur in them and in the others.
        familiar_mean_average_precision: of all other images, over the same tags.
        expected_calibration_error: of these images.
        familiar_expected_calibration_error: of all other images.
    """

    kinds: list[str]
    records: int
    experiments: int
    mean_average_precision: float
    familiar_mean_average_precision: float
    expected_calibration_error: float
    familiar_expected_calibration_error: float


@dataclass(frozen=True)
class Evaluation:
    """All figures of one view, in the order of the file.

    Attributes:
        view: name of the view, or "mean".
        mean_average_precision: macro mean over the tags that occur.
        mean_average_precision_interval: 95 % bootstrap interval over experiments.
        micro_average_precision: of all tags together.
        micro_average_precision_interval: its interval.
        mean_prevalence: over the tags that occur.
        tags_that_occur: their number.
        tags_without_positives: names of all others.
        records: of the test batch.
        experiments: of the test batch.
        tags: figures of each tag.
        calibration: reliability of the probabilities.
        confusions: the pairs of tags most often taken for one another.
        bootstrap: seed, draws, unit and level of the intervals.
        run: versions, host and command.
        unfamiliar: figures of kinds of instrument that were held out; None where there are none.

    ::

        evaluation = read_evaluation("results/demo/evaluation/joint.json")
        evaluation.tags["ring"].precision
    """

    view: str
    mean_average_precision: float
    mean_average_precision_interval: Interval
    micro_average_precision: float
    micro_average_precision_interval: Interval
    mean_prevalence: float
    tags_that_occur: int
    tags_without_positives: list[str]
    records: int
    experiments: int
    tags: dict[str, TagEvaluation]
    calibration: CalibrationEvaluation
    confusions: list[Confusion]
    bootstrap: dict[str, Any]
    run: dict[str, Any] = field(default_factory=dict)
    unfamiliar: UnfamiliarEvaluation | None = None

    def write(self, path: str | Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self), sealed=True)


def read_evaluation(path: str | Path) -> Evaluation:
    """Return what :meth:`Evaluation.write` wrote.

    Raises:
        UserError: the file is missing, or is not such a file.
    """
    try:
        content = json.loads(Path(path).read_text())
        held = content.pop("unfamiliar", None)  # earlier versions had none
        content["unfamiliar"] = held and UnfamiliarEvaluation(**held)
        known = {entry.name: content[entry.name] for entry in fields(Evaluation)}
        known["tags"] = {tag: TagEvaluation(**own) for tag, own in content["tags"].items()}
        kinds = content["calibration"]
        reliability = {
            kind: Reliability(**kinds[kind]) for kind in ("raw", "temperature_scaled", "per_tag")
        }
        known["calibration"] = CalibrationEvaluation(kinds["temperature"], **reliability)
        known["confusions"] = [Confusion(**pair) for pair in content["confusions"]]
        return Evaluation(**known)
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; score the view with `xscatter test`") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: is not an evaluation of this version ({error!r}); delete it, then score the "
            "view with `xscatter test`"
        ) from error


@dataclass(frozen=True)
class RecordScores:
    """The scores of every record of the test batch, as ``evaluation/<view>-scores.npz`` holds them.

    Attributes:
        scores: (n, T) float32, calibrated probabilities.
        logits: (n, T) float32, as the network gave them.
        labels: (n, T) uint8, 0 or 1.
        source: (n, 2) experiment and image.
    """

    scores: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    source: np.ndarray

    def write(self, path: str | Path) -> None:
        """Write as a compressed NumPy archive."""
        with complete_file(path, sealed=True) as name, open(name, "wb") as stream:
            arrays = {entry.name: getattr(self, entry.name) for entry in fields(self)}
            np.savez_compressed(stream, **arrays)


def read_scores(path: str | Path) -> RecordScores:
    """Return what :meth:`RecordScores.write` wrote.

    Raises:
        UserError: the file is missing, or is not such a file.
    """
    try:
        with np.load(path) as file:
            return RecordScores(**{entry.name: file[entry.name] for entry in fields(RecordScores)})
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; score the view with `xscatter test`") from error
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(
            f"{path}: does not hold scores ({error!r}); delete it, then score the view with "
            "`xscatter test`"
        ) from error
