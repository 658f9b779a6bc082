"""Jobs that a driver left running when it died: found again, so that nothing is computed twice.

Each driver has a folder named by its run, which is also the name of its jobs in Slurm, and holds a
lock on it as long as it runs. Before a job is submitted, what it makes is recorded there under a
key that is the job's comment in Slurm: whenever the driver dies, all of its jobs can be identified.
"""

import fcntl
import json
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from .arrays import Member, fingerprint


@dataclass(frozen=True)
class Orphan:
    """A job of a dead driver that runs, or ended well while the next driver looked at files."""

    identifier: str
    run: str
    fingerprint: str
    member: Member | None


def hold(folder: Path) -> TextIO:
    """Make the folder of a run and lock it until this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / "alive", "w")  # noqa: SIM115 - held on purpose
    with suppress(OSError):  # a file system without locks: its folder is left to the next clean-up
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def _dead(folder: Path) -> bool:
    try:
        with open(folder / "alive") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def find(home: Path, since: float) -> dict[str, Orphan]:
    """Return jobs of dead drivers that run or ended well after `since`, by the first file of each.

    `since` (seconds of the epoch) is when this driver began to look which files exist. The folders
    of runs that left no such job are deleted.
    """
    runs = (
        [path for path in home.iterdir() if path.is_dir() and _dead(path)] if home.is_dir() else []
    )
    if not runs:
        return {}
    command = [
        "squeue",
        "--noheader",
        "-r",
        "--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,COMPLETING",
    ]
    command += ["--format=%i|%j|%k", f"--name={','.join(path.name for path in runs)}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise OSError(f"squeue: {done.stderr.strip()}")
    rows = [line.split("|", 2) for line in done.stdout.splitlines() if line.count("|") >= 2]
    living = {run for _, run, _ in rows}
    left: dict[str, Orphan] = {}
    for path in runs:
        ended = _ended(path, since)
        left |= ended
        if path.name not in living and not ended:
            shutil.rmtree(path, ignore_errors=True)
    for identifier, run, comment in rows:
        for row in _noted(home / run, comment):
            if "_" in identifier and row["task"] != int(identifier.partition("_")[2]):
                continue
            folder = home / run / comment.removeprefix("array ")
            member = (
                Member(folder, row["number"], tuple(row["siblings"])) if row["number"] else None
            )
            if member is None or member.exit_status() is None:
                left[row["output"][0]] = Orphan(identifier, run, row["fingerprint"], member)
    return left


def _ended(run: Path, since: float) -> dict[str, Orphan]:
    """Return jobs of arrays of a run that ended well after `since`, by the first file of each."""
    ended: dict[str, Orphan] = {}
    for path in run.glob("*/jobs.json"):
        recent = {mark.stem for mark in path.parent.glob("*.exit") if mark.stat().st_mtime >= since}
        for row in _noted(run, f"array {path.parent.name}") if recent else ():
            member = Member(path.parent, row["number"], tuple(row["siblings"]))
            if str(row["number"]) in recent and member.exit_status() == 0:
                ended[row["output"][0]] = Orphan(
                    f"{run.name}/{path.parent.name}", run.name, row["fingerprint"], member
                )
    return ended


def _noted(folder: Path, comment: str) -> list[dict[str, Any]]:
    """Return what a driver recorded about the job or array with this comment."""
    name = (
        f"{comment.removeprefix('array ')}/jobs.json"
        if comment.startswith("array ")
        else f"{comment}.json"
    )
    try:
        return json.loads((folder / name).read_text())
    except (OSError, ValueError):
        return []


def takes_up(orphan: Orphan, job: Any) -> bool:
    """Return whether the orphan makes what `job` asks for."""
    return orphan.fingerprint == fingerprint(job)


def cancel(identifiers: list[str]) -> None:
    """Cancel jobs and wait until they are gone: they must not write when others replace them."""
    subprocess.run(["scancel", *identifiers], capture_output=True, timeout=120)
    for _ in range(60):
        left = subprocess.run(
            ["squeue", "--noheader", f"--jobs={','.join(identifiers)}"],
            capture_output=True,
            text=True,
        )
        if left.returncode or not left.stdout.strip():
            return
        time.sleep(1)
