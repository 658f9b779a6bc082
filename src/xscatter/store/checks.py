"""Checks of one file of a study; one function for each kind of file.

Each returns the problem in a few words, which start with its kind (missing, partial, corrupt or
foreign), or None if nothing is wrong.
"""

import json
import zipfile
from pathlib import Path

import h5py

from xscatter.core import shards
from xscatter.core.files import file_sha256
from xscatter.processes import NAMES
from xscatter.store.coefficients import COEFFICIENTS
from xscatter.store.experiments import COUNTS_DATASET, LABELS
from xscatter.store.features import FEATURES
from xscatter.store.sequences import PROCESS_LABELS, TIME


def experiment_problem(
    path: Path, deep: bool, images: int, number: int, study_hash: str
) -> str | None:
    """Check an experiment shard.

    Args:
        path: the shard.
        deep: compare its content with its checksum.
        images: number of images that it must have.
        number: number of the experiment.
        study_hash: fingerprint of the study that it must belong to.
    """
    # Marks first: a damaged file may not even open.
    return shards.problem(path, deep, study_hash=study_hash, experiment=number) or _entries(
        path, {COUNTS_DATASET: images, LABELS: images}
    )


def sequence_problem(
    path: Path, deep: bool, frames: int, number: int, study_hash: str
) -> str | None:
    """Check a sequence of frames.

    Args:
        path: the file.
        deep: compare its content with its checksum.
        frames: number of frames that it must have.
        number: number of the sequence.
        study_hash: fingerprint of the study that it must belong to.
    """
    wanted = {COUNTS_DATASET: frames, LABELS: frames, TIME: frames, PROCESS_LABELS: len(NAMES)}
    return shards.problem(path, deep, study_hash=study_hash, sequence=number) or _entries(
        path, wanted
    )


def features_problem(path: Path, deep: bool, frames: int, source: Path) -> str | None:
    """Check the features of a sequence.

    Args:
        path: the file.
        deep: compare its content with its checksum, and its source with that in its attributes.
        frames: number of frames that it must have.
        source: the sequence.
    """
    expected = {"source_sha256": file_sha256(source)} if deep and source.exists() else {}
    return shards.problem(path, deep, **expected) or _entries(path, {FEATURES: frames})


def coefficients_problem(
    path: Path, deep: bool, images: int, number: int, study_hash: str, source: Path
) -> str | None:
    """Check a coefficient file.

    Args:
        path: the file.
        deep: compare its content with its checksum.
        images: number of images that it must have.
        number: number of the experiment.
        study_hash: fingerprint of the study that it must belong to.
        source: the experiment shard that it must be made from.
    """
    problem = shards.problem(path, deep, study_hash=study_hash, experiment=number)
    problem = problem or _entries(path, {COEFFICIENTS: images})
    # Coefficients of a shard that was made again since are out of date.
    if problem is None and source.exists():
        try:
            with h5py.File(path, "r") as file, h5py.File(source, "r") as origin:
                if file.attrs.get("source_checksum") != origin.attrs.get("checksum"):
                    return f"foreign: it was made from another version of {source.name}"
        except OSError:
            return None  # the check of the experiment reports it
    return problem


def _entries(path: Path, wanted: dict[str, int]) -> str | None:
    """Check that the datasets of a shard have as many entries as `wanted`."""
    with h5py.File(path, "r") as file:
        for name, count in wanted.items():
            have = file[name].shape[0] if name in file else 0
            if have != count:
                return f"partial: {have} of {count} in {name}"
    return None


def batch_problem(path: Path, deep: bool, size: int, sha256: str) -> str | None:
    """Check a record batch.

    Args:
        path: the batch.
        deep: compare its content with `sha256`.
        size: bytes that it must have.
        sha256: checksum that records.json states.
    """
    if not path.exists():
        return "missing"
    if path.stat().st_size != size:
        return f"partial: {path.stat().st_size} bytes, records.json says {size}"
    if deep and file_sha256(path) != sha256:
        return "corrupt: its content does not match its checksum in records.json"
    return None


def network_problem(path: Path, deep: bool, sha256: str | None) -> str | None:
    """Check a network of a tagger.

    Args:
        path: the network.
        deep: compare its content with `sha256`.
        sha256: checksum that the description of the tagger states; None: it states none.
    """
    if not path.exists():
        return "missing"
    if deep and sha256 is not None and file_sha256(path) != sha256:
        return "corrupt: its content does not match its checksum in tagger.json"
    return None


def json_problem(path: Path, *keys: str) -> str | None:
    """Check a JSON file that must have `keys`."""
    if not path.exists():
        return "missing"
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        return f"corrupt: not JSON ({error})"
    lost = [key for key in keys if key not in content]
    return f"corrupt: it has no {', '.join(lost)}" if lost else None


def table_problem(path: Path) -> str | None:
    """Check a CSV table, whose last line must have an end."""
    if not path.exists():
        return "missing"
    return None if path.read_bytes().endswith(b"\n") else "partial: its last line has no end"


def zip_problem(path: Path) -> str | None:
    """Check a model or scores: zip files with a checksum for every part."""
    if not path.exists():
        return "missing"
    try:
        with zipfile.ZipFile(path) as archive:
            part = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        return f"corrupt: {error}"
    return f"corrupt: its part {part}" if part else None


def page_problem(path: Path) -> str | None:
    """Check the report: the end of a page is written last."""
    if not path.exists():
        return "missing"
    with open(path, "rb") as stream:
        # The end is enough, and reports may be large.
        stream.seek(max(0, path.stat().st_size - 200))
        return None if b"</html>" in stream.read() else "partial: its end is missing"
