"""Jobs that a driver left running when it died: found again, so that nothing is computed twice.

Each driver has a folder named by its run, which is also the name of its jobs in Slurm, and holds a
lease on it as long as it runs. Before jobs are submitted, what they make is recorded beside their
script. Slurm tells which script a job runs, and a job that began left its number there: sites that
rewrite comments change neither.
"""

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xscatter.core import lease

from .arrays import Member, fingerprint


@dataclass(frozen=True)
class Orphan:
    """A job of a dead driver that runs, or ended well while the next driver looked at files."""

    identifier: str
    run: str
    fingerprint: str
    member: Member


def hold(folder: Path) -> lease.Lease | lease.Holder:
    """Make the folder of a run and hold a lease on it until this process ends."""
    return lease.take(folder / "alive")


def find(home: Path, since: float) -> dict[str, Orphan]:
    """Return jobs of dead drivers that run or ended well after `since`, by the first file of each.

    `since` (seconds of the epoch) is when this driver began to look which files exist. The folders
    of runs that left no such job are deleted. Jobs of dead drivers of which nothing is recorded are
    cancelled.
    """
    folders = [path for path in home.iterdir() if path.is_dir()] if home.is_dir() else []
    runs = [path for path in folders if lease.living(path / "alive") is None]
    if not runs:
        return {}
    command = [
        "squeue",
        "--noheader",
        "-r",
        "--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,COMPLETING",
    ]
    command += ["--format=%i|%A|%F|%j|%o", f"--name={','.join(path.name for path in runs)}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise OSError(f"squeue: {done.stderr.strip()}")
    rows = [line.split("|", 4) for line in done.stdout.splitlines() if line.count("|") >= 4]
    living = {run for _, _, _, run, _ in rows}
    left: dict[str, Orphan] = {}
    for path in runs:
        ended = _ended(path, since)
        left |= ended
        if path.name not in living and not ended:
            shutil.rmtree(path, ignore_errors=True)
    unknown = []
    for identifier, own, array, run, script in rows:
        folder = _folder(home / run, script.strip(), {own.strip(), array.strip()})
        noted = _noted(folder) if folder else []
        if not noted:
            unknown.append(identifier)
        for row in noted:
            if "_" in identifier and row["task"] != int(identifier.partition("_")[2]):
                continue
            assert folder is not None
            member = Member(folder, row["number"], tuple(row["siblings"]))
            if member.exit_status() is None:
                left[row["output"][0]] = Orphan(identifier, run, row["fingerprint"], member)
    if unknown:
        cancel(unknown)
    return left


def _folder(run: Path, script: str, numbers: set[str]) -> Path | None:
    """Return the folder of the submission that is a Slurm job; None: it is not known.

    Args:
        run: folder of the run.
        script: the job's script, as Slurm tells it.
        numbers: of the job in Slurm, by which it is recognised if a site replaces scripts.
    """
    place = Path(script).parent
    if place.parent == run and place.is_dir():
        return place
    for mark in run.glob("*/*.start"):
        if mark.read_text().partition(" ")[0].strip() in numbers:
            return mark.parent
    return None


def _ended(run: Path, since: float) -> dict[str, Orphan]:
    """Return jobs of arrays of a run that ended well after `since`, by the first file of each."""
    ended: dict[str, Orphan] = {}
    for path in run.glob("*/jobs.json"):
        recent = {mark.stem for mark in path.parent.glob("*.exit") if mark.stat().st_mtime >= since}
        for row in _noted(path.parent) if recent else ():
            member = Member(path.parent, row["number"], tuple(row["siblings"]))
            if str(row["number"]) in recent and member.exit_status() == 0:
                ended[row["output"][0]] = Orphan(
                    f"{run.name}/{path.parent.name}", run.name, row["fingerprint"], member
                )
    return ended


def _noted(folder: Path) -> list[dict[str, Any]]:
    """Return what a driver recorded about the jobs of a submission."""
    try:
        return json.loads((folder / "jobs.json").read_text())
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
