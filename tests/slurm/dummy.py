"""A workflow of dummy shards that can be made to fail, and drivers on it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

# Shards note when they begin and end; `trouble/KIND-i` makes the first attempts of shard i fail.
SNAKEFILE = """
import sys
from pathlib import Path
from xscatter.jobs import driver
N = int(config.get("shards", 4))
if workflow.is_main_process:
    driver.insist(Path("results/dummy"), patience=3)
rule all:
    input: expand("results/dummy/shards/{i}.txt", i=range(N))
rule shard:
    output: "results/dummy/shards/{i}.txt"
    log: "results/dummy/logs/{i}.log"
    params: version=config.get("version", 1)
    resources:
        runtime=lambda wildcards, attempt: attempt,
        mem_mb=lambda wildcards, attempt: 50 * attempt,
        job_seconds=int(config.get("job_seconds", 60)),
    shell:
        sys.executable + " -S shard.py {wildcards.i} {resources.runtime} {resources.mem_mb}"
        " {params.version}"
"""
SHARD = """
import os, signal, sys, time
from pathlib import Path
number, runtime, memory, version = sys.argv[1:]
def note(what):
    job = os.environ.get("SLURM_JOB_ID")
    if "SLURM_ARRAY_TASK_ID" in os.environ:
        job = os.environ["SLURM_ARRAY_JOB_ID"] + "_" + os.environ["SLURM_ARRAY_TASK_ID"]
    with open("journal.txt", "a") as journal:
        print(what, number, runtime, memory, job, file=journal)
note("start")
def troubled(kind):
    file = Path("trouble") / f"{kind}-{number}"
    if not file.exists():
        return False
    left = int(file.read_text() or 1) - 1
    file.write_text(str(left)) if left else file.unlink()
    return True
if troubled("fail"):
    sys.exit(3)
if troubled("kill"):
    os.kill(os.getpid(), signal.SIGKILL)
if Path("trouble/broken-" + os.environ.get("SLURMD_NODENAME", "")).exists():
    sys.exit(5)
if troubled("refuse"):
    Path(os.environ["XSCATTER_REFUSAL"]).write_text(f"shard {number} makes no sense")
    sys.exit(2)
if troubled("hang"):
    time.sleep(1000)
time.sleep(float(Path("seconds").read_text()))
target = Path("results/dummy/shards") / f"{number}.txt"
part = target.with_suffix(".part")
part.write_text(f"shard {number} version {version}\\n" * 1000)
os.replace(part, target)
note("done")
"""


class Run:
    """A folder with the dummy workflow, and drivers on it."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "shard.py").write_text(SHARD)
        (folder / "trouble").mkdir()
        self.seconds(0.1)

    def seconds(self, value: float) -> None:
        (self.folder / "seconds").write_text(str(value))

    def trouble(self, kind: str, number: int, times: int = 1) -> None:
        (self.folder / "trouble" / f"{kind}-{number}").write_text(str(times))

    def put_before(self, tool: str, script: str) -> None:
        """Put a shell script in front of one of Slurm's commands, which it may call as $REAL."""
        place = self.folder / "tools" / tool
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#!/bin/bash\nREAL={shutil.which(tool)}\nHERE={self.folder}\n{script}\n")
        place.chmod(0o755)

    def command(self, *options: str, **config: object) -> list[str]:
        base = [
            sys.executable,
            "-m",
            "snakemake",
            "--executor",
            "slurm-array",
            "--jobs",
            "100",
            "--keep-going",
        ]
        base += [
            "--latency-wait",
            "3",
            "--seconds-between-status-checks",
            "2",
            "--slurm-array-no-requeue",
        ]
        base += ["--slurm-array-settle-seconds", "1", "--slurm-array-task-minutes", "0", *options]
        return base + (
            ["--config", *(f"{key}={value}" for key, value in config.items())] if config else []
        )

    def start(self, *options: str, **config: object) -> subprocess.Popen:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("SLURM_")
        }
        environment["PATH"] = f"{self.folder}/tools:{environment['PATH']}"
        # The pieces run on the cluster's nodes with the environment of this driver.
        self.log = self.folder / f"driver-{len(list(self.folder.glob('driver-*.log')))}.log"
        with open(self.log, "w") as log:
            return subprocess.Popen(
                self.command(*options, **config),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def finish(self, driver: subprocess.Popen, seconds: float = 300) -> str:
        """Wait for the end of a driver, and return its output."""
        try:
            driver.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(driver.pid, signal.SIGINT)
            driver.wait(60)
            raise AssertionError(
                f"the driver did not end in {seconds} s:\n{self.output()[-6000:]}"
            ) from None
        return self.output()

    def output(self) -> str:
        return self.log.read_text()

    def journal(self, what: str) -> list[list[str]]:
        """Return the rows (shard, runtime, memory, job or array task) of one kind."""
        path = self.folder / "journal.txt"
        rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [row[1:] for row in rows if row[0] == what]

    def starts(self) -> dict[int, list[list[str]]]:
        """Return the rows of every shard's attempts, by its number."""
        attempts: dict[int, list[list[str]]] = {}
        for row in self.journal("start"):
            attempts.setdefault(int(row[0]), []).append(row[1:])
        return attempts

    def wait_for(self, what: str, count: int, seconds: float = 90) -> None:
        until(lambda: len(self.journal(what)) >= count, seconds, lambda: self.output()[-4000:])

    def assert_right(self, shards: int, version: int = 1) -> None:
        for number in range(shards):
            text = (self.folder / f"results/dummy/shards/{number}.txt").read_text()
            assert text == f"shard {number} version {version}\n" * 1000
        assert not list(self.folder.glob("results/dummy/shards/*.part"))

    def assert_done_once(self, shards: int) -> None:
        """Check that no shard was started after it was done."""
        done = sorted(int(row[0]) for row in self.journal("done"))
        assert done == list(range(shards))


def until(true, seconds: float, tell=lambda: "") -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s: {tell()}"
        time.sleep(0.2)
