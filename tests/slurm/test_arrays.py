"""Job arrays on a real Slurm: every shard complete and correct, computed once, whatever happens."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from dummy import until

pytestmark = pytest.mark.slurm


def submissions(output):
    """(jobs, tasks) of every array that was submitted."""
    return [
        (int(a), int(b))
        for a, b in re.findall(r"(\d+) jobs of rule shard: Slurm array \d+, (\d+) tasks", output)
    ]


def test_every_accident_in_one_run(cluster, run):
    """Only the shards that accidents hit are computed again, alone, with more time and memory.

    40 shards, 30 slots: two fail, one is killed, one exceeds its walltime, one is cancelled, a node
    dies, the controller is away.
    """
    run.trouble("fail", 3)
    run.trouble("fail", 11, times=2)
    run.trouble("kill", 5)
    run.trouble("hang", 7)
    run.seconds(6)
    driver = run.start("--jobs", "30", "--retries", "3", shards=40)
    run.wait_for("start", 8)
    rows = [row for row in run.journal("start") if row[0] not in ("3", "5", "7", "11")]
    cancelled = rows[-1]
    cluster.run("scancel", cancelled[3])
    cluster.stop_controller()
    time.sleep(15)
    cluster.start_controller()
    node, lost = _running_on(cluster, run, avoid={"7"})
    cluster.kill_node(node)
    output = run.finish(driver)
    assert driver.returncode == 0, output[-4000:]
    run.assert_right(40)
    run.assert_done_once(40)
    starts = run.starts()
    unlucky = {3, 11, 5, 7, int(cancelled[0]), *map(int, lost)}
    again = {number for number, rows in starts.items() if len(rows) > 1}
    assert {3, 11, 5, 7} <= again <= unlucky
    assert len(starts[11]) == 3
    for number in again:
        # One minute and 50 MB more at each attempt; the repetition is a task of its own.
        assert [row[:2] for row in starts[number]] == [
            [str(n), str(50 * n)] for n in range(1, len(starts[number]) + 1)
        ]
    assert "TIMEOUT" in output
    assert "Slurm does not answer" in output
    assert "Slurm answers again" in output
    assert sum(jobs for jobs, _ in submissions(output)) >= 30
    cluster.start_node(node)
    cluster.wait_for_nodes(4)


def _running_on(cluster, run, avoid):
    """Return a node that runs shards but none of `avoid`, and those shards."""
    for _ in range(50):
        places = {}
        for line in cluster.run("squeue", "-h", "-r", "-t", "R", "-o", "%i %N").splitlines():
            job, node = line.split()
            places.setdefault(node, set()).update(
                row[0] for row in run.journal("start") if row[3] == job
            )
        for node, shards in places.items():
            if shards and not shards & avoid:
                return node, shards
        time.sleep(0.2)
    raise AssertionError(f"no such node: {places}")


def test_short_shards_share_a_task_and_fail_alone(cluster, run):
    run.trouble("fail", 2)
    run.trouble("hang", 4)
    run.seconds(0.2)
    options = [
        "--slurm-array-task-minutes",
        "1",
        "--slurm-array-least-tasks",
        "2",
        "--retries",
        "2",
        "--slurm-array-throttle",
        "2",
    ]
    driver = run.start(*options, shards=36, job_seconds=15)
    until(lambda: 4 in run.starts(), 120, run.output)
    # The throttle holds the tasks of an array; a shard that is tried again is a job of its own.
    assert len([row for row in cluster.queue() if "_" in row and row.endswith("RUNNING")]) <= 2
    cluster.run("scancel", run.starts()[4][0][2])
    output = run.finish(driver)
    assert driver.returncode == 0, output[-4000:]
    run.assert_right(36)
    run.assert_done_once(36)
    assert submissions(output)[0] == (36, 9)  # more than the cluster's 8 cores
    starts = run.starts()
    assert {number for number, rows in starts.items() if len(rows) > 1} == {2, 4}
    # Shards behind the one that was cancelled were not tried, and keep their first request.
    assert all(rows[0][:2] == ["1", "50"] for rows in starts.values())


def test_a_killed_driver_is_succeeded_while_its_jobs_run(cluster, run):
    run.seconds(25)
    driver = run.start(shards=12)
    run.wait_for("start", 8)
    second = run.start(shards=12)
    refusal = run.finish(second, 60)
    assert second.returncode != 0
    assert f"process {driver.pid} " in refusal
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    third = run.start(shards=12)
    output = run.finish(third)
    assert third.returncode == 0, output[-4000:]
    assert output.count("taken up") >= 8
    run.assert_right(12)
    run.assert_done_once(12)
    assert all(len(rows) == 1 for rows in run.starts().values())


def test_another_version_replaces_what_a_dead_driver_left_running(cluster, run):
    run.seconds(300)
    driver = run.start(shards=3)
    run.wait_for("start", 3)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    run.seconds(0.1)
    successor = run.start(shards=3, version=2)
    output = run.finish(successor)
    assert successor.returncode == 0, output[-4000:]
    assert output.count("another version: cancelled") == 3
    run.assert_right(3, version=2)


def test_interrupting_the_driver_cancels_its_jobs(cluster, run):
    run.seconds(300)
    driver = run.start(shards=10)
    run.wait_for("start", 4)
    assert cluster.queue()
    os.killpg(driver.pid, signal.SIGINT)
    run.finish(driver, 60)
    assert not [row for row in cluster.queue() if not row.endswith("COMPLETING")]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set-resources", "shard:runtime=2000"], "over the limit of partition 'long'"),
        (
            ["--default-resources", "slurm_partition=nosuch"],
            "no partition 'nosuch'; it has long, short, gpu",
        ),
        (
            ["--set-resources", "shard:mem_mb=9000000"],
            "Change it with --set-resources shard:mem_mb=VALUE",
        ),
        (
            ["--default-resources", "constraint=avx9"],
            "Change it with --set-resources shard:constraint=VALUE",
        ),
        (
            ["--set-resources", "shard:gpu=1", "shard:cpus_per_gpu=64"],
            "with --set-resources shard:cpus_per_gpu=VALUE",
        ),
    ],
)
def test_what_slurm_would_refuse_is_told_before_submission(cluster, run, options, told):
    driver = run.start(*options, shards=3)
    output = run.finish(driver, 60)
    assert driver.returncode != 0
    assert told in output
    assert "Rule shard: " in output
    assert "Traceback" not in output
    assert not run.journal("start")


def test_a_shard_that_is_tried_again_asks_for_no_more_than_its_partition_allows(cluster, run):
    (run.folder / "partitions.yaml").write_text(
        "partitions:\n  long:\n    max_runtime: 10\n    max_mem_mb: 75\n"
    )
    run.trouble("fail", 1)
    driver = run.start(
        "--retries", "3", "--slurm-array-partition-config", "partitions.yaml", shards=2
    )
    output = run.finish(driver, 550)
    assert driver.returncode == 0, output[-4000:]
    run.assert_right(2)
    jobs = cluster.run("scontrol", "-o", "show", "job").splitlines()
    asked = [
        re.search(r"MinMemoryNode=(\S+)", job)[1] for job in jobs if f"WorkDir={run.folder}" in job
    ]
    assert set(asked) == {"50M", "75M"}


def test_a_wrong_file_of_partitions_is_told_in_one_line(cluster, run):
    for text, told in (
        (
            "long: {max_memory: 9}",
            "partitions.yaml, line 2: max_memory of partition long is no limit; "
            "did you mean max_mem_mb?",
        ),
        ("gpux: {max_gpu: 1}", "partitions.yaml, line 2: this cluster has no partition 'gpux'"),
        ("long: {max_mem_mb: 40}", "mem_mb may be 40. "),
    ):
        (run.folder / "partitions.yaml").write_text(f"partitions:\n  {text}\n")
        driver = run.start("--slurm-array-partition-config", "partitions.yaml", shards=2)
        output = run.finish(driver, 60)
        assert driver.returncode != 0
        assert told in output
        assert "Traceback" not in output


def test_without_slurm_one_line_says_so(run):
    tools = run.folder / "tools"
    tools.mkdir()
    for name in ("bash", "sh", "which"):
        (tools / name).symlink_to(shutil.which(name))
    environment = os.environ | {"PATH": str(tools)}
    done = subprocess.run(
        run.command(shards=1), cwd=run.folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode != 0
    assert "No Slurm here: sbatch, squeue, scontrol not found" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
