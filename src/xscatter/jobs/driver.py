"""One running driver for each study: after a killed `snakemake`, no `--unlock` is needed.

Snakemake's own locks stay when their process dies. Beside them, the driver of a study holds a lock
of the operating system, which ends with the process. A process that gets it knows that Snakemake's
locks of this study, and its marks of unfinished files, were left by dead processes. The marks mean
nothing here, because every file of a study is complete or absent. A process that does not get the
lock leaves them alone, and reports which process works on the study.
"""

import fcntl
import os
import platform
import time
from base64 import urlsafe_b64decode
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from xscatter.core.errors import UserError
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

_held: dict[Path, TextIO] = {}


def start(results: Path, looks_only: bool) -> None:
    """Begin a `snakemake` on the study in `results`: as its driver, unless it only looks.

    Raises:
        UserError: another driver of this study runs, and this one would make files.
    """
    if looks_only:
        clear(results)
    else:
        insist(results)


def _lock_of(results: Path, state: Path) -> Path:
    return state / "drivers" / f"{results.name}.lock"


def take_over(results: Path, state: Path = Path(".snakemake")) -> bool:
    """Become the driver of a study, and clear what dead drivers left.

    The lock is held until this process ends. Return False if another driver runs, or if the file
    system has no locks.

    Args:
        results: folder of the study, spelled as in the rules.
        state: Snakemake's folder.
    """
    place = _lock_of(results, state)
    if place in _held:
        return True
    place.parent.mkdir(parents=True, exist_ok=True)
    handle = open(place, "a+")  # noqa: SIM115 - held on purpose
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return False
    _held[place] = handle
    handle.truncate(0)
    handle.write(f"process {os.getpid()} on {platform.node()}")
    handle.flush()
    below = f"{results}/"
    for lock in (state / "locks").glob("*.lock"):
        with suppress(OSError):
            if any(line.startswith(below) for line in lock.read_text().splitlines()):
                lock.unlink()
    unfinished = state / "incomplete"
    for path in unfinished.rglob("*"):
        if path.is_file() and _decode(path.relative_to(unfinished)).startswith(below):
            path.unlink(missing_ok=True)
    return True


def clear(results: Path, state: Path = Path(".snakemake")) -> None:
    """Clear what dead drivers left, without holding the lock, so that a driver may start."""
    if take_over(results, state):
        _held.pop(_lock_of(results, state)).close()


def living(results: Path, state: Path = Path(".snakemake")) -> str:
    """Return which process drives the study in `results` from this folder; empty: none."""
    place = _lock_of(results, state)
    try:
        with open(place) as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return place.read_text() or "another snakemake"
    except OSError:
        pass
    return ""


def lost(study: Study, paths: StudyPaths, batches: int) -> list[Path]:
    """Return files that were deleted although files made from them exist.

    No rule would ask for them. As long as the batches are not indexed these can only be
    experiments, because rules ask for everything else.

    Args:
        study: the study.
        paths: where its files are.
        batches: number of batches.
    """
    numbers = range(study.simulate.experiments)
    experiments = _gone([paths.experiment(number) for number in numbers])
    coefficients = _gone([paths.coefficients(number) for number in numbers])
    if not paths.records.exists():
        unmade = {path.name for path in coefficients}
        return [path for path in experiments if path.name not in unmade]
    return experiments + coefficients + _gone([paths.batch(number) for number in range(batches)])


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
        patience: seconds to wait for a command that holds the lock only for a moment.

    Raises:
        UserError: another driver of this study runs.
    """
    place = _lock_of(results, state)
    end = time.monotonic() + patience
    while not take_over(results, state):
        if not _lockable(place):
            return  # Snakemake's own locks have to be enough
        if time.monotonic() > end:
            worker = place.read_text() or "another snakemake"
            raise UserError(
                f"{results}: {worker} is running on this study; wait until it has finished"
            )
        time.sleep(1)


def _lockable(place: Path) -> bool:
    """Return whether the file system has locks."""
    with open(place, "a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True
