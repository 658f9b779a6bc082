"""Time and memory of jobs, used and asked for, by benchmarks and by Slurm's accounting."""

import ast
import csv
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.jobs.accounting import SlurmJob, read_accounting
from xscatter.store.paths import StudyPaths

# MB of the Snakemake that runs a rule inside a Slurm job, measured; 97 MB of it are its own.
SNAKEMAKE = 150.0
_SAMPLED = 10.0  # seconds that a job must last for its benchmark to know its memory
_POLLED = 30.0  # likewise for a step and sacct: Slurm looks every 30 s by default
# States of jobs that may still end well, or did.
_WELL = {"PENDING", "RUNNING", "COMPLETING", "COMPLETED"}


@dataclass(frozen=True)
class Job:
    """One job that ended well. NaN: not known.

    Attributes:
        rule: its rule.
        unit: name of its benchmark file: number of the experiment or batch, or view.
        seconds: time used.
        memory: MB used.
        runtime: minutes asked for.
        mem_mb: MB asked for.
    """

    rule: str
    unit: str
    seconds: float
    memory: float
    runtime: float
    mem_mb: float


@dataclass(frozen=True)
class Use:
    """The jobs of one rule, by their benchmarks and by Slurm's accounting."""

    rule: str
    jobs: tuple[Job, ...]
    slurm: tuple[SlurmJob, ...] = ()

    def percentile(self, name: str, q: float) -> float:
        """Return percentile `q` of the attribute `name` of the jobs; NaN if nothing is known."""
        values = [getattr(job, name) for job in self.jobs if not np.isnan(getattr(job, name))]
        return float(np.percentile(values, q)) if values else float("nan")

    @property
    def asked_minutes(self) -> float:
        """Minutes of walltime that were asked for at the first attempt."""
        # Later attempts ask for more, so the smallest is the first.
        return self.percentile("runtime", 0)

    @property
    def asked_memory(self) -> float:
        """MB of memory that were asked for at the first attempt."""
        return self.percentile("mem_mb", 0)

    @property
    def most_memory(self) -> float:
        """Largest number of MB that a job used, by the source that reports more."""
        figures = [job.memory for job in self.jobs] + [job.memory for job in self.slurm]
        return max((memory for memory in figures if not np.isnan(memory)), default=float("nan"))

    @property
    def lost(self) -> dict[str, int]:
        """Number of Slurm jobs that did not end well, by their state."""
        return Counter(job.state for job in self.slurm if job.state not in _WELL)

    @property
    def waste(self) -> float:
        """Fraction of the requested core-time that was not used."""
        asked = sum(60 * job.runtime for job in self.jobs if not np.isnan(job.runtime))
        used = sum(job.seconds for job in self.jobs if not np.isnan(job.runtime))
        return 1 - used / asked if asked else float("nan")

    def near_limit(self, fraction: float = 0.8) -> list[str]:
        """Return the jobs that used more than `fraction` of the memory or time they asked for.

        The time of a leg of a training does not count: it fills its walltime on purpose.
        """
        most = math.inf if self.rule == "train_leg" else fraction
        near = [
            job.unit
            for job in self.jobs
            if job.seconds > most * 60 * job.runtime or job.memory > fraction * job.mem_mb
        ]
        return near + [
            f"Slurm job {job.identifier}"
            for job in self.slurm
            if job.memory > fraction * job.mem_mb
        ]

    def proposal(self, safety: float, limit: int, least: int = 5) -> dict[str, int]:
        """Return a better `runtime` (minutes) and, if it is known, `mem_mb`.

        A value that was asked for already is left out; jobs that asked for nothing get nothing.
        Memory is sampled while a job runs: the figure of a job of a few seconds means nothing.

        Args:
            safety: factor on the 95th percentile of the time.
            limit: longest walltime in minutes.
            least: shortest walltime in minutes.
        """
        if np.isnan(self.asked_minutes):
            return {}
        minutes = int(np.ceil(safety * self.percentile("seconds", 95) / 60))
        better = {"runtime": min(limit, max(least, minutes))}
        sampled = [job.memory for job in self.jobs if job.seconds >= _SAMPLED]
        sampled += [job.memory for job in self.slurm if job.seconds >= _POLLED]
        known = [memory for memory in sampled if not np.isnan(memory)]
        if known:
            # Memory is asked for by the largest, with a margin: what exceeds it is killed.
            better["mem_mb"] = max(200, int(np.ceil(1.3 * max(known) / 100) * 100))
        asked = {"runtime": self.asked_minutes, "mem_mb": self.asked_memory}
        return {key: value for key, value in better.items() if value != asked[key]}


