"""One submission to Slurm: its tasks, the jobs in each task, and their files.

The folder of a submission holds, for job k: `k.sh` its command (or `k.json`, for a
task that forks its jobs), `k.start` the Slurm job and the
node once it began, `k.exit` its exit status once it ended, `k.refused` why its input is wrong if it
said so. `tasks` names the jobs of each task, one task in a line; `jobs.json` says what each job
makes. A folder with a file `withdrawn` runs nothing any more.
"""

import hashlib
import json
import math
import shlex
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cores import UNKNOWN, Cores

# A task's script. Slurm keeps a copy, so that only the files of the jobs are read when it runs.
# Whatever sbatch answered, a job runs once: the Slurm job that makes its folder `claim` runs it,
# and so does the same Slurm job when a site requeues it.
SCRIPT = """#!/bin/sh
here='{folder}'
me=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}
failed=0
for job in $(sed -n "${{SLURM_ARRAY_TASK_ID:-1}}p" "$here/tasks"); do
    [ -e "$here/withdrawn" ] && break
    if ! mkdir "$here/$job.claim" 2> /dev/null; then
        read -r owner node < "$here/$job.start" && [ "$owner" = "$me" ] || continue
    fi
    echo "$me ${{SLURMD_NODENAME:-}}" > "$here/$job.start"
    export XSCATTER_REFUSAL="$here/$job.refused"
    sh "$here/$job.sh"
    status=$?
    echo $status > "$here/$job.part" && mv "$here/$job.part" "$here/$job.exit"
    [ $status -eq 0 ] || failed=1
done
exit $failed
"""

# The script of tasks whose jobs are plain commands of ours: one process forks each of them, by the
# same rules.
FORKING = """#!/bin/sh
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec {python} -m xscatter.forkserver.task '{folder}'
"""

# Tasks are not made shorter than this, in seconds, unless cores would stay idle: it is many times
# what a task costs to start.
_SHORT = 60.0

# Resources that differ from job to job, or mean nothing to Slurm.
_PRIVATE = {"tmpdir", "disk_mb", "disk_mib", "disk", "_cores", "_nodes"}


class Resources(dict):
    """Resources of a task, readable as the official executor reads those of a job."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Task:
    """The request of a task, which the official executor reads as if it were one job."""

    name: str
    rule: Any
    threads: int
    resources: Resources

    def is_group(self) -> bool:
        """Groups are never part of an array."""
        return False


@dataclass(frozen=True)
class Member:
    """Job `number` of the array in `folder`; `siblings` are all jobs of its task."""

    folder: Path
    number: int
    siblings: tuple[int, ...]

    def exit_status(self) -> int | None:
        """Return the exit status of the job, or None while it has not ended."""
        try:
            return int((self.folder / f"{self.number}.exit").read_text())
        except (OSError, ValueError):
            return None

    def started(self) -> bool:
        """Return whether the job began."""
        return (self.folder / f"{self.number}.start").exists()

    def owner(self) -> tuple[str, str]:
        """Return the number of the Slurm job that runs it and the node; empty if not known."""
        try:
            job, _, node = (self.folder / f"{self.number}.start").read_text().partition(" ")
        except OSError:
            return "", ""
        return job.strip(), node.strip()

    def refusal(self) -> str:
        """Return why the job's input is wrong, if its command said so."""
        try:
            return (self.folder / f"{self.number}.refused").read_text().strip()
        except OSError:
            return ""

    def seconds(self) -> float:
        """Return how long the job ran, from its marks; infinite if not known."""
        try:
            start = (self.folder / f"{self.number}.start").stat().st_mtime
            return (self.folder / f"{self.number}.exit").stat().st_mtime - start
        except OSError:
            return math.inf

    def task_started(self) -> bool:
        """Return whether any job of the task began."""
        return any((self.folder / f"{number}.start").exists() for number in self.siblings)


def wants_array(job: Any) -> bool:
    """Return whether `job` is a plain one: no group, no GPU, and not more than one rank."""
    if job.is_group():
        return False
    get = job.resources.get
    several = any(isinstance(get(key), int) and get(key) > 1 for key in ("tasks", "tasks_per_node"))
    return not (several or get("gpu") or get("gres"))


def kind(job: Any) -> Hashable:
    """Return the kind of a job: jobs of equal kind may share an array.

    A job that is tried again gets a task of its own.
    """
    resources = sorted(
        (key, str(value)) for key, value in job.resources.items() if key not in _PRIVATE
    )
    return job.rule.name, job.threads, tuple(resources), job.attempt > 1


