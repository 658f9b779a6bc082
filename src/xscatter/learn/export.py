"""Write the result of a finished training to ``models/<view>/``."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.files import complete_file, write_json, write_text
from xscatter.core.provenance import run_record
from xscatter.learn.progress import Progress
from xscatter.networks.load import weights_sha256
from xscatter.networks.save import save_model
from xscatter.scores import calibration
from xscatter.store.models import ModelFolder
from xscatter.study import Train
from xscatter.views import trained


@dataclass(frozen=True)
class Finished:
    """A finished training.

    Attributes:
        view: name of its view.
        fingerprint: of everything that decides it.
        model: the Keras model with its best weights.
        progress: history, timings and the rule of convergence.
        training_records: number of records that it was trained on.
        validation_labels: (n, T) of the validation set.
        validation_logits: (n, T) of the validation set.
        tags: names, T.
        inputs: facts about the inputs: size of images and keys of the expansion, or the columns of
            features.
        split: experiments of training and validation set.
        legs: number of jobs that it was divided into.
        train: the section of this name of the study.
    """

    view: str
    fingerprint: str
    model: Any
    progress: Progress
    training_records: int
    validation_labels: np.ndarray
    validation_logits: np.ndarray
    tags: list[str]
    inputs: dict[str, Any]
    split: dict[str, list[int]]
    legs: int
    train: Train


def write(folder: ModelFolder, finished: Finished) -> None:
    """Write model, calibration, history, timings and, last, the facts of the training.

    Without training.json a model is refused, so that after a kill no earlier network is taken
    together with a later calibration.
    """
    # From here until the end the folder counts as incomplete.
    folder.training.unlink(missing_ok=True)
    for left in folder.path.glob(".model.keras.*"):  # by a process that was killed while it wrote
        left.unlink()
    fitted = calibration.fit(
        finished.tags,
        finished.validation_labels,
        finished.validation_logits,
        trained()[finished.view].least_threshold or calibration.LEAST_THRESHOLD,
    )
    fitted.save(folder.calibration)
    write_table(folder.history, finished.progress.history)
    write_table(folder.timings, finished.progress.timings)
    with complete_file(folder.network, sealed=True) as part:
        save_model(finished.model, part)
    rule = finished.progress.rule
    facts = {
        "view": finished.view,
        "fingerprint": finished.fingerprint,
        "weights_sha256": weights_sha256(finished.model),
        "weights": finished.model.count_params(),
        "step": finished.progress.step,
        "epochs": rule.epoch,
        "best_epoch": rule.best_epoch,
        "best_validation": rule.best_validation,
        "reason": rule.reason,
        "training_records": finished.training_records,
        "validation_records": len(finished.validation_labels),
        "tags": finished.tags,
        **finished.inputs,
        "split": finished.split,
        "legs": finished.legs,
        "settings": finished.train.model_dump(mode="json"),
        "run": run_record(),
    }
    write_json(folder.training, facts, sealed=True)


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write `rows` as CSV; floats as the shortest text that reads back equal."""
    text = io.StringIO()
    # The same line ends on every system, so that files can be compared.
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue(), sealed=True)
