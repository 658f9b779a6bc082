"""What jobs used against what they asked for: from Snakemake's benchmark files, and from sacct where there is one."""

import ast
import csv
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xscatter.errors import UserError
from xscatter.paths import StudyPaths

_SAMPLED = 10.0  # seconds that a job must last for its memory to be known


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
class Use:
    """The jobs of one rule."""

    rule: str
    jobs: tuple[Job, ...]

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
    def waste(self) -> float:
        """Part of the requested core-time that was not used."""
        asked = sum(60 * job.runtime for job in self.jobs if not np.isnan(job.runtime))
        used = sum(job.seconds for job in self.jobs if not np.isnan(job.runtime))
        return 1 - used / asked if asked else float("nan")

    def near_limit(self, part: float = 0.8) -> list[Job]:
        """Jobs that used more than `part` of the time or memory that they asked for."""
        return [job for job in self.jobs if job.seconds > part * 60 * job.runtime or job.memory > part * job.mem_mb]

    def proposal(self, safety: float, limit: int, least: int = 5) -> dict[str, int]:
        """Better `runtime` (minutes) and, where it is known, `mem_mb`; nothing for jobs that asked for nothing.

        Memory is sampled while a job runs: the figure of one that lasted a few seconds says nothing.
        """
        if np.isnan(self.asked_minutes):
            return {}
        minutes = int(np.ceil(safety * self.percentile("seconds", 95) / 60))
        better = {"runtime": min(limit, max(least, minutes))}
        sampled = [job.memory for job in self.jobs if job.seconds >= _SAMPLED and not np.isnan(job.memory)]
        if sampled:
            most = max(sampled)
            better["mem_mb"] = max(200, int(np.ceil(1.3 * most / 100) * 100))
        return better


def read_benchmarks(paths: StudyPaths) -> list[Use]:
    """The benchmark files of a run, by rule.

    Raises:
        UserError: there are none.
    """
    folder = paths.benchmark("simulate").parent.parent
    jobs: dict[str, list[Job]] = defaultdict(list)
    for path in sorted(folder.glob("*/*.tsv")):
        with open(path, newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                asked = _asked(row.get("resources", ""))
                job = Job(
                    row.get("rule_name") or _rule(path),
                    path.stem,
                    _number(row.get("s")),
                    # Ranks that srun starts are no children of the job: what was measured is not theirs.
                    _number(row.get("max_rss")) if asked.get("tasks", 1) <= 1 else float("nan"),
                    asked.get("runtime", float("nan")),
                    asked.get("mem_mb", float("nan")),
                )
                if not np.isnan(job.seconds):
                    jobs[job.rule].append(job)
    if not jobs:
        raise UserError(f"{folder}: no benchmark files; run the study first")
    return [Use(rule, tuple(found)) for rule, found in jobs.items()]


def _rule(path: Path) -> str:
    """The rule that wrote a benchmark file: its folder, but for the trainings, which share one."""
    return f"train_{path.stem}" if path.parent.name == "train" else path.parent.name


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _asked(text: str) -> dict[str, float]:
    """Numbers of the column `resources`, which only --benchmark-extended writes."""
    try:
        content = ast.literal_eval(text)
        return {key: float(value) for key, value in content.items() if isinstance(value, (int, float))}
    except (ValueError, SyntaxError, AttributeError):
        return {}


def lost_jobs(logs: Path = Path(".snakemake/log")) -> dict[str, dict[str, int]]:
    """How many Slurm jobs of each rule ended in which state, by sacct; empty without accounting.

    The drivers' logs say which jobs were theirs.
    """
    if not shutil.which("sacct"):
        return {}
    rules: dict[str, str] = {}
    runs = []
    for path in logs.glob("*.log"):
        text = path.read_text(errors="replace")
        runs += re.findall(r"SLURM run ID: (\S+)", text)
        for rule, job in re.findall(r"jobs of rule (\S+): Slurm array (\d+)", text):
            rules[job] = rule
        for job, rule in re.findall(r"SLURM jobid (\d+) \(log: \S*?rule_([^/]+)/", text):
            rules[job] = rule
    if not runs:
        return {}
    command = ["sacct", "-X", "--parsable2", "--noheader", "--starttime=now-30days", "--format=JobID,State"]
    done = subprocess.run([*command, f"--name={','.join(runs)}"], capture_output=True, text=True)
    states: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in done.stdout.splitlines() if done.returncode == 0 else ():
        job, _, state = line.partition("|")
        rule = rules.get(re.split(r"[_.]", job)[0])
        if rule and state:
            states[rule][state.split()[0]] += 1
    return {rule: dict(count) for rule, count in states.items()}


def table(uses: list[Use], states: dict[str, dict[str, int]]) -> str:
    """Asked for against used, a line a rule."""
    lines = [
        f"{'rule':<19}{'jobs':>6}  {'time: asked':>11}{'95 %':>9}{'longest':>9}  {'MB: asked':>9}{'most':>8}"
        f"{'waste':>7}  near the limit"
    ]
    for use in uses:
        near = use.near_limit()
        names = ", ".join(job.unit for job in near[:5]) + (f" and {len(near) - 5} more" if len(near) > 5 else "")
        asked = "?" if np.isnan(use.asked_minutes) else f"{use.asked_minutes:.0f} min"
        memory = "?" if np.isnan(use.asked_memory) else f"{use.asked_memory:.0f}"
        most = use.percentile("memory", 100)
        used = "?" if np.isnan(most) else f"{most:.0f}"
        waste = "?" if np.isnan(use.waste) else f"{100 * use.waste:.0f} %"
        lines.append(
            f"{use.rule:<19}{len(use.jobs):>6}  {asked:>11}{use.percentile('seconds', 95):>7.0f} s"
            f"{use.percentile('seconds', 100):>7.0f} s  {memory:>9}{used:>8}{waste:>7}"
            f"  {names}"
        )
        bad = {state: count for state, count in states.get(use.rule, {}).items() if state != "COMPLETED"}
        if bad:
            lines.append(f"{'':<19}        " + ", ".join(f"{count} {state}" for state, count in bad.items()))
    return "\n".join(lines)
