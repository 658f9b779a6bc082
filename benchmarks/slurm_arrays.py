"""Job arrays on a real Slurm.

    python benchmarks/slurm_arrays.py accidents [shards]
    python benchmarks/slurm_arrays.py queue [jobs]

`accidents` runs 300 shards with every accident that a cluster has: failing commands, a killed
process, a walltime, `scancel`, a node's death, the controller away for a minute, and the driver
killed and started again. It prints how many calls of sbatch each wave took, what was computed again
with which request, and whether a finished file was touched.

`queue` puts 5,000 instant jobs into the queue and prints how long submission, a look at the queue,
the work and an interrupt take.

Needs root on Debian with its packages of Slurm, and starts a private cluster of loopback nodes. It
refuses to run where a slurm.conf of somebody else exists.
"""

import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "slurm"))
from cluster import Cluster, unavailable
from dummy import Run, until

LIMIT = 40  # tasks in one array: small, so that a wave needs several
SLOTS = 100  # `jobs` of the driver: fewer than there are shards
AWAY = 60  # seconds without a controller

# The driver of `queue`: a task runs a touch instead of a Snakemake, so that jobs are instant.
INSTANT = """
import sys
from snakemake.cli import main
from snakemake_executor_plugin_slurm_array import Executor
Executor._command = lambda self, job: f"mkdir -p results/dummy/shards && touch {job.output[0]}"
sys.exit(main(sys.argv[1:]))
"""


def waves(log: str, limit: int) -> list[tuple[int, int, int]]:
    """(ready jobs, calls of sbatch, calls allowed) of every wave of first attempts."""
    rows = []
    for part in re.split(r"(?=Wave of \d+ ready jobs)", log)[1:]:
        ready = int(re.match(r"Wave of (\d+)", part)[1])
        tasks = [
            int(n) for n in re.findall(r"jobs of rule shard: Slurm array \d+, (\d+) tasks", part)
        ]
        rows.append((ready, len(tasks), math.ceil(ready / limit)))
    return rows


def accidents(cluster: Cluster, folder: Path, shards: int) -> None:
    """All accidents in one run."""
    run = Run(folder)
    fail, twice, kill, hang = {3, 17, 101, 190}, {11, 230}, {5, 42}, {7, 150}
    for kind, numbers, times in (
        ("fail", fail, 1),
        ("fail", twice, 2),
        ("kill", kill, 1),
        ("hang", hang, 1),
    ):
        for number in numbers:
            if number < shards:
                run.trouble(kind, number, times)
    run.seconds(3)
    options = ["--jobs", str(SLOTS), "--retries", "3", "--slurm-array-array-limit", str(LIMIT)]
    start = time.monotonic()
    driver = run.start(*options, shards=shards)
    logs = [run.log]
    run.wait_for("done", 10, 300)
    busy = cluster.run("squeue", "-h", "-r", "-t", "R", "-o", "%i").split()
    lost = {row[0] for row in run.journal("start") if row[3] == busy[-1]}
    cluster.run("scancel", busy[-1])
    print(f"{time.monotonic() - start:5.0f} s: task {busy[-1]} cancelled", flush=True)

    run.wait_for("done", 40, 600)
    cluster.stop_controller()
    print(f"{time.monotonic() - start:5.0f} s: controller away for {AWAY} s", flush=True)
    time.sleep(AWAY)
    cluster.start_controller()

    run.wait_for("done", 80, 600)
    rows = cluster.run("squeue", "-h", "-r", "-t", "R", "-w", "n3", "-o", "%i").split()
    lost |= {row[0] for row in run.journal("start") if row[3] in rows}
    cluster.kill_node("n3")
    print(f"{time.monotonic() - start:5.0f} s: node n3 died with {len(rows)} tasks", flush=True)

    run.wait_for("done", 150, 900)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    print(
        f"{time.monotonic() - start:5.0f} s: driver killed, "
        f"{len(cluster.queue())} tasks in the queue",
        flush=True,
    )
    cluster.start_node("n3")
    driver = run.start(*options, shards=shards)
    logs.append(run.log)
    output = run.finish(driver, 3000)
    took = time.monotonic() - start
    assert driver.returncode == 0, output[-3000:]

    run.assert_right(shards)
    starts = run.starts()
    # A shard may be done twice where its job was ended between the last byte and its own end.
    twice_done = [
        number
        for number, count in Counter(row[0] for row in run.journal("done")).items()
        if count > 1
    ]
    assert set(twice_done) <= lost, [(n, run.starts()[int(n)]) for n in set(twice_done) - lost]
    again = {number: rows for number, rows in starts.items() if len(rows) > 1}
    expected = {n for n in fail | twice | kill | hang if n < shards} | set(map(int, lost))
    print(f"{shards} shards right after {took:.0f} s; no finished file touched")
    print(
        f"attempts: {Counter(len(rows) for rows in starts.values())} shards by number of attempts"
    )
    print(
        f"started again {sorted(again)}; disturbed {sorted(expected)}; "
        f"others {sorted(set(again) - expected)}"
    )
    for number, rows in sorted(again.items()):
        print(
            f"   shard {number}: "
            + ", ".join(f"{row[0]} min {row[1]} MB as {row[2]}" for row in rows)
        )
    print(f"taken up by the second driver: {output.count('taken up')}")
    excess: list[int] = []
    for number, log in enumerate(logs, start=1):
        table = waves(log.read_text(), LIMIT)
        print(
            f"driver {number}: {len(table)} waves (ready jobs, calls of sbatch, at most "
            f"ready / {LIMIT} rounded up):"
        )
        print("   " + " ".join(map(str, table)))
        # Summed up: the line of a submission may come behind the head of the next wave.
        called, allowed = (list(accumulate(row[n] for row in table)) for n in (1, 2))
        excess += [number for a, b in zip(called, allowed, strict=True) if a > b]
    assert not excess, f"more submissions than allowed by driver {excess}"


