"""Run the jobs of one task of a Slurm array: `python -m xscatter.forkserver.task FOLDER`.

FOLDER is that of a submission of the executor `slurm-array`; its module `arrays` explains the files
in it. The jobs run one after another, each in a fork of this process.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from xscatter import cli
from xscatter.commands.arguments import belongs, read_study
from xscatter.core.errors import UserError
from xscatter.forkserver import child

_MEASURES = [
    "s",
    "h:m:s",
    "max_rss",
    "max_vms",
    "max_uss",
    "max_pss",
    "io_in",
    "io_out",
    "mean_load",
    "cpu_time",
]
_EXTENDED = [
    "jobid",
    "rule_name",
    "wildcards",
    "params",
    "threads",
    "cpu_usage",
    "resources",
    "input_size_mb",
]
_UNKNOWN = "NA"  # as Snakemake writes it
_MIB = 1024.0**2


def main(folder: Path) -> int:
    """Run the jobs of this task; return 1 if one of them failed."""
    me = os.environ.get("SLURM_ARRAY_JOB_ID") or os.environ.get("SLURM_JOB_ID", "")
    task = int(os.environ.get("SLURM_ARRAY_TASK_ID") or 1)
    jobs = (folder / "tasks").read_text().splitlines()[task - 1].split()
    failed = False
    loaded = len(jobs) == 1  # one job is no quicker for it
    for job in jobs:
        if (folder / "withdrawn").exists():
            break
        if not _claim(folder, job, me):
            continue
        (folder / f"{job}.start").write_text(f"{me} {os.environ.get('SLURMD_NODENAME', '')}\n")
        description = json.loads((folder / f"{job}.json").read_text())
        if not loaded:
            child.load(description["arguments"][:1])
            loaded = True
        status = _run(description, folder / f"{job}.refused")
        mark = folder / f"{job}.part"
        mark.write_text(f"{status}\n")
        mark.replace(folder / f"{job}.exit")
        failed = failed or status != 0
    return int(failed)


def _claim(folder: Path, job: str, me: str) -> bool:
    """Return whether this Slurm job runs `job`: it is the first, or was requeued by its site."""
    try:
        (folder / f"{job}.claim").mkdir()
    except OSError:
        try:
            return (folder / f"{job}.start").read_text().split()[0] == me
        except (OSError, IndexError):
            return False
    return True


def _run(job: dict[str, Any], refused: Path) -> int:
    """Run one job as a Snakemake of its own would; return its exit status."""
    os.chdir(job["folder"])
    command = " ".join(["xscatter", *job["arguments"]])
    print(f"{command} > {job['log']} 2>&1", flush=True)
    try:
        args = cli.parsed(job["arguments"])
        belongs(args.study, *read_study(args))
    except UserError as error:
        # Before anything is touched: the files may be those of another study.
        print(error, file=sys.stderr)
        refused.write_text(str(error))
        return 2
    for path in job["output"]:
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
    for path in [*job["output"], job["log"], job["benchmark"] or job["log"]]:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if missing := _missing(job["input"], job["latency_wait"]):
        print(f"missing input: {missing}", file=sys.stderr)
        return 1
    places = dict.fromkeys(
        ("TMPDIR", "TMP", "TEMPDIR", "TEMP"), job["tmpdir"] or tempfile.gettempdir()
    )
    begin = time.time()
    number = child.start(
        job["arguments"], os.environ | places | {"XSCATTER_REFUSAL": str(refused)}, job["log"]
    )
    _, ended, used = os.wait4(number, 0)
    seconds = time.time() - begin
    status = os.waitstatus_to_exitcode(ended)
    status = status if status >= 0 else 128 - status  # as a shell counts signals
    if status:
        print(f"exit status {status}; see {job['log']}", file=sys.stderr)
    elif missing := _missing(job["output"], job["latency_wait"]):
        print(f"missing output: {missing}", file=sys.stderr)
        status = 1
    elif job["benchmark"]:
        _write_benchmark(job, seconds, used)
    return status


def _missing(paths: list[str], seconds: float) -> str:
    """Return the first file that does not appear within `seconds`; empty: all are there."""
    end = time.monotonic() + seconds
    for path in paths:
        while not os.path.exists(path):
            if time.monotonic() >= end:
                return path
            time.sleep(0.5)
    return ""


def _write_benchmark(job: dict[str, Any], seconds: float, used: Any) -> None:
    """Write the benchmark of a job in Snakemake's form, by what the kernel counted."""
    cpu = used.ru_utime + used.ru_stime
    clock = f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"
    row: dict[str, Any] = {
        "s": seconds,
        "h:m:s": clock,
        "max_rss": used.ru_maxrss / 1024,
        "io_in": used.ru_inblock * 512 / _MIB,
        "io_out": used.ru_oublock * 512 / _MIB,
        "mean_load": 100 * cpu / max(seconds, 1e-3),
        "cpu_time": cpu,
    }
    names = list(_MEASURES)
    if job["extended"]:
        names += _EXTENDED
        sizes = {path: os.path.getsize(path) / _MIB for path in job["input"]}
        row |= job["extended"] | {"cpu_usage": 100 * cpu, "input_size_mb": sizes}
    values = (row.get(name, _UNKNOWN) for name in names)
    texts = (f"{value:.2f}" if isinstance(value, float) else str(value) for value in values)
    Path(job["benchmark"]).write_text("\t".join(names) + "\n" + "\t".join(texts) + "\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
