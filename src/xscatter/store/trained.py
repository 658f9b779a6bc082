"""What a finished training has left: its network, and what ``training.json`` beside it says."""

import json
import zipfile
from pathlib import Path
from typing import Any

from xscatter.core.errors import UserError

ENTRIES = ("tags", "size", "transform", "weights_sha256", "split")  # what others read of it


def read(folder: Path, *entries: str, mend: str | None = None) -> dict[str, Any]:
    """The facts of the training of `folder`, among them all `entries`; `mend` says what to do where they are not there.

    Raises:
        UserError: training.json is missing or damaged, or has no such entry.
    """
    path, mend = folder / "training.json", mend or f"train --view {folder.name} again"
    try:
        found = dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: missing or damaged ({error}); {mend}") from error
    absent = [entry for entry in entries if entry not in found]
    if absent:
        raise UserError(f"{path}: has no entry {', '.join(absent)}; {mend}")
    return found


def fitting(
    folder: Path, tags: list[str], tested: list[int], mend: str | None = None
) -> dict[str, Any]:
    """The facts of a training that names `tags`, and has not seen the experiments `tested`; `mend` as in :func:`read`.

    Raises:
        UserError: it has other tags, or was trained on experiments that are now in the test batch.
    """
    found = read(folder, *ENTRIES, mend=mend)
    if found["tags"] != tags:
        raise UserError(
            f"{folder}: was trained on other tags than the records have; train --view {folder.name} again"
        )
    seen = set(tested) & {*found["split"]["training"], *found["split"]["validation"]}
    if seen:
        raise UserError(
            f"{folder}: was trained on experiment {min(seen)}, which is in the test batch now: the study was packed "
            f"anew; train --view {folder.name} again"
        )
    return found


def load_model(folder: Path):
    """The network in `folder`/model.keras.

    Raises:
        UserError: it is not there or cannot be read, or its weights are not those that training.json names.
    """
    import keras

    from xscatter.learn.export import weights_sha256
    from xscatter.networks import models  # noqa: F401 - registers our layers with Keras

    path = folder / "model.keras"
    if not path.exists():
        raise UserError(f"{path}: missing; train --view {folder.name} first")
    damaged = f"{path}: is no model of xscatter, or damaged; delete it and train --view {folder.name} again"
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(damaged) from error
    if weights_sha256(model) != read(folder, "weights_sha256")["weights_sha256"]:
        raise UserError(
            f"{path}: has other weights than its training.json; delete it and train --view {folder.name} again"
        )
    return model