def queue(cluster: Cluster, folder: Path, jobs: int) -> None:
    """Many jobs in the queue."""
    run = Run(folder)
    (folder / "instant.py").write_text(INSTANT)
    cluster.run(
        "scontrol",
        "update",
        f"NodeName={','.join(cluster.nodes)}",
        "State=DRAIN",
        "Reason=benchmark",
    )

    def start() -> subprocess.Popen:
        command = run.command(
            "--jobs", str(jobs), "--slurm-array-array-limit", "1000", "-q", "all", shards=jobs
        )
        command[1:3] = ["instant.py"]
        run.log = folder / "driver.log"
        with open(run.log, "a") as log:
            return subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def queued() -> int:
        return len(cluster.queue())

    def seconds(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    begin = time.monotonic()
    driver = start()
    until(lambda: queued() >= jobs, 900, run.output)
    print(f"{jobs} jobs queued {time.monotonic() - begin:.0f} s after the line was typed, "
          f"{seconds(driver.pid):.0f} s of CPU time", flush=True)  # fmt: skip
    look = time.monotonic()
    rows = queued()
    print(f"one squeue of {rows} tasks: {time.monotonic() - look:.2f} s")
    before, wait = seconds(driver.pid), time.monotonic()
    time.sleep(60)
    used = (seconds(driver.pid) - before) / (time.monotonic() - wait)
    print(f"driver while they wait, a look every 2 s: {100 * used:.0f} % of a core")
    memory = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{driver.pid}/status").read_text())[1]
    begin = time.monotonic()
    os.killpg(driver.pid, signal.SIGINT)
    driver.wait(900)
    print(f"interrupted: driver ended after {time.monotonic() - begin:.1f} s, "
          f"{queued()} tasks left; "
          f"peak {int(memory) // 1024} MB", flush=True)  # fmt: skip

    driver = start()
    until(lambda: queued() >= jobs, 900, run.output)
    begin = time.monotonic()
    cluster.run("scontrol", "update", f"NodeName={','.join(cluster.nodes)}", "State=RESUME")
    shards = folder / "results/dummy/shards"
    ends: list[tuple[float, int]] = []
    until(lambda: ends.append((time.monotonic(), queued())) or ends[-1][1] == 0, 3000)
    worked = time.monotonic() - begin
    status = driver.wait(900)
    late = time.monotonic() - begin - worked
    print(f"Slurm finished them in {worked:.0f} s; the driver ended {late:.1f} s later, "
          f"status {status}, {len(list(shards.iterdir()))} files")  # fmt: skip


def main() -> None:
    reason = unavailable()
    if reason:
        sys.exit(f"no private cluster here: {reason}")
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # drivers started from a background shell hear it, too
    mode = sys.argv[1] if len(sys.argv) > 1 else "accidents"
    cluster = Cluster()
    try:
        cluster.start()
        with tempfile.TemporaryDirectory(prefix="slurm-arrays-") as folder:
            if mode == "queue":
                queue(cluster, Path(folder), int(sys.argv[2]) if len(sys.argv) > 2 else 5000)
            else:
                accidents(cluster, Path(folder), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
