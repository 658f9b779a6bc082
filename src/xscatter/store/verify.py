"""Is every file of a study there, whole, right, and of this study?"""

import json
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from xscatter.core import shards
from xscatter.core.errors import UserError
from xscatter.core.files import file_sha256
from xscatter.core.progress import track
from xscatter.store.coefficients import COEFFICIENTS
from xscatter.store.experiments import COUNTS, LABELS
from xscatter.store.paths import VIEWS, StudyPaths
from xscatter.study import Study, load_study


@dataclass(frozen=True)
class Finding:
    """One file that is not as it should be: `problem` starts with its kind."""

    path: Path
    problem: str
    log: Path | None = None

    @property
    def kind(self) -> str:
        """Missing, partial, corrupt, foreign (of another study), or stranger (no file of a study)."""
        return self.problem.partition(":")[0]


@dataclass(frozen=True)
class _Check:
    path: Path
    log: Path | None
    function: Callable[..., str | None]
    arguments: tuple[Any, ...] = ()

    def run(self) -> Finding | None:
        problem = self.function(self.path, *self.arguments)
        return Finding(self.path, problem, self.log) if problem else None


def read_study(results: Path) -> Study:
    """The study that was run in `results`.

    Raises:
        UserError: there is none.
    """
    if not results.is_dir():
        what = "is a file" if results.exists() else "no such folder"
        raise UserError(f"{results}: {what}; name a folder such as results/demo")
    path = StudyPaths(results).study
    if not path.exists():
        raise UserError(
            f"{results}: holds no study.yaml, so it is not known what belongs there; name results/<study>"
        )
    return load_study(path)


