"""Write the batches: each by itself, in bounded memory, completely or not at all."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from xscatter.core.files import complete_file, file_sha256, write_text
from xscatter.core.progress import track
from xscatter.core.version import __version__
from xscatter.records import code, layout
from xscatter.records.assign import assign, assigned
from xscatter.records.assignment import Assignment
from xscatter.records.check import first_tags, intact
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.store.marks import made_from, mark_of, read_mark, write_mark
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

_TOGETHER = 32 * 2**20  # bytes of records that are held at once


def pack(study: Study, paths: StudyPaths) -> None:
    """Do everything: assign, write every batch that is not complete, write records.json."""
    assignment = assign(study, paths)
    for batch in range(assignment.batches):
        write_batch(study, paths, batch, assignment)
    index(study, paths, assignment)


def write_batch(
    study: Study, paths: StudyPaths, batch: int, assignment: Assignment | None = None
) -> bool:
    """Write one batch, unless it exists with this content; return whether it was written.

    Args:
        study: the study.
        paths: where its files are.
        batch: number of the batch.
        assignment: which record goes where; default: assignment.json.

    Raises:
        UserError: there is no assignment or no such batch; a shard is missing or has changed since;
            the disk is full.
    """
    assignment = assignment or assigned(paths)
    rows, content, path = assignment.rows(batch), assignment.content(batch), paths.batch(batch)
    if made_from(path) == content:
        return False
    # First, so that a kill in between leaves a batch without a mark, which is made again.
    mark_of(path).unlink(missing_ok=True)
    # Records of one experiment are scattered over the batch, so they are written to their places.
    with complete_file(path) as part, open(part, "wb") as stream:
        for experiment in track(np.unique(rows[:, 0]).tolist(), f"batch {batch}"):
            # Sorted by image, because shards are read in order; the places in the batch are not.
            places = np.flatnonzero(rows[:, 0] == experiment)
            places = places[np.argsort(rows[places, 1], kind="stable")]
            records = _read(study, paths, assignment, experiment, rows[places, 1])
            for place, record in zip(places, records, strict=True):
                stream.seek(int(place) * record.nbytes)
                stream.write(record.tobytes())
        stream.flush()
        digest = file_sha256(part)
    write_mark(path, content, digest)
    return True


def _read(
    study: Study, paths: StudyPaths, assignment: Assignment, experiment: int, images: np.ndarray
) -> Iterator[np.void]:
    """Yield the records of `images` (n,), rising, of an experiment."""
    source = assignment.sources[experiment]
    # Damage since the assignment may decompress without an error.
    intact(paths.experiment(experiment), source.counts)
    intact(paths.coefficients(experiment), source.coefficients)
    with (
        open_experiment(paths.experiment(experiment), checksum=source.counts) as shard,
        open_coefficients(paths.coefficients(experiment), checksum=source.coefficients) as file,
    ):
        kind = _record_dtype(study, shard.labels.shape[1])
        # In pieces, so that memory does not grow with the number of images.
        for some in np.array_split(images, -(-len(images) * kind.itemsize // _TOGETHER)):
            records = np.zeros(len(some), kind)
            records["source"] = np.stack([np.full(len(some), experiment), some], 1)
            records["tags"] = shard.labels[some]
            records["coefficients"] = file.dataset[some]
            if layout.CENTER_CONFIDENCE in (kind.names or ()):
                records[layout.CENTER_CONFIDENCE] = file.center_confidence
            for record, image in zip(records, some, strict=True):
                record["image"] = code.encode(*shard.counts(image))
                yield record


def index(study: Study, paths: StudyPaths, assignment: Assignment | None = None) -> dict[str, Any]:
    """Write records.json from the marks of the batches; return its content.

    The checksums are those of the bytes as they were written; a batch that is missing, was cut
    short or was damaged since is written again.

    Args:
        study: the study.
        paths: where its files are.
        assignment: which record goes where; default: assignment.json.

    Raises:
        UserError: a shard is missing or has changed since it was assigned; the disk is full.
    """
    assignment = assignment or assigned(paths)
    tags = first_tags(study, paths, min(assignment.sources))
    dtype = _record_dtype(study, len(tags))
    batches = [
        _describe(study, paths, batch, assignment)
        for batch in track(range(assignment.batches), "batches")
    ]
    manifest = {
        "format": layout.FORMAT,
        "xscatter_version": __version__,
        "study": study.name,
        "study_hash": assignment.identity,
        "fields": layout.describe_fields(dtype),
        "record_length": dtype.itemsize,
        "tags": tags,
        "test_batch": assignment.test_batch,
        "image_code": code.describe(),
        "source": ["experiment", "image"],
        "transform": {**study.transform.model_dump(), "radius": study.radius},
        "simulate": {"size": study.simulate.size, "sampling": study.simulate.sampling},
        "batches": batches,
    }
    kinds = {str(n): list(source.kinds) for n, source in sorted(assignment.sources.items())}
    if any(kinds.values()):
        manifest["kinds"] = kinds
    text = json.dumps(manifest, indent=1) + "\n"
    # An unchanged file keeps its time, so that Snakemake does not run later stages again.
    if not paths.records.exists() or paths.records.read_bytes() != text.encode():
        write_text(paths.records, text, sealed=True)
    return manifest


def _record_dtype(study: Study, tags: int) -> np.dtype:
    """Return the type of the records of `study` with this number of `tags`."""
    size, transform = study.simulate.size, study.transform
    orders = (transform.angular_orders, transform.radial_orders)
    return layout.record_dtype(tags, (size, size), orders, transform.centers == "estimated")


def _describe(
    study: Study, paths: StudyPaths, batch: int, assignment: Assignment
) -> dict[str, Any]:
    """Return what records.json says about one batch."""
    rows, path = assignment.rows(batch), paths.batch(batch)
    # Complete already, unless it was cut short, or a shard was made again on another kind of
    # computer with other bytes.
    write_batch(study, paths, batch, assignment)
    if file_sha256(path) != (read_mark(path) or {})["sha256"]:
        # Damaged since it was written.
        path.unlink()
        write_batch(study, paths, batch, assignment)
    return {
        "file": path.name,
        "records": len(rows),
        "sha256": (read_mark(path) or {})["sha256"],
        "experiments": np.unique(rows[:, 0]).tolist(),
    }
