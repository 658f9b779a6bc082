"""One running driver for each study: after a killed `snakemake`, no `--unlock` is needed.

Snakemake's own locks stay when their process dies. Beside them, the driver of a study holds a lease
that lies with the results (:mod:`xscatter.core.lease`), so that a driver on another host, or in
another working copy with the same results, respects it. A process that gets it knows that
Snakemake's locks of this study, and its marks of unfinished files, were left by dead processes. The
marks mean nothing here, because every file of a study is complete or absent. A process that does
not get the lease leaves them alone, and reports which process works on the study.
"""

import hashlib
import json
import os
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import yaml

from xscatter.core import lease
from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.jobs import times
from xscatter.store import bundle
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.views import SEQUENCE, VIEWS, answering, evaluated

_NAME = ".driver.json"
_held: dict[Path, lease.Lease] = {}


def start(results: Path, looks_only: bool) -> None:
    """Begin a `snakemake` on the study in `results`: as its driver, unless it only looks.

    Raises:
        UserError: another driver of this study runs, and this one would make files.
    """
    if looks_only:
        clear(results)
    else:
        insist(results)


def take_over(results: Path, state: Path = Path(".snakemake")) -> bool:
    """Become the driver of a study, and clear what dead drivers left.

    The lease is held until this process ends. Return False if another driver runs.

    Args:
        results: folder of the study, spelled as in the rules.
        state: Snakemake's folder.

    Raises:
        UserError: the folder cannot be written.
    """
    place = results / _NAME
    if place in _held:
        return True
    try:
        taken = lease.take(place, _end)
    except OSError as error:
        raise UserError(f"{results}: cannot be written ({error.strerror or error})") from error
    if isinstance(taken, lease.Holder):
        return False
    _held[place] = taken
    _clear(results, state)
    return True


def _clear(results: Path, state: Path) -> None:
    """Remove Snakemake's locks and marks of files below `results`."""
    below = f"{results}/"
    for lock in (state / "locks").glob("*.lock"):
        with suppress(OSError):
            if any(line.startswith(below) for line in lock.read_text().splitlines()):
                lock.unlink()
    unfinished = state / "incomplete"
    for path in unfinished.rglob("*"):
        if path.is_file() and _decode(path.relative_to(unfinished)).startswith(below):
            path.unlink(missing_ok=True)


def _end() -> None:
    """End like a killed process, when another driver has succeeded this one."""
    message = "another driver took this study over while this one was stopped; it ends"
    print(f"xscatter: {message}", file=sys.stderr, flush=True)
    os._exit(1)  # cancelling jobs would stop those that the other driver took up


def clear(results: Path, state: Path = Path(".snakemake")) -> None:
    """Clear what dead drivers left, without holding the lease, so that a driver may start."""
    if not results.is_dir():
        _clear(results, state)  # without results there is no driver
        return
    with suppress(UserError):  # who only looks may not be allowed to write
        if take_over(results, state):
            _held.pop(results / _NAME).release()


def living(results: Path) -> str:
    """Return which process drives the study in `results`; empty: none."""
    holder = lease.living(results / _NAME)
    return str(holder) if holder else ""


def lost(study: Study, paths: StudyPaths, batches: int) -> list[Path]:
    """Return files that are not there, although files made from them may exist.

    No rule would ask for those. As long as no record was assigned, only experiments among the
    shards can be lost, because rules ask for everything else.

    Args:
        study: the study.
        paths: where its files are.
        batches: number of batches.
    """
    numbers = range(study.simulate.experiments)
    experiments = _gone([paths.experiment(number) for number in numbers])
    coefficients = _gone([paths.coefficients(number) for number in numbers])
    results = [path for path in _results(study, paths) if not path.exists()]
    if not (paths.records.exists() or paths.assignment.exists()):
        unmade = {path.name for path in coefficients}
        return results + [path for path in experiments if path.name not in unmade]
    packed = _gone([paths.batch(number) for number in range(batches)])
    return results + experiments + coefficients + packed


def _results(study: Study, paths: StudyPaths) -> Iterator[Path]:
    """Yield the files of a study that are not shards or batches."""
    yield from (paths.assignment, paths.records)
    sequence = [SEQUENCE.name] if study.sequence.sequences else []
    for view in [*VIEWS, *sequence]:
        model = ModelFolder(paths.model(view))
        yield from model.files()
        yield from (paths.leg(view, leg) for leg in model.legs())
    for view in [*evaluated(), *sequence]:
        yield from (paths.evaluation(view), paths.scores(view))
    yield from (paths.tagger / name for name in (bundle.DESCRIPTION, bundle.CARD, bundle.STUDY))
    yield from (paths.tagger / bundle.network_file(view) for view in [*answering(VIEWS), *sequence])
    if sequence:
        yield paths.embedder / bundle.DESCRIPTION
        yield from (paths.embedder / bundle.network_file(view) for view in answering(VIEWS))
        yield from (paths.features(number) for number in range(study.sequence.sequences))


def _gone(wanted: list[Path]) -> list[Path]:
    """Return which of the files of one folder do not exist; one listing is quick for thousands."""
    folder = wanted[0].parent
    existing = set(os.listdir(folder)) if folder.is_dir() else set()
    return [path for path in wanted if path.name not in existing]


def _decode(record: Path) -> str:
    """Return the file that a mark of Snakemake is about: base64, in pieces that begin with @."""
    try:
        return urlsafe_b64decode("".join(part.removeprefix("@") for part in record.parts)).decode()
    except ValueError:
        return ""


def insist(results: Path, state: Path = Path(".snakemake"), patience: float = 5.0) -> None:
    """Become the driver of a study, for a command that makes files.

    Args:
        results: folder of the study, spelled as in the rules.
        state: Snakemake's folder.
        patience: seconds to wait for a command that holds the lease only for a moment.

    Raises:
        UserError: another driver of this study runs.
    """
    end = time.monotonic() + patience
    while not take_over(results, state):
        if time.monotonic() > end:
            worker = living(results) or "another snakemake"
            raise UserError(
                f"{results}: {worker} is running on this study; wait until it has finished, or, if "
                f"that host is gone, delete {results / _NAME}"
            )
        time.sleep(1)


def settle_times(paths: StudyPaths) -> None:
    """Set times that are in the future, see :mod:`xscatter.jobs.times`, and say so.

    The driver of the study has just written its lease, which tells the clock of the file system.

    Args:
        paths: of the study.
    """
    settled = times.settle(paths, (paths.root / _NAME).stat().st_mtime_ns)
    if settled:
        others = f" and {len(settled) - 1} other files" if len(settled) > 1 else ""
        print(
            f"xscatter: the times of {settled[0]}{others} were in the future, and were set; is the "
            "clock of a node or of the file server ahead?",
            file=sys.stderr,
        )


def submitted(config: Mapping[str, object], results: Path) -> Path:
    """Write the study as it is now, and return the file that jobs submitted now shall read.

    The user may change the study file while they wait: a job does what it was submitted for.

    Args:
        config: all keys, with those of the command line.
        results: folder of the study.
    """
    text = yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = results.absolute() / ".studies" / f"{name}.yaml"
    if not path.exists() or path.read_bytes() != text.encode():
        write_text(path, text)
    return path
