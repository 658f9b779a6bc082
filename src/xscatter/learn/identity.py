"""The identity of a training, and whether records, branches and an earlier result fit it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from xscatter.core.errors import UserError
from xscatter.learn import data
from xscatter.records.read import Records, open_records
from xscatter.scores import calibration
from xscatter.store.models import FACTS, ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.views import View


@dataclass(frozen=True)
class Identity:
    """Hashes of what decides a training.

    Attributes:
        fingerprint: of everything.
        settings_hash: of everything but the content of the records and the branches.
        batches: SHA-256 of every training batch.
    """

    fingerprint: str
    settings_hash: str
    batches: list[str]


def identify(study: Study, records: Records, view: View, branches: Sequence[str] = ()) -> Identity:
    """Return the identity of the training of `view` on `records`.

    Args:
        study: its keys, as far as they decide this training.
        records: the open record batches.
        view: the view.
        branches: SHA-256 of the weights of its branches.
    """
    # The number of the experiment in a record is no input of a network.
    fields = [f for f in records.manifest["fields"] if f["name"] not in ("source",)]
    # A network holds its branches: what shapes them decides whether its weights can be taken over.
    keys = [study.train.decides(name) for name in (*view.parents, view.name)]
    settings_hash = _hash([study.seed, view.name, keys, fields, list(records.tags)])
    batches = [records.manifest["batches"][n]["sha256"] for n in records.training_batches]
    return Identity(_hash([settings_hash, batches, list(branches)]), settings_hash, batches)


def _hash(content: object) -> str:
    # Sorted, so that the order of keys does not matter; 16 digits name a folder well enough.
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def open_records_of(study: Study, paths: StudyPaths) -> Records:
    """Return the record batches of a study.

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
    return records


def branch_hashes(paths: StudyPaths, records: Records, view: View) -> list[str]:
    """Return the SHA-256 of the weights of the branches of `view`.

    Args:
        paths: of the study.
        records: its record batches.
        view: the view whose parents are its branches.

    Raises:
        UserError: a branch is missing, does not fit the records, or has seen the test batch.
    """
    tested = data.experiments(data.all_records(records, [records.test_batch]))
    hashes = []
    for name in view.parents:
        fix = f"train --view {name} before --view {view.name}"
        facts = ModelFolder(paths.model(name)).fitting_facts(list(records.tags), tested, fix)
        hashes.append(facts["weights_sha256"])
    return hashes


def exported(folder: ModelFolder, identity: Identity, step: int) -> bool:
    """Return whether `folder` holds the complete result of this training, ended at `step`.

    Args:
        folder: of the trained model.
        identity: of this training.
        step: number of steps after which it ended.
    """
    try:
        facts = folder.facts("fingerprint", "step", *FACTS)
        calibration.load(folder.calibration)
    except UserError:
        return False
    # A result of the same settings at an earlier step is not the final one.
    same = (facts["fingerprint"], facts["step"]) == (identity.fingerprint, step)
    return folder.complete() and same
