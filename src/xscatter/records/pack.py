"""Write the batches: each by itself, in bounded memory, whole or not at all."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file, file_sha256, write_json, write_text
from xscatter.core.progress import track
from xscatter.core.version import __version__
from xscatter.records import code, layout
from xscatter.records.assign import Assignment, assign, first_tags, load
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

_TOGETHER = 32 * 2**20  # bytes of images held at once


def pack(study: Study, paths: StudyPaths) -> None:
    """Everything: assign, then every batch that is not whole, then records.json."""
    assignment = assign(study, paths)
    for batch in range(assignment.batches):
        write_batch(study, paths, batch, assignment)
    index(study, paths, assignment)


def write_batch(
    study: Study, paths: StudyPaths, batch: int, assignment: Assignment | None = None
) -> bool:
    """Write one batch, unless it is there with this content; return whether it was written.

    Raises:
        UserError: no assignment or no such batch; a shard is missing or has changed since; no space is left.
    """
    assignment = assignment or load(paths.assignment)
    rows = assignment.rows(batch)
    path = paths.batch(batch)
    dtype = _dtype(study, paths, assignment)
    size = len(rows) * dtype.itemsize
    content = assignment.content(batch)
    if made_from(path) == content:
        return False
    _mark(path).unlink(missing_ok=True)
    with complete_file(path) as part, open(part, "wb") as stream:
        stream.truncate(size)
        for experiment in track(np.unique(rows[:, 0]).tolist(), f"batch {batch}"):
            places = np.flatnonzero(rows[:, 0] == experiment)
            places = places[np.argsort(rows[places, 1], kind="stable")]
            for some in np.array_split(places, -(-len(places) * dtype.itemsize // _TOGETHER)):
                records = _read(paths, assignment, experiment, rows[some, 1], dtype)
                for place, record in zip(some, records, strict=True):
                    stream.seek(int(place) * dtype.itemsize)
                    stream.write(record.tobytes())
        stream.flush()
        digest = file_sha256(part)
    write_json(_mark(path), {"content": content, "bytes": size, "sha256": digest})
    return True


def _mark(path: Path) -> Path:
    """Says what a finished batch was made from, so that it is not made twice, and its checksum."""
    return path.with_name(f".{path.name}.json")


def _facts(path: Path) -> dict[str, Any] | None:
    """The mark of the batch at `path`, if that is there in full length."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        facts = json.loads(_mark(path).read_text())
        if facts.keys() == {"content", "bytes", "sha256"} and path.stat().st_size == facts["bytes"]:
            return facts
    return None


def made_from(path: Path) -> str | None:
    """Hash of what the batch at `path` was made from, or None if it is not whole."""
    facts = _facts(path)
    return facts["content"] if facts else None


def _dtype(study: Study, paths: StudyPaths, assignment: Assignment) -> np.dtype:
    return layout.record_dtype(
        len(_tags(study, paths, assignment)),
        (study.simulate.size, study.simulate.size),
        (study.transform.angular_orders, study.transform.radial_orders),
    )


def _tags(study: Study, paths: StudyPaths, assignment: Assignment) -> list[str]:
    return first_tags(study, paths, min(assignment.sources))


def _read(
    paths: StudyPaths, assignment: Assignment, experiment: int, images: np.ndarray, dtype: np.dtype
) -> np.ndarray:
    """Records (n,) of some `images` (ascending) of an experiment."""
    source = assignment.sources[experiment]
    records = np.zeros(len(images), dtype)
    records["source"] = np.stack([np.full(len(images), experiment), images], 1)
    with open_experiment(paths.experiment(experiment), checksum=source.counts) as shard:
        for record, image in zip(records, images, strict=True):
            record["image"] = code.encode(*shard.counts(image))
        records["tags"] = shard.labels[images]
    with open_coefficients(paths.coefficients(experiment), checksum=source.coefficients) as file:
        records["coefficients"] = file.dataset[images]
    return records


def index(study: Study, paths: StudyPaths, assignment: Assignment | None = None) -> dict[str, Any]:
    """Write records.json from what the batches' writers noted; return its content.

    The checksums are those of the bytes as they were written: what was damaged since is found by `xscatter verify`.

    Raises:
        UserError: a batch is missing or not of the size that the assignment says.
    """
    assignment = assignment or load(paths.assignment)
    dtype = _dtype(study, paths, assignment)
    batches = []
    for batch in track(range(assignment.batches), "batches"):
        rows, path = assignment.rows(batch), paths.batch(batch)
        size = path.stat().st_size if path.exists() else -1
        if size != len(rows) * dtype.itemsize:
            what = (
                "missing"
                if size < 0
                else f"truncated: {size} bytes, not {len(rows) * dtype.itemsize}"
            )
            raise UserError(f"{path}: {what}; run `xscatter pack STUDY --batch {batch}`")
        # Whole already, but for a shard that was made again on another kind of computer, with other bytes.
        write_batch(study, paths, batch, assignment)
        batches.append(
            {
                "file": path.name,
                "records": len(rows),
                "sha256": (_facts(path) or {})["sha256"],
                "experiments": np.unique(rows[:, 0]).tolist(),
            }
        )
    manifest = {
        "format": layout.FORMAT,
        "xscatter_version": __version__,
        "study": study.name,
        "study_hash": assignment.identity,
        "fields": layout.describe_fields(dtype),
        "record_length": dtype.itemsize,
        "tags": _tags(study, paths, assignment),
        "test_batch": assignment.test_batch,
        "image_code": code.describe(),
        "source": ["experiment", "image"],
        "transform": {**study.transform.model_dump(), "radius": study.radius},
        "simulate": {"size": study.simulate.size, "sampling": study.simulate.sampling},
        "batches": batches,
    }
    text = json.dumps(manifest, indent=1) + "\n"
    if not paths.records.exists() or paths.records.read_text() != text:
        write_text(paths.records, text)
    return manifest
