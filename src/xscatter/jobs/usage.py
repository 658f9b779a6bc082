"""What jobs used against what they asked for: from Snakemake's benchmark files, and from sacct where there is one."""

import ast
import csv
import math
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.store.paths import StudyPaths

SNAKEMAKE = 150.0  # MB: what the Snakemake that runs a rule inside of a Slurm job holds, measured (97 MB of it its own)
_SAMPLED = 10.0  # seconds that a job must last for its benchmark to know its memory
_POLLED = (
    30.0  # seconds that a step must last for sacct to know it: Slurm looks every 30 s by default
)
_COLUMNS = ("JobID", "State", "ElapsedRaw", "MaxRSS", "ReqMem", "NTasks", "NNodes")  # of sacct
_WELL = {"PENDING", "RUNNING", "COMPLETING", "COMPLETED"}


@dataclass(frozen=True)
class Job:
    """One job that ended well: seconds and MB used, minutes and MB asked for (NaN: not known)."""

    rule: str
    unit: str
    seconds: float
    memory: float
    runtime: float
    mem_mb: float


@dataclass(frozen=True)
class SlurmJob:
    """A job or array task in Slurm's accounting, and its MB on a node: used and asked for (NaN: not known).

    `seconds` is how long the steps ran whose memory is counted.
    """

    rule: str
    identifier: str
    state: str
    seconds: float
    memory: float
    mem_mb: float


@dataclass(frozen=True)
class Use:
    """The jobs of one rule, by their benchmarks and by Slurm's accounting."""

    rule: str
    jobs: tuple[Job, ...]
    slurm: tuple[SlurmJob, ...] = ()

    def percentile(self, name: str, q: float) -> float:
        """Percentile `q` of the attribute `name` of the jobs; NaN where nothing is known."""
        values = [getattr(job, name) for job in self.jobs if not np.isnan(getattr(job, name))]
        return float(np.percentile(values, q)) if values else float("nan")

    @property
    def asked_minutes(self) -> float:
        """Walltime that was asked for at the first attempt."""
        return self.percentile("runtime", 0)

    @property
    def asked_memory(self) -> float:
        """Memory that was asked for at the first attempt."""
        return self.percentile("mem_mb", 0)

    @property
    def most_memory(self) -> float:
        """Most MB that a job used, by whichever source says more."""
        figures = [job.memory for job in self.jobs] + [job.memory for job in self.slurm]
        return max((memory for memory in figures if not np.isnan(memory)), default=float("nan"))

    @property
    def lost(self) -> dict[str, int]:
        """How many Slurm jobs ended in which state other than well."""
        return Counter(job.state for job in self.slurm if job.state not in _WELL)

    @property
    def waste(self) -> float:
        """Part of the requested core-time that was not used."""
        asked = sum(60 * job.runtime for job in self.jobs if not np.isnan(job.runtime))
        used = sum(job.seconds for job in self.jobs if not np.isnan(job.runtime))
        return 1 - used / asked if asked else float("nan")

    def near_limit(self, part: float = 0.8) -> list[str]:
        """Jobs that used more than `part` of the memory that they asked for, or of the time, which legs fill."""
        most = math.inf if self.rule == "train_leg" else part
        near = [
            job.unit
            for job in self.jobs
            if job.seconds > most * 60 * job.runtime or job.memory > part * job.mem_mb
        ]
        return near + [
            f"Slurm job {job.identifier}" for job in self.slurm if job.memory > part * job.mem_mb
        ]

    def proposal(self, safety: float, limit: int, least: int = 5) -> dict[str, int]:
        """Better `runtime` (minutes) and, where it is known, `mem_mb`; nothing for jobs that asked for nothing.

        What was asked for is left out.
        Memory is sampled while a job runs: the figure of one that lasted a few seconds says nothing.
        """
        if np.isnan(self.asked_minutes):
            return {}
        minutes = int(np.ceil(safety * self.percentile("seconds", 95) / 60))
        better = {"runtime": min(limit, max(least, minutes))}
        sampled = [job.memory for job in self.jobs if job.seconds >= _SAMPLED]
        sampled += [job.memory for job in self.slurm if job.seconds >= _POLLED]
        known = [memory for memory in sampled if not np.isnan(memory)]
        if known:
            better["mem_mb"] = max(200, int(np.ceil(1.3 * max(known) / 100) * 100))
        asked = {"runtime": self.asked_minutes, "mem_mb": self.asked_memory}
        return {key: value for key, value in better.items() if value != asked[key]}


def read(paths: StudyPaths) -> list[Use]:
    """What the jobs of a study used, by rule: its benchmark files, and Slurm's accounting where there is one.

    Raises:
        UserError: there are no benchmark files.
    """
    slurm = defaultdict(list)
    for job in read_accounting(paths.root):
        slurm[job.rule].append(job)
    return [replace(use, slurm=tuple(slurm[use.rule])) for use in read_benchmarks(paths)]