def read(paths: StudyPaths) -> list[Use]:
    """Return what the jobs of a study used, by rule: from benchmarks and Slurm's accounting.

    Raises:
        UserError: there are no benchmark files.
    """
    slurm = defaultdict(list)
    for job in read_accounting(paths.root):
        slurm[job.rule].append(job)
    return [replace(use, slurm=tuple(slurm[use.rule])) for use in read_benchmarks(paths)]


def read_benchmarks(paths: StudyPaths) -> list[Use]:
    """Return what the benchmark files of a run say, by rule.

    The memory of the Snakemake in each Slurm job, which they leave out, is added.

    Raises:
        UserError: there are none.
    """
    folder = paths.benchmark("simulate").parent.parent
    jobs: dict[str, list[Job]] = defaultdict(list)
    for path in sorted(folder.glob("*/*.tsv")):
        with open(path, newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                asked, launcher = _asked(row.get("resources", ""))
                # srun starts processes outside of the job: the benchmark measured srun alone.
                seen = asked.get("tasks", 1) <= 1 and "srun" not in launcher
                job = Job(
                    row.get("rule_name") or _rule(path),
                    path.stem,
                    _number(row.get("s")),
                    _number(row.get("max_rss")) if seen else float("nan"),
                    asked.get("runtime", float("nan")),
                    asked.get("mem_mb", float("nan")),
                )
                if not np.isnan(job.seconds):
                    jobs[job.rule].append(job)
    if not jobs:
        raise UserError(f"{folder}: no benchmark files; run the study first")
    return [Use(rule, tuple(_with_snakemake(measured))) for rule, measured in jobs.items()]


def _with_snakemake(jobs: list[Job]) -> list[Job]:
    """Return `jobs` with the memory of their Snakemake.

    A job that is submitted alone holds a second one, which starts the first. A job that asked for
    no memory did not run on Slurm.
    """
    own = SNAKEMAKE * (2 if len(jobs) == 1 else 1)
    return [job if np.isnan(job.mem_mb) else replace(job, memory=job.memory + own) for job in jobs]


def _rule(path: Path) -> str:
    """Return the rule that wrote a benchmark file: its folder; all trainings share `train`."""
    return f"train_{path.stem}" if path.parent.name == "train" else path.parent.name


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _asked(text: str) -> tuple[dict[str, float], str]:
    """Return the numbers of the column `resources`, and the MPI launcher.

    Only --benchmark-extended writes this column.
    """
    try:
        # Snakemake writes the column as a Python dictionary.
        content = ast.literal_eval(text)
        numbers = {
            key: float(value) for key, value in content.items() if isinstance(value, (int, float))
        }
        return numbers, str(content.get("mpi", ""))
    except (ValueError, SyntaxError, AttributeError):
        return {}, ""


def table(uses: list[Use]) -> str:
    """Return a table of what was asked for and used, with a line for each rule."""
    lines = [
        f"{'rule':<19}{'jobs':>6}  {'time: asked':>11}{'95 %':>9}{'longest':>9}"
        f"  {'MB: asked':>9}{'most':>8}{'waste':>7}  near the limit"
    ]
    for use in uses:
        near = use.near_limit()
        names = ", ".join(near[:5]) + (f" and {len(near) - 5} more" if len(near) > 5 else "")
        asked = "?" if np.isnan(use.asked_minutes) else f"{use.asked_minutes:.0f} min"
        memory = "?" if np.isnan(use.asked_memory) else f"{use.asked_memory:.0f}"
        used = "?" if np.isnan(use.most_memory) else f"{use.most_memory:.0f}"
        waste = "?" if np.isnan(use.waste) else f"{100 * use.waste:.0f} %"
        lines.append(
            f"{use.rule:<19}{len(use.jobs):>6}  {asked:>11}{use.percentile('seconds', 95):>7.0f} s"
            f"{use.percentile('seconds', 100):>7.0f} s  {memory:>9}{used:>8}{waste:>7}"
            f"  {names}"
        )
        if use.lost:
            lines.append(
                f"{'':<19}        "
                + ", ".join(f"{count} {state}" for state, count in use.lost.items())
            )
    return "\n".join(lines)
