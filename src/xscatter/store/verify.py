"""Check whether every file of a study exists, is complete, undamaged, and of this study."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from xscatter.core import apart
from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.store.bundle import CARD, DESCRIPTION, STUDY, network_file
from xscatter.store.checks import (
    batch_problem,
    checkpoint_problem,
    coefficients_problem,
    experiment_problem,
    features_problem,
    json_problem,
    network_problem,
    page_problem,
    sequence_problem,
    table_problem,
    text_problem,
    zip_problem,
)
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study, load_recorded_study
from xscatter.views import SEQUENCE, VIEWS, answering, evaluated


@dataclass(frozen=True)
class Finding:
    """One file that is not as it should be.

    Attributes:
        path: the file.
        problem: what is wrong with it; starts with the kind of problem.
        log: log of the job that makes it.
    """

    path: Path
    problem: str
    log: Path | None = None

    @property
    def kind(self) -> str:
        """Missing, partial, corrupt, foreign (of another study), or stranger (of no study)."""
        return self.problem.partition(":")[0]


@dataclass(frozen=True)
class _Check:
    path: Path
    log: Path | None
    function: Callable[..., str | None]
    arguments: tuple[Any, ...] = ()

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def run(self) -> Finding | None:
        problem = self.function(self.path, *self.arguments)
        return Finding(self.path, problem, self.log) if problem else None

    def gave_up(self, why: str) -> Finding:
        return Finding(self.path, f"corrupt: the library that reads it {why}", self.log)


def study_of_results(results: Path) -> Study:
    """Return the study that was run in the folder `results`.

    Raises:
        UserError: there is none.
    """
    if not results.is_dir():
        problem = "is a file" if results.exists() else "no such folder"
        raise UserError(f"{results}: {problem}; name a folder such as results/demo")
    path = StudyPaths(results).study
    if not path.exists():
        raise UserError(
            f"{results}: has no study.yaml, which lists what belongs there; name results/<study>"
        )
    # The copy beside the results: the study file may have changed since.
    return load_recorded_study(path)


def verify(results: Path, deep: bool = True, processes: int | None = None) -> list[Finding]:
    """Check every file of a study, in parallel; return the problems in the order of the stages.

    Args:
        results: folder of the study.
        deep: compare checksums; without it, only marks, names and sizes are checked.
        processes: number of processes; default: as many as there are cores, at most 16.

    Raises:
        UserError: the folder holds no study.
    """
    study, paths = study_of_results(results), StudyPaths(results)
    checks = list(_checks(study, paths, deep))
    processes = processes or min(16, len(os.sched_getaffinity(0)))
    done = track(apart.each(checks, processes), "files checked", total=len(checks))
    findings = [finding for _, finding in sorted(done, key=itemgetter(0)) if finding]
    return findings + list(_strangers(study, paths))


def delete_bad(findings: list[Finding]) -> list[Path]:
    """Delete what is partial, corrupt or foreign, so that the next run makes it again.

    Strangers stay. Return the names of the deleted files.
    """
    bad = [finding.path for finding in findings if finding.kind not in ("missing", "stranger")]
    for path in bad:
        if path.is_dir():  # a folder that a killed job left
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return bad


def _checks(study: Study, paths: StudyPaths, deep: bool) -> Iterator[_Check]:
    """Yield the check of every file that the study makes, in the order of the stages."""
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
    hashed = study.fingerprint("sequence")
    for number in range(study.sequence.sequences):
        log = paths.log("simulate_sequence", f"{number:05d}")
        wanted = (deep, study.sequence.frames, number, hashed)
        yield _Check(paths.sequence(number), log, sequence_problem, wanted)
        log = paths.log("embed", f"{number:05d}")
        frames = (deep, study.sequence.frames, paths.sequence(number))
        yield _Check(paths.features(number), log, features_problem, frames)
    yield _Check(paths.assignment, paths.log("assign"), json_problem, (deep,))
    keys = ("batches", "fields", "record_length")
    yield _Check(paths.records, paths.log("index"), json_problem, (deep, *keys))
    stated = _batches(paths)
    for name in stated or [path.name for path in sorted(paths.batches.glob("batch-*.bin"))]:
        log = paths.log("pack", name.removeprefix("batch-").removesuffix(".bin"))
        entry = stated.get(name, (None, None))
        yield _Check(paths.batches / name, log, batch_problem, (deep, *entry))
    sequence = [SEQUENCE.name] if study.sequence.sequences else []
    yield from _training_checks(paths, [*VIEWS, *sequence], deep)
    for view in [*evaluated(), *sequence]:
        yield _Check(paths.evaluation(view), paths.log("test", view), json_problem, (deep,))
        yield _Check(paths.scores(view), paths.log("test", view), zip_problem, (deep,))
    yield _Check(paths.report, paths.log("report"), page_problem, (deep,))
    log = paths.log("bundle")
    folders = {paths.tagger: [*answering(VIEWS), *sequence]}
    if sequence:
        folders[paths.embedder] = [*answering(VIEWS)]
    for name in (CARD, STUDY):
        yield _Check(paths.tagger / name, log, text_problem, (deep,))
    for folder, views in folders.items():
        yield _Check(folder / DESCRIPTION, log, json_problem, (deep, "format", "networks"))
        checksums = _networks(folder)
        for view in views:
            name = network_file(view)
            yield _Check(folder / name, log, network_problem, (deep, checksums.get(name)))


def _training_checks(paths: StudyPaths, views: Iterable[str], deep: bool) -> Iterator[_Check]:
    """Yield the check of every file that the trainings make.

    Args:
        paths: of the study.
        views: that are trained.
        deep: compare checksums.
    """
    for view in views:
        model, log = ModelFolder(paths.model(view)), paths.log("train", view)
        for path in sorted(paths.training(view).glob("*/*.h5")):
            yield _Check(path, log, checkpoint_problem, (deep,))
        for leg in model.legs():
            own = paths.log("train_leg", f"{view}-{leg}")
            yield _Check(paths.leg(view, leg), own, json_problem, (deep, "view", "converged"))
        yield _Check(model.network, log, zip_problem, (deep,))
        yield _Check(model.training, log, json_problem, (deep,))
        yield _Check(model.calibration, log, json_problem, (deep,))
        for path in (model.history, model.timings):
            yield _Check(path, log, table_problem, (deep,))


def _batches(paths: StudyPaths) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of every batch that records.json names."""
    try:
        manifest = json.loads(paths.records.read_text())
        return {
            entry["file"]: (entry["records"] * manifest["record_length"], entry["sha256"])
            for entry in manifest["batches"]
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _networks(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every network that the description of a tagger names."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text())
        networks = [*content["networks"].values(), *filter(None, [content.get("sequence")])]
        return {network["file"]: network["sha256"] for network in networks}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _strangers(study: Study, paths: StudyPaths) -> Iterator[Finding]:
    """Yield files that the study does not make, and what killed jobs left."""
    # A job cannot write for longer than its walltime: older parts belong to no running job.
    longest = 3600 * study.walltime.limit_hours
    for path in sorted(paths.root.rglob("*.part")):
        with suppress(FileNotFoundError):  # the job that writes it may finish it now
            if time.time() - path.stat().st_mtime > longest:
                yield Finding(path, "partial: a killed job left it")
    for name, count in (
        (paths.experiment, study.simulate.experiments),
        (paths.coefficients, study.simulate.experiments),
        (paths.sequence, study.sequence.sequences),
    ):
        folder = name(0).parent
        expected = {name(number).name for number in range(count)}
        if name == paths.sequence:
            expected |= {paths.features(number).name for number in range(count)}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in expected and path.suffix != ".part":
                yield Finding(path, "stranger: this study does not make it; it is kept")
    manifest = _batches(paths)
    for path in sorted(paths.batches.glob("batch-*.bin")):
        # Without records.json nothing is known about the batches.
        if manifest and path.name not in manifest:
            yield Finding(path, "foreign: records.json does not name it")
