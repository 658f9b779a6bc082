"""Short commands in forks of a loaded process, for a driver here and for a task of an array."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
import yaml
from snakemake.benchmark import BenchmarkRecord

from xscatter.cli import main
from xscatter.core.shards import problem
from xscatter.forkserver import task
from xscatter.jobs import commands, driver, local
from xscatter.study import dump_study, parse_study

STUDY = {"name": "short", "simulate": {"experiments": 4, "images": 2, "size": 64}}
# As in the workflow: the commands beside this Python come first.
_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": _PATH}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def server():
    yield
    if local._server:
        local._server.close()
        local._server = None


@pytest.mark.parametrize(
    ("line", "arguments", "log"),
    [
        ("set -euo pipefail;  xscatter simulate a/s.yaml -o a > a/l.log 2>&1",
         ["simulate", "a/s.yaml", "-o", "a"], "a/l.log"),
        ("mpiexec -n 1 xscatter transform s.yaml > l 2>&1", ["transform", "s.yaml"], "l"),
        ("env A=ofi srun --mpi=pmi2 -n 1 xscatter transform s > l 2>&1", ["transform", "s"], "l"),
    ],
)  # fmt: skip
def test_plain_commands_are_recognised(line, arguments, log):
    assert commands.parse(line) == commands.Command(arguments, log)


@pytest.mark.parametrize(
    "line",
    [
        "mpiexec -n 2 xscatter transform s > l 2>&1",  # ranks are processes
        "xscatter train s > l 2>&1",  # TensorFlow is never in the server
        "xscatter simulate 'my s' > l 2>&1",
        "xscatter simulate $S > l 2>&1",
        "xscatter simulate s; rm x > l 2>&1",
        "xscatter simulate s\nxscatter simulate t > l 2>&1",
        "xscatter simulate s >> l 2>&1",
        "xscatter simulate s > l",
        "echo xscatter simulate s > l 2>&1",
    ],
)
def test_a_shell_runs_everything_else(line):
    assert commands.parse(line) is None


def popen(line):
    return local._popen(
        f"set -euo pipefail;  {line} 2>&1", shell=True, executable="/bin/bash", env=ENVIRONMENT
    )


def gone(pid):
    """Whether a process has ended; one that waits for its parent to notice has, too."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_fork_does_what_a_process_does(folder):
    fork = popen("xscatter simulate study.yaml -o forked --experiments 1 > forked.log")
    assert isinstance(fork, local.ForkedJob)
    assert fork.wait() == 0
    assert "1 done" in (folder / "forked.log").read_text()
    assert main(["simulate", "study.yaml", "-o", "here", "--experiments", "1"]) == 0
    for name in ("entry/data/counts", "entry/tags/labels"):
        with (
            h5py.File("forked/experiments/00001.h5") as a,
            h5py.File("here/experiments/00001.h5") as b,
        ):
            assert (a[name][()] == b[name][()]).all()
    # Wrong input has its own status and its line in the log.
    wrong = popen("xscatter simulate study.yaml --experiments 9 > wrong.log")
    assert wrong.wait() == 2
    assert "no experiment 9" in (folder / "wrong.log").read_text()


