"""What it costs to start a short job.

    python benchmarks/short_jobs.py start [experiments]
    python benchmarks/short_jobs.py study [experiments]
    python benchmarks/short_jobs.py driver [experiments ...]

`start` makes experiments of 30 images at 128 x 128 pixels, as `config/tagger-128.yaml` has them, in
a new process each and in forks of one process, in turns, and prints the CPU time of both. `study`
runs Snakemake on such a study up to the coefficients and prints the CPU time of the driver and of
all jobs. `driver` prints CPU time and memory of quiet dry runs of studies of many experiments, and
the CPU time of the Snakemake that a cluster's task would start for one of their jobs; what it
starts instead is a fork, see `start`.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
XSCATTER = [sys.executable, "-m", "xscatter"]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]


def write_study(folder: Path, experiments: int) -> Path:
    """Write a study like tagger-128; return its file."""
    study = yaml.safe_load((ROOT / "config" / "tagger-128.yaml").read_text())
    study["simulate"]["experiments"] = experiments
    study["name"] = "short"
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def used(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return its CPU seconds and its most MB."""
    with open(folder / "output.txt", "w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((folder / "output.txt").read_text()[-2000:])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def start(folder: Path, experiments: int) -> None:
    """A new process and a fork in turns."""
    from xscatter.forkserver import child

    study = write_study(folder, 2 * experiments + 2)
    for verb in ("simulate", "transform"):  # compiled once
        used([*XSCATTER, verb, str(study), "--experiments", "0"], folder)
    os.chdir(folder)
    begin = time.process_time()
    child.load(["simulate", "transform"])
    print(f"loading, once: {time.process_time() - begin:.2f} s of CPU time")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for verb in ("simulate", "transform"):
        plain, forked, empty = [], [], []
        for number in range(1, experiments + 1):
            arguments = [verb, "study.yaml", "--experiments"]
            plain.append(used([*XSCATTER, *arguments, str(2 * number)], folder)[0])
            for times, one in ((forked, 2 * number - 1), (empty, 2 * number - 1)):
                pid = child.start([*arguments, str(one)], environment, "log.txt")
                _, status, usage = os.wait4(pid, 0)
                assert status == 0, Path("log.txt").read_text()
                times.append(usage.ru_utime + usage.ru_stime)
        new, fork, nothing = (sum(times) / experiments for times in (plain, forked, empty))
        # The second fork has nothing to do: that is its start.
        print(
            f"{verb}: new process {new:.3f} s, fork {fork:.3f} s, of which work "
            f"{fork - nothing:.3f} s; start {new - fork + nothing:.3f} s against {nothing:.3f} s, "
            f"{(new - fork + nothing) / nothing:.0f} times less"
        )


def study(folder: Path, experiments: int) -> None:
    """A study by Snakemake on this machine."""
    path = write_study(folder, experiments)
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [*SNAKEMAKE, "--configfile", str(path), "--cores", "2", "--until", "transform"]
    driver, _ = used([*command, "-q", "all"], folder)
    total = resource.getrusage(resource.RUSAGE_CHILDREN)
    everything = total.ru_utime + total.ru_stime - begin.ru_utime - begin.ru_stime
    jobs = 2 * experiments
    print(f"{jobs} jobs: {everything:.1f} s of CPU time of the driver and what it waited for")
    print(f"{everything / jobs:.3f} s a job ({driver:.1f} s)")


def driver(folder: Path, sizes: list[int]) -> None:
    """Dry runs, and what a task of a cluster starts."""
    print("experiments  dry run CPU s      MB   Snakemake of a job CPU s")
    for experiments in sizes:
        path = write_study(folder, experiments)
        common = [*SNAKEMAKE, "--configfile", str(path), "-q", "all", "-n"]
        seconds, memory = used([*common, "--cores", "2"], folder)
        inner = [*common, "--target-jobs", "simulate:number=00003", "--allowed-rules", "simulate"]
        inner += ["--cores", "1", "--mode", "remote"]
        one, _ = used(inner, folder)
        print(f"{experiments:11}  {seconds:13.1f}  {memory:6.0f}   {one:24.2f}", flush=True)


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    mode = sys.argv[1] if len(sys.argv) > 1 else "start"
    numbers = [int(word) for word in sys.argv[2:]]
    with tempfile.TemporaryDirectory(prefix="short-jobs-") as name:
        if mode == "driver":
            driver(Path(name), numbers or [80, 2500, 25000])
        else:
            {"start": start, "study": study}[mode](Path(name), numbers[0] if numbers else 5)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
