"""What a finished training leaves in ``models/<view>/``."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.files import complete_file, write_json, write_text
from xscatter.core.provenance import run_record
from xscatter.networks.load import weights_sha256
from xscatter.scores import calibrate


def write(folder: Path, run: Any, logits: np.ndarray) -> None:
    """Write model, calibration, history, timings and facts of `run`, whose network has its best weights.

    `logits` (n, T) are those of its validation part. Without training.json a model is refused, so that after a kill
    no earlier network is taken together with a later calibration.
    """
    model = run.learner.model
    (folder / "training.json").unlink(missing_ok=True)
    for left in folder.glob(".model.keras.*"):  # by a process that was killed while it wrote
        left.unlink()
    calibrate.fit(list(run.records.tags), run.validation.labels(), logits).save(
        folder / "calibration.json"
    )
    table(folder / "history.csv", run.progress.history)
    table(folder / "timings.csv", run.progress.timings)
    with complete_file(folder / "model.keras") as part:
        # Keras writes only to names that end in .keras.
        named = part.with_suffix(".keras")
        try:
            model.save(named)
            named.replace(part)
        finally:
            named.unlink(missing_ok=True)
    rule = run.progress.rule
    facts = {
        "view": run.view,
        "fingerprint": run.identity.fingerprint,
        "weights_sha256": weights_sha256(model),
        "weights": model.count_params(),
        "step": run.progress.step,
        "rounds": rule.round,
        "best_round": rule.best_round,
        "best_validation": rule.best_validation,
        "reason": rule.reason,
        "training_records": len(run.training),
        "validation_records": len(run.validation),
        "tags": list(run.records.tags),
        "size": run.records.dtype["image"].shape[0],
        "transform": run.records.manifest.get("transform"),
        "split": run.split,
        "settings": run.settings.model_dump(mode="json"),
        "run": run_record(),
    }
    write_json(folder / "training.json", facts)


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write `rows` as CSV; floats as the shortest text that reads back equal."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
