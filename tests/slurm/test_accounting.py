"""States of array tasks by the accounting, and accounts, on a real Slurm with slurmdbd."""

import pytest
from dummy import until

from snakemake_executor_plugin_slurm_array import states

pytestmark = pytest.mark.slurm
ACCOUNTING = True
MIN_JOB_AGE = 2  # squeue forgets at once: only the accounting knows how a job ended


@pytest.mark.parametrize("first", ["squeue", "sacct"])
def test_every_shard_has_its_own_state(cluster, run, first):
    run.trouble("fail", 1)
    run.trouble("hang", 4)
    driver = run.start("--slurm-array-status-command", first, "--retries", "2", shards=6)
    until(lambda: 4 in run.starts(), 60, run.output)
    cluster.run("scancel", run.starts()[4][0][2])
    output = run.finish(driver)
    assert driver.returncode == 0, output[-4000:]
    run.assert_right(6)
    run.assert_done_once(6)
    assert {number for number, rows in run.starts().items() if len(rows) > 1} == {1, 4}
    assert "CANCELLED, it was cancelled" in output


def test_a_refused_account_is_told_before_submission(cluster, run):
    driver = run.start(
        "--default-resources", "slurm_account=nosuch", "runtime=1", "mem_mb=50", shards=3
    )
    output = run.finish(driver, 60)
    assert driver.returncode != 0
    assert "Invalid account" in output
    assert "shard:slurm_account=VALUE" in output
    assert "Traceback" not in output


def test_rows_of_pending_arrays_are_spread():
    rows = {"12_[1-2,7%3]": "PENDING", "12_5": "RUNNING", "13": "CANCELLED by 0", "14": "COMPLETED"}
    assert states.spread(rows) == {
        "12_1": "PENDING",
        "12_2": "PENDING",
        "12_7": "PENDING",
        "12_5": "RUNNING",
        "13": "CANCELLED",
        "14": "COMPLETED",
    }
