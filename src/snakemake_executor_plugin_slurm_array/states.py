"""States of jobs by squeue and sacct; `12` names a job, `12_3` a task of an array."""

import re
import shlex
import subprocess
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from snakemake_executor_plugin_slurm.job_status_query import query_job_status

# A job in one of these states has ended. PREEMPTED is among them because jobs are submitted with
# --no-requeue: Snakemake, not Slurm, tries again, so that one shard is never made twice.
ENDED_BADLY = {
    "BOOT_FAIL": "the node did not boot",
    "CANCELLED": "it was cancelled",
    "DEADLINE": "its deadline passed",
    "FAILED": "its command failed",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it ran out of memory",
    "PREEMPTED": "another job took its node",
    "REVOKED": "another cluster took it",
    "TIMEOUT": "it ran into its walltime",
}


@cache
def accounting() -> bool:
    """Return whether this cluster keeps records that sacct can read."""
    try:
        done = subprocess.run(
            ["scontrol", "show", "config"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    kind = re.search(r"AccountingStorageType\s*=\s*(\S+)", done.stdout)
    return bool(kind) and not kind[1].endswith("/none")


def squeue_command(names: set[str], clusters: set[str]) -> str:
    """Return the command that lists a line for each task, also finished ones if still known."""
    where = f" --clusters={shlex.quote(','.join(sorted(clusters)))}" if clusters else ""
    options = "--noheader -r --states=all '--format=%i|%T'"
    return f"squeue {options} --name={','.join(sorted(names))}{where}"


def sacct_command(names: set[str], clusters: set[str], since: datetime) -> str:
    """Return the command that lists records; by JobID, as JobIDRaw does not name array tasks."""
    start = f"{since - timedelta(hours=1):%Y-%m-%dT%H:%M}"
    where = f" --clusters={shlex.quote(','.join(sorted(clusters)))}" if clusters else ""
    options = "-X --parsable2 --noheader --format=JobID,State"
    return f"sacct {options} --starttime={start} --name={','.join(sorted(names))}{where}"


def spread(rows: dict[str, str]) -> dict[str, str]:
    """Return states by identifier, with a row such as `12_[4-6,9%2]` divided into its tasks.

    Of a state such as `CANCELLED by 0`, the first word counts.
    """
    states: dict[str, str] = {}
    for identifier, text in rows.items():
        state = text.split()[0].rstrip("+") if text.split() else ""
        packed = re.fullmatch(r"(\d+)_\[([\d,-]+)(?:%\d+)?\]", identifier)
        if not packed:
            states[identifier] = state
            continue
        for part in packed[2].split(","):
            first, _, last = part.partition("-")
            for task in range(int(first), int(last or first) + 1):
                states.setdefault(f"{packed[1]}_{task}", state)
    return states


async def read(
    wanted: set[str], names: set[str], clusters: set[str], since: datetime, first: str, logger: Any
) -> tuple[dict[str, str], bool]:
    """Return the states of jobs, and whether all tools that were asked answered.

    A job without a state is unknown to Slurm only if all answered.

    Args:
        wanted: the jobs.
        names: names of the jobs of this driver and of those that it took up.
        clusters: clusters that they were submitted to.
        since: when the driver started.
        first: the tool to ask first, "squeue" or "sacct"; the other is asked for what is left.
        logger: takes warnings.
    """
    commands = {
        "squeue": squeue_command(names, clusters),
        "sacct": sacct_command(names, clusters, since),
    }
    order = ["sacct", "squeue"] if first == "sacct" else ["squeue", "sacct"]
    if not accounting():
        order = ["squeue"]
    known: dict[str, str] = {}
    complete = True
    for tool in order:
        if wanted <= known.keys():
            break
        rows, _ = await query_job_status(commands[tool], logger)
        if rows is None:
            complete = False
        else:
            known = spread(rows) | known
    return known, complete