def test_a_killed_fork_or_server_is_a_failed_job_and_the_next_one_runs(folder):
    long = {**STUDY, "simulate": {**STUDY["simulate"], "images": 20000}}
    (folder / "long.yaml").write_text(yaml.safe_dump(long))
    line = "xscatter simulate long.yaml -o long --experiments 0 > long.log"
    fork = popen(line)
    fork.kill()
    assert fork.wait() == 128 + signal.SIGKILL
    # Without its server, nobody would hear of the end of a job.
    fork = popen(line)
    with open(f"/proc/{fork.pid}/stat") as stat:
        server = int(stat.read().rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGKILL)
    assert fork.wait() == 128 + signal.SIGKILL
    end = time.monotonic() + 30
    while not gone(fork.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert gone(fork.pid)
    for _ in range(2):  # one in a shell while nobody answers, and one of a new server
        job = popen("xscatter simulate study.yaml -o next --experiments 2 > next.log")
        assert job.wait() == 0
    assert isinstance(job, local.ForkedJob)


def test_the_server_ends_with_its_driver_and_lets_jobs_end(folder):
    script = (
        "import os, sys\n"
        "from xscatter.jobs import local\n"
        "line = 'xscatter simulate study.yaml -o left --experiments 3 > left.log 2>&1'\n"
        "print(local._popen(line, env=dict(os.environ)).pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=ENVIRONMENT)
    pid = int(done.stdout)
    end = time.monotonic() + 60
    while not gone(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert problem(folder / "left/experiments/00003.h5", deep=False) is None


def describe(number, **other):
    name = f"results/short/{{}}/{number}"
    return {
        "folder": os.getcwd(),
        "arguments": ["simulate", "study.yaml", "--experiments", str(number)],
        "log": name.format("logs"),
        "tmpdir": None,
        "input": [],
        "output": [f"results/short/experiments/{number:05d}.h5"],
        "latency_wait": 0,
        "benchmark": name.format("benchmarks"),
        "extended": None,
        **other,
    }


def write(place, *jobs):
    place.mkdir()
    for number, job in enumerate(jobs, start=1):
        (place / f"{number}.json").write_text(json.dumps(job))
    (place / "tasks").write_text(" ".join(str(n) for n in range(1, len(jobs) + 1)) + "\n")


def run(place, slurm_job):
    command = [sys.executable, "-m", "xscatter.forkserver.task", str(place)]
    environment = {**ENVIRONMENT, "SLURM_ARRAY_JOB_ID": slurm_job, "SLURM_ARRAY_TASK_ID": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_a_task_runs_its_jobs_once_with_logs_benchmarks_and_marks(folder):
    extended = {"jobid": 7, "rule_name": "simulate", "resources": "{'mem_mb': 600}"}
    place = folder / "it's here"
    write(place, describe(0, extended=extended), describe(1), describe(9), describe(2))
    done = run(place, "7")
    assert done.returncode == 1
    assert [(place / f"{n}.exit").read_text() for n in (1, 2, 3, 4)] == ["0\n", "0\n", "2\n", "0\n"]
    assert "no experiment 9" in (place / "3.refused").read_text()
    assert (place / "1.start").read_text().split()[0] == "7"
    for number in (0, 1, 2):
        assert problem(folder / f"results/short/experiments/{number:05d}.h5", deep=True) is None
        assert "1 done" in (folder / f"results/short/logs/{number}").read_text()
    tables = [(folder / f"results/short/benchmarks/{n}").read_text().splitlines() for n in (0, 1)]
    for table, long in zip(tables, (True, False), strict=True):
        assert table[0].split("\t") == BenchmarkRecord.get_header(long)
        row = dict(zip(table[0].split("\t"), table[1].split("\t"), strict=True))
        assert float(row["max_rss"]) > 20
        assert float(row["cpu_time"]) > 0
    assert not (folder / "results/short/benchmarks/9").exists()
    # Another Slurm job finds them claimed; a requeued one runs what it claimed again.
    before = os.stat("results/short/experiments/00000.h5").st_mtime_ns
    assert run(place, "8").returncode == 0
    assert os.stat("results/short/experiments/00000.h5").st_mtime_ns == before
    run(place, "7")
    assert os.stat("results/short/experiments/00000.h5").st_mtime_ns > before
    (place / "withdrawn").touch()
    assert run(place, "7").returncode == 0


def test_a_job_without_its_input_or_its_output_has_failed(folder, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    place = folder / "refused"
    assert task._run(describe(0, input=["nowhere.h5"]), place) == 1
    assert task._run(describe(0, output=["elsewhere.h5"]), place) == 1


def test_a_job_does_what_it_was_submitted_for(folder, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    results = folder / "results/short"
    submitted = driver.submit(STUDY, results)
    other = {**STUDY, "name": "other", "seed": 5}
    shards = [folder / name / "experiments/00000.h5" for name in ("results/other", results)]
    # While it waits, the user gives the study file another name, that of a finished study.
    (folder / "study.yaml").write_text(yaml.safe_dump(other))
    assert main(["simulate", "study.yaml", "--experiments", "0"]) == 0
    finished = shards[0].read_bytes()
    arguments = ["simulate", str(submitted), "-o", str(results), "--experiments", "0"]
    job = describe(0, arguments=arguments, output=[str(shards[1])])
    refused = folder / "refused"
    assert task._run(job, refused) == 0
    assert problem(shards[1], study="short") is None
    assert shards[0].read_bytes() == finished
    # Or the study of the same name gets another seed, and is made again before the job runs.
    shutil.rmtree(results / "experiments")
    (results / "study.yaml").write_text(dump_study(parse_study({**STUDY, "seed": 5})))
    assert main(["simulate", str(results / "study.yaml"), "-o", str(results)]) == 0
    newer = shards[1].read_bytes()
    assert task._run(job, refused) == 2
    assert "seed is 5 there, 2017 here" in refused.read_text()
    assert main(arguments) == 2
    assert shards[1].read_bytes() == newer
