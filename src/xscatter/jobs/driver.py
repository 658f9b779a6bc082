"""One living driver a study: what a killed `snakemake` left behind never asks for `--unlock`.

Snakemake's own locks stay when their process dies. Beside them, the driver of a study holds a lock
of the operating system, which ends with the process, however it ends. Whoever gets it knows that
Snakemake's locks and marks of unfinished files for this study are of the dead: every file of a
study is whole or not there, so that the marks say nothing. Whoever does not get it leaves them
alone, and is told who works on the study.
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


def _lock_of(results: Path, state: Path) -> Path:
    return state / "drivers" / f"{results.name}.lock"


def take_over(results: Path, state: Path = Path(".snakemake")) -> bool:
    """Become the driver of the study in `results`, unless another one lives; clear what the dead left.

    `results` is spelled as in the rules, `state` is Snakemake's folder. The lock is held until this
    process ends. False: another driver lives, or the file system knows no locks.
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
    """Clear what the dead left, for a command that only looks: it holds nothing, so that a driver may start."""
    if take_over(results, state):
        _held.pop(_lock_of(results, state)).close()


def living(results: Path, state: Path = Path(".snakemake")) -> str:
    """Which process drives the study in `results` from this folder; empty: none."""
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
    """Files that are gone although what was made of them is there, so that no rule would ask for them.

    As long as the batches are not indexed that can only be experiments: all else is asked for anyway.
    """
    numbers = range(study.simulate.experiments)
    experiments = _gone([paths.experiment(number) for number in numbers])
    coefficients = _gone([paths.coefficients(number) for number in numbers])
    if not paths.records.exists():
        unmade = {path.name for path in coefficients}
        return [path for path in experiments if path.name not in unmade]
    return experiments + coefficients + _gone([paths.batch(number) for number in range(batches)])


def _gone(wanted: list[Path]) -> list[Path]:
    """Which of the files of one folder are not there: one listing is quicker than a look at every file."""
    folder = wanted[0].parent
    there = set(os.listdir(folder)) if folder.is_dir() else set()
    return [path for path in wanted if path.name not in there]


def _decode(record: Path) -> str:
    """The file that one of Snakemake's marks is about: base64, in pieces marked by ``@`` when long."""
    try:
        return urlsafe_b64decode("".join(part.removeprefix("@") for part in record.parts)).decode()
    except ValueError:
        return ""


def insist(results: Path, state: Path = Path(".snakemake"), patience: float = 5.0) -> None:
    """As :func:`take_over`, for a command that makes files; waits `patience` seconds for one that only looks.

    Raises:
        UserError: another driver of this study lives.
    """
    place = _lock_of(results, state)
    end = time.monotonic() + patience
    while not take_over(results, state):
        if not _lockable(place):
            return  # Snakemake's own locks must do
        if time.monotonic() > end:
            worker = place.read_text() or "another snakemake"
            raise UserError(f"{results}: {worker} works on this study; wait for it")
        time.sleep(1)


def _lockable(place: Path) -> bool:
    """Whether the file system knows locks at all."""
    with open(place, "a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True
