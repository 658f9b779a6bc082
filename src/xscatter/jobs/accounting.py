"""Slurm's accounting: memory and end of the jobs of a study, by sacct."""

import math
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("JobID", "State", "ElapsedRaw", "MaxRSS", "ReqMem", "NTasks", "NNodes")  # of sacct


@dataclass(frozen=True)
class SlurmJob:
    """A job or array task in Slurm's accounting.

    Attributes:
        rule: its rule.
        identifier: Slurm's number of it.
        state: how it ended, or that it runs.
        seconds: how long the steps ran whose memory is counted.
        memory: MB used on one node; NaN: not known.
        mem_mb: MB asked for on one node.
    """

    rule: str
    identifier: str
    state: str
    seconds: float
    memory: float
    mem_mb: float


def read_accounting(results: Path) -> list[SlurmJob]:
    """Return the Slurm jobs of the study in the folder `results`; empty without accounting.

    The logs of Snakemake say which study it worked on, and which jobs it submitted.
    """
    if not shutil.which("sacct"):
        return []
    rules: dict[str, str] = {}
    runs = []
    # This is how the rules spell the folder, seen from where Snakemake ran.
    ours = re.compile(rf"(?<![\w./-])results/{re.escape(results.absolute().name)}/")
    for path in (results.absolute().parent.parent / ".snakemake" / "log").glob("*.log"):
        text = path.read_text(errors="replace")
        if not ours.search(text):
            continue
        runs += re.findall(r"SLURM run ID: (\S+)", text)
        for rule, job in re.findall(r"jobs? of rule (\S+): Slurm array (\d+)", text):
            rules[job] = rule
        for job, rule in re.findall(r"SLURM jobid (\d+) \(log: \S*?rule_([^/]+)/", text):
            rules[job] = rule
    if not runs:
        return []
    command = ["sacct", "--parsable2", "--noheader", "--noconvert", "--starttime=now-30days"]
    command += [f"--format={','.join(COLUMNS)}", f"--name={','.join(runs)}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return slurm_jobs(done.stdout, rules) if done.returncode == 0 else []


def slurm_jobs(text: str, rules: dict[str, str]) -> list[SlurmJob]:
    """Return the jobs that the output of sacct describes.

    The batch step runs as long as the job. Of the steps inside, one runs at a time: the largest
    counts.

    Args:
        text: a line for each job and for each step.
        rules: rule of each job, by its number.
    """
    jobs = []
    steps: dict[str, list[dict[str, str]]] = defaultdict(list)
    rows = [dict(zip(COLUMNS, line.split("|"), strict=True)) for line in text.splitlines() if line]
    for row in rows:
        job, _, step = row["JobID"].partition(".")
        # The step extern holds no work of ours.
        if step and step != "extern":
            steps[job].append(row)
    for row in rows:
        job = row["JobID"]
        rule = rules.get(job.partition("_")[0])
        # Steps, and jobs of other studies.
        if "." in job or not rule or not row["State"]:
            continue
        batch = [step for step in steps[job] if step["JobID"].endswith(".batch")]
        others = [step for step in steps[job] if step not in batch]
        parts = [_largest(batch)] + ([_largest(others)] if others else [])
        jobs.append(
            SlurmJob(
                rule,
                job,
                row["State"].split()[0],
                min(seconds for _, seconds in parts),
                sum(memory for memory, _ in parts),
                _megabytes(row["ReqMem"]) / int(row["NNodes"] or 1),
            )
        )
    return jobs


def _largest(steps: list[dict[str, str]]) -> tuple[float, float]:
    """Return MB on one node, and seconds, of the largest step; NaN if none was measured."""
    known = []
    for step in steps:
        # MaxRSS is that of the largest rank.
        ranks = math.ceil(int(step["NTasks"] or 1) / int(step["NNodes"] or 1))
        known.append((ranks * _megabytes(step["MaxRSS"]), float(step["ElapsedRaw"] or "nan")))
    return max((step for step in known if step[0] > 0), default=(float("nan"), float("nan")))


def _megabytes(text: str) -> float:
    """Return MB of Slurm's `165432K` or `300M`; NaN if not measured, or for memory by core."""
    match = re.fullmatch(r"([\d.]+)([KMGT]?)n?", text)
    units = {"": 2**-20, "K": 2**-10, "M": 1, "G": 2**10, "T": 2**20}
    return float(match[1]) * units[match[2]] if match else float("nan")