def bundle(
    jobs: list[Any],
    minutes: int,
    least: int,
    longest: int | None = None,
    cores: Cores = UNKNOWN,
) -> list[list[Any]]:
    """Divide jobs of equal kind into tasks.

    Every free core gets a task, as if each job were a task of its own. Where jobs are more than
    free cores, tasks are so short that all cores which could become free have work, too, but not
    shorter than a minute.

    Args:
        jobs: the jobs.
        minutes: length that no task exceeds; 0: one job in each task.
        least: number of tasks that there should be at least, if there are as many jobs.
        longest: minutes that no task of several jobs exceeds; neither does it exceed the resource
            `limit_minutes` of its jobs.
        cores: those of the partitions that the jobs may go to.
    """
    size, each = 1, seconds(jobs[0])
    bounds = [minutes, longest, jobs[0].resources.get("limit_minutes")]
    minutes = min(bound for bound in bounds if isinstance(bound, int))
    if minutes > 0 and jobs[0].attempt == 1 and each:
        length = minutes * 60.0
        if cores.all:
            share = len(jobs) * each * jobs[0].threads / cores.all
            length = min(length, max(_SHORT, share / 2))
        size = max(1, int(length // each))
    # As many tasks as needed, all of nearly the same length.
    places = max(least, cores.free // jobs[0].threads)
    count = max(math.ceil(len(jobs) / size), min(len(jobs), places))
    return [jobs[start::count] for start in range(count)]


def seconds(job: Any) -> float:
    """Return how long one job may take, in seconds; 0: not known."""
    own = job.resources.get("job_seconds")
    if isinstance(own, (int, float)) and own > 0:
        return float(own)
    runtime = job.resources.get("runtime")
    return runtime * 60.0 if isinstance(runtime, (int, float)) else 0.0


def task_request(jobs: list[Any]) -> Task:
    """Return the request of a task that runs `jobs` one after another."""
    private = ("mpi", "nodes", "limit_minutes")
    resources = Resources(
        {key: value for key, value in jobs[0].resources.items() if key not in private}
    )
    if resources.get("runtime"):
        resources["runtime"] = max(resources["runtime"], math.ceil(sum(map(seconds, jobs)) / 60))
    return Task(jobs[0].name, jobs[0].rule, jobs[0].threads, resources)


def fingerprint(job: Any) -> str:
    """Return a hash of what decides what `job` makes: rule, parameters, inputs and outputs."""
    parts = [
        job.rule.name,
        [str(item) for item in job.params],
        list(map(str, job.input)),
        list(map(str, job.output)),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def write(
    folder: Path, tasks: list[list[tuple[Any, Any]]], python: str | None = None
) -> list[tuple[Any, int, Member]]:
    """Write the files of a submission.

    Args:
        folder: its folder.
        tasks: for each task, (job, command) of its jobs.
        python: the interpreter whose forks run the commands, which are descriptions then, not
            lines of a shell.

    Returns:
        (job, task, member) of each job.
    """
    folder.mkdir(parents=True)
    written: list[tuple[Any, int, Member]] = []
    lines, number = [], 0
    for index, members in enumerate(tasks, start=1):
        numbers = tuple(range(number + 1, number + 1 + len(members)))
        number += len(members)
        lines.append(" ".join(map(str, numbers)))
        for own, (job, command) in zip(numbers, members, strict=True):
            if python:
                (folder / f"{own}.json").write_text(json.dumps(command))
            else:
                (folder / f"{own}.sh").write_text(f"{command}\n")
            written.append((job, index, Member(folder, own, numbers)))
    (folder / "tasks").write_text("\n".join(lines) + "\n")
    quoted = str(folder).replace("'", "'\\''")
    script = FORKING if python else SCRIPT
    (folder / "script.sh").write_text(
        script.format(folder=quoted, python=shlex.quote(python or ""))
    )
    _write_jobs(folder / "jobs.json", written)
    return written


def _write_jobs(path: Path, jobs: Iterable[tuple[Any, int, Member]]) -> None:
    """Record what each job makes, for a driver that comes after this one."""
    rows = [
        {
            "output": [str(file) for file in job.output],
            "fingerprint": fingerprint(job),
            "task": task,
            "number": member.number,
            "siblings": member.siblings,
        }
        for job, task, member in jobs
        if not job.is_group()  # groups are not taken up by a later driver
    ]
    path.write_text(json.dumps(rows))