def read_benchmarks(paths: StudyPaths) -> list[Use]:
    """The benchmark files of a run, by rule; the Snakemake in each Slurm job, which they leave out, is added.

    Raises:
        UserError: there are none.
    """
    folder = paths.benchmark("simulate").parent.parent
    jobs: dict[str, list[Job]] = defaultdict(list)
    for path in sorted(folder.glob("*/*.tsv")):
        with open(path, newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                asked, launcher = _asked(row.get("resources", ""))
                # What srun starts is no child of the job: the benchmark saw srun alone.
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
    return [Use(rule, tuple(_with_snakemake(found))) for rule, found in jobs.items()]


def _with_snakemake(jobs: list[Job]) -> list[Job]:
    """Jobs with the memory of their Snakemake; one that is submitted alone holds a second, which starts the first.

    A job that asked for no memory did not run on Slurm.
    """
    own = SNAKEMAKE * (2 if len(jobs) == 1 else 1)
    return [job if np.isnan(job.mem_mb) else replace(job, memory=job.memory + own) for job in jobs]


def _rule(path: Path) -> str:
    """The rule that wrote a benchmark file: its folder, but for the trainings, which share one."""
    return f"train_{path.stem}" if path.parent.name == "train" else path.parent.name


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _asked(text: str) -> tuple[dict[str, float], str]:
    """Numbers of the column `resources`, which only --benchmark-extended writes, and the MPI launcher."""
    try:
        content = ast.literal_eval(text)
        numbers = {
            key: float(value) for key, value in content.items() if isinstance(value, (int, float))
        }
        return numbers, str(content.get("mpi", ""))
    except (ValueError, SyntaxError, AttributeError):
        return {}, ""


def read_accounting(results: Path) -> list[SlurmJob]:
    """The Slurm jobs of the study in the folder `results`, by sacct; empty without accounting.

    The drivers' logs say which study they worked on, and which jobs were theirs.
    """
    if not shutil.which("sacct"):
        return []
    rules: dict[str, str] = {}
    runs = []
    # The rules spell the folder so, from where the driver ran.
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
    command += [f"--format={','.join(_COLUMNS)}", f"--name={','.join(runs)}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return slurm_jobs(done.stdout, rules) if done.returncode == 0 else []


def slurm_jobs(text: str, rules: dict[str, str]) -> list[SlurmJob]:
    """Jobs from what sacct says, a line a job and a line a step; `rules` says which job is of which rule.

    The batch step runs as long as the job. Of the steps inside, one runs at a time: the largest counts.
    """
    found = []
    steps: dict[str, list[dict[str, str]]] = defaultdict(list)
    rows = [dict(zip(_COLUMNS, line.split("|"), strict=True)) for line in text.splitlines() if line]
    for row in rows:
        job, _, step = row["JobID"].partition(".")
        if step and step != "extern":
            steps[job].append(row)
    for row in rows:
        job = row["JobID"]
        rule = rules.get(job.partition("_")[0])
        if "." in job or not rule or not row["State"]:
            continue
        batch = [step for step in steps[job] if step["JobID"].endswith(".batch")]
        others = [step for step in steps[job] if step not in batch]
        parts = [_largest(batch)] + ([_largest(others)] if others else [])
        found.append(
            SlurmJob(
                rule,
                job,
                row["State"].split()[0],
                min(seconds for _, seconds in parts),
                sum(memory for memory, _ in parts),
                _megabytes(row["ReqMem"]) / int(row["NNodes"] or 1),
            )
        )
    return found


def _largest(steps: list[dict[str, str]]) -> tuple[float, float]:
    """MB on one node, and seconds, of the largest step; NaN where none was measured."""
    known = []
    for step in steps:
        # MaxRSS is that of the largest rank.
        ranks = math.ceil(int(step["NTasks"] or 1) / int(step["NNodes"] or 1))
        known.append((ranks * _megabytes(step["MaxRSS"]), _number(step["ElapsedRaw"])))
    return max((found for found in known if found[0] > 0), default=(float("nan"), float("nan")))


def _megabytes(text: str) -> float:
    """MB of Slurm's `165432K` or `300M`; NaN where nothing was measured, or for memory by core."""
    match = re.fullmatch(r"([\d.]+)([KMGT]?)n?", text)
    return (
        float(match[1]) * {"": 2**-20, "K": 2**-10, "M": 1, "G": 2**10, "T": 2**20}[match[2]]
        if match
        else float("nan")
    )


def table(uses: list[Use]) -> str:
    """Asked for against used, a line a rule."""
    lines = [
        f"{'rule':<19}{'jobs':>6}  {'time: asked':>11}{'95 %':>9}{'longest':>9}  {'MB: asked':>9}{'most':>8}"
        f"{'waste':>7}  near the limit"
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
