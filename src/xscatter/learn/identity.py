"""The identity of a training, and whether records and an earlier result fit it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from xscatter.core.errors import UserError
from xscatter.learn.data import RecordSource
from xscatter.learn.source import LearningSource
from xscatter.records.read import open_records
from xscatter.scores import calibration
from xscatter.store.models import FACTS, SEQUENCE_FACTS, ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.views import SEQUENCE, View, trained


@dataclass(frozen=True)
class Identity:
    """Hashes of what decides a training.

    Attributes:
        fingerprint: of everything.
        settings_hash: of everything but the content of what is learnt from, and the branches.
        batches: SHA-256 of every training batch, or of the features of every sequence.
    """

    fingerprint: str
    settings_hash: str
    batches: list[str]


def identify(
    study: Study, source: LearningSource, view: View, branches: Sequence[str] = ()
) -> Identity:
    """Return the identity of the training of `view` on `source`.

    Args:
        study: its keys, as far as they decide this training.
        source: what it learns from.
        view: the view.
        branches: hashes of what its network is built on.
    """
    # A network holds its branches: what shapes them decides whether its weights can be taken over.
    # Features of sequences state the networks that made them.
    own = [view.name] if view == SEQUENCE else [*view.parents, view.name]
    keys = [study.decides(trained()[name]) for name in own]
    settings_hash = _hash([study.seed, view.name, keys, source.layout, source.tags])
    contents = source.contents
    return Identity(_hash([settings_hash, contents, list(branches)]), settings_hash, contents)


def _hash(content: object) -> str:
    # Sorted, so that the order of keys does not matter; 16 digits name a folder well enough.
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def open_records_of(study: Study, paths: StudyPaths) -> RecordSource:
    """Return the record batches of a study, to learn from.

    Raises:
        UserError: they are missing or damaged, or of another size, truncation or transform than
            the study's; names what differs.
    """
    # A training is known by these checksums: what it reads must be what they are of.
    records = open_records(paths.batches, verify=True)
    shapes = {f["name"]: tuple(f["shape"]) for f in records.manifest["fields"]}
    transform, size = study.transform, study.simulate.size
    wanted = {
        "image": (size, size),
        "coefficients": (transform.angular_orders, transform.radial_orders),
    }
    for name, shape in wanted.items():
        if shapes.get(name) != shape:
            raise UserError(
                f"records.json: {name} has the shape {shapes.get(name)}, the study needs {shape}; "
                "these are batches of another study: pack this one, or name another folder with -o"
            )
    asked = {**transform.model_dump(), "radius": study.radius}
    # Facts that the records do not state cannot be compared.
    packed = records.manifest.get("transform", {})
    if packed:
        packed = {"centers": "exact", **packed}  # earlier versions knew no other
    different = [key for key, value in packed.items() if asked.get(key) != value]
    if different:
        raise UserError(
            f"records.json: packed with another transform.{', transform.'.join(different)} than "
            "the study's; transform and pack this study, or name another folder with -o"
        )
    return RecordSource(records)


def exported(folder: ModelFolder, identity: Identity, step: int) -> bool:
    """Return whether `folder` holds the complete result of this training, ended at `step`.

    Args:
        folder: of the trained model.
        identity: of this training.
        step: number of steps after which it ended.
    """
    try:
        entries = SEQUENCE_FACTS if folder.view == SEQUENCE.name else FACTS
        facts = folder.facts("fingerprint", "step", *entries)
        calibration.load(folder.calibration)
    except UserError:
        return False
    # A result of the same settings at an earlier step is not the final one.
    same = (facts["fingerprint"], facts["step"]) == (identity.fingerprint, step)
    return folder.complete() and same