def verify(results: Path, deep: bool = True, processes: int | None = None) -> list[Finding]:
    """Check every file of the study in `results`, in parallel; what is wrong, in the order of the stages.

    `deep` compares checksums; without it only marks, names and sizes are looked at.
    """
    study, paths = read_study(results), StudyPaths(results)
    checks = list(_checks(study, paths, deep))
    processes = processes or min(16, len(os.sched_getaffinity(0)))
    found: list[Finding | None]
    if processes == 1 or len(checks) < 8:
        found = [check.run() for check in track(checks, "files looked at")]
    else:
        # Ctrl-C reaches all processes of a terminal: one says so, and nobody waits for the rest.
        with ProcessPoolExecutor(
            processes, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
        ) as pool:
            done = pool.map(
                _Check.run, checks, chunksize=max(1, min(32, len(checks) // (4 * processes)))
            )
            try:
                found = list(track(done, "files looked at", total=len(checks)))
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [finding for finding in found if finding] + list(_strangers(study, paths))


def delete_bad(findings: list[Finding]) -> list[Path]:
    """Delete what is partial, corrupt or foreign, so that the next run makes it again; never a stranger."""
    bad = [finding.path for finding in findings if finding.kind not in ("missing", "stranger")]
    for path in bad:
        path.unlink(missing_ok=True)
    return bad


def _checks(study: Study, paths: StudyPaths, deep: bool) -> Iterator[_Check]:
    simulate, transform = study.fingerprint("simulate"), study.fingerprint("transform")
    for number in range(study.simulate.experiments):
        unit = f"{number:05d}"
        own = (deep, study.simulate.images, number)
        source = paths.experiment(number)
        yield _Check(source, paths.log("simulate", unit), experiment_problem, (*own, simulate))
        more = (*own, transform, source)
        yield _Check(
            paths.coefficients(number), paths.log("transform", unit), coefficients_problem, more
        )
    yield _Check(paths.assignment, paths.log("assign"), json_problem)
    yield _Check(
        paths.records, paths.log("index"), json_problem, ("batches", "fields", "record_length")
    )
    for name, entry in _batches(paths).items():
        log = paths.log("pack", name.removeprefix("batch-").removesuffix(".bin"))
        yield _Check(paths.batches / name, log, batch_problem, (deep, *entry))
    for view in VIEWS:
        yield _Check(paths.model(view) / "model.keras", paths.log("train", view), zip_problem)
    for view in (*VIEWS, "mean"):
        yield _Check(paths.evaluation(view), paths.log("test", view), json_problem)
        yield _Check(paths.scores(view), paths.log("test", view), zip_problem)
    yield _Check(paths.report, paths.log("report"), page_problem)


def _batches(paths: StudyPaths) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of every batch that records.json names."""
    try:
        manifest = json.loads(paths.records.read_text())
        return {
            entry["file"]: (entry["records"] * manifest["record_length"], entry["sha256"])
            for entry in manifest["batches"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def experiment_problem(
    path: Path, deep: bool, images: int, number: int, study_hash: str
) -> str | None:
    """What is wrong with an experiment shard."""
    return shards.problem(path, deep, study_hash=study_hash, experiment=number) or _counts(
        path, {COUNTS: images, LABELS: images}
    )


def coefficients_problem(
    path: Path, deep: bool, images: int, number: int, study_hash: str, source: Path
) -> str | None:
    """What is wrong with a coefficient file."""
    problem = shards.problem(path, deep, study_hash=study_hash, experiment=number)
    problem = problem or _counts(path, {COEFFICIENTS: images})
    if problem is None and source.exists():
        try:
            with h5py.File(path, "r") as file, h5py.File(source, "r") as origin:
                if file.attrs.get("source_checksum") != origin.attrs.get("checksum"):
                    return f"foreign: it was made from another version of {source.name}"
        except OSError:
            return None  # the experiment itself is reported
    return problem


def _counts(path: Path, wanted: dict[str, int]) -> str | None:
    with h5py.File(path, "r") as file:
        for name, count in wanted.items():
            have = file[name].shape[0] if name in file else 0
            if have != count:
                return f"partial: {have} of {count} in {name}"
    return None


def batch_problem(path: Path, deep: bool, size: int, sha256: str) -> str | None:
    """What is wrong with a record batch."""
    if not path.exists():
        return "missing"
    if path.stat().st_size != size:
        return f"partial: {path.stat().st_size} bytes, records.json says {size}"
    if deep and file_sha256(path) != sha256:
        return "corrupt: its content does not match its checksum in records.json"
    return None


def json_problem(path: Path, *keys: str) -> str | None:
    """What is wrong with a JSON file that must have `keys`."""
    if not path.exists():
        return "missing"
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        return f"corrupt: not JSON ({error})"
    lost = [key for key in keys if key not in content]
    return f"corrupt: it has no {', '.join(lost)}" if lost else None


def zip_problem(path: Path) -> str | None:
    """What is wrong with a model or with scores, which are zip files with a checksum for every part."""
    if not path.exists():
        return "missing"
    try:
        with zipfile.ZipFile(path) as archive:
            part = archive.testzip()
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        return f"corrupt: {error}"
    return f"corrupt: its part {part}" if part else None


def page_problem(path: Path) -> str | None:
    """What is wrong with the report."""
    if not path.exists():
        return "missing"
    with open(path, "rb") as stream:
        stream.seek(max(0, path.stat().st_size - 200))
        return None if b"</html>" in stream.read() else "partial: its end is missing"


def _strangers(study: Study, paths: StudyPaths) -> Iterator[Finding]:
    """Files that the study does not make, and what killed jobs left."""
    longest = 3600 * study.walltime.limit_hours
    for path in sorted(paths.root.rglob("*.part")):
        with suppress(FileNotFoundError):  # a job that runs writes it, and may finish it now
            if time.time() - path.stat().st_mtime > longest:
                yield Finding(path, "partial: a killed job left it")
    for name in (paths.experiment, paths.coefficients):
        folder = name(0).parent
        expected = {name(number).name for number in range(study.simulate.experiments)}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in expected and path.suffix != ".part":
                yield Finding(path, "stranger: this study does not make it; it stays")
    manifest = _batches(paths)
    for path in sorted(paths.batches.glob("batch-*.bin")):
        if manifest and path.name not in manifest:
            yield Finding(path, "foreign: records.json does not name it")
