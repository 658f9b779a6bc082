"""What sites put between Snakemake and Slurm: no job runs twice, none is given up without a reason.

Scripts in front of Slurm's own commands act as such sites do.
"""

import signal

import pytest

pytestmark = pytest.mark.slurm

# Run the real command once, but answer as if the controller had not.
LOST_ONCE = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
if mkdir $HERE/lost 2> /dev/null; then
    $REAL "$@" > /dev/null
    echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv" >&2
    exit 1
fi
exec $REAL "$@"
"""
# The controller takes the job only after the driver has looked for it.
LOST_AND_LATE = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
if mkdir $HERE/lost 2> /dev/null; then
    (sleep 14; exec $REAL "$@") > /dev/null 2>&1 &
    echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv" >&2
    exit 1
fi
exec $REAL "$@"
"""
BANNER = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
echo "Welcome to cluster 7: 12 nodes are free"
echo
exec $REAL "$@"
"""
NO_NUMBER = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
$REAL "$@" > /dev/null
echo "Your job was taken. 12 nodes are free."
"""
OTHER_COMMENT = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
exec $REAL "$@" --comment=site
"""
LIMIT_TWICE = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
echo x >> $HERE/calls
if [ $(wc -l < $HERE/calls) -le 2 ]; then
    echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2
    echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy" >&2
    exit 1
fi
exec $REAL "$@"
"""
FOUR_TASKS = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
tasks=$(echo "$*" | sed -n "s/.*--array=1-\\([0-9]*\\).*/\\1/p")
if [ "${tasks:-1}" -gt 4 ]; then
    echo "sbatch: error: AssocMaxSubmitJobLimit" >&2
    exit 1
fi
exec $REAL "$@"
"""
REFUSES = """
case "$*" in *--test-only*) exec $REAL "$@";; esac
echo "sbatch: error: Batch job submission failed: Invalid account or account/partition" >&2
exit 1
"""


@pytest.mark.parametrize("shards", [1, 6])
@pytest.mark.parametrize("site", [LOST_ONCE, LOST_AND_LATE, BANNER, NO_NUMBER])
def test_whatever_sbatch_answers_a_job_runs_once(cluster, run, site, shards):
    run.put_before("sbatch", site)
    run.seconds(8)
    output = run.finish(driver := run.start("--retries", "2", shards=shards))
    assert driver.returncode == 0, output[-4000:]
    run.assert_right(shards)
    assert sorted(run.starts()) == list(range(shards))
    assert all(len(rows) == 1 for rows in run.starts().values())


@pytest.mark.parametrize("shards", [1, 5])
def test_jobs_of_a_killed_driver_are_taken_up_where_comments_are_rewritten(cluster, run, shards):
    run.put_before("sbatch", OTHER_COMMENT)
    run.seconds(20)
    first = run.start(shards=shards)
    run.wait_for("start", shards)
    first.send_signal(signal.SIGKILL)
    first.wait()
    output = run.finish(second := run.start(shards=shards))
    assert second.returncode == 0, output[-4000:]
    assert output.count("taken up") == shards
    run.assert_done_once(shards)
    assert all(len(rows) == 1 for rows in run.starts().values())


def test_a_limit_of_the_site_is_waited_for_and_is_no_attempt(cluster, run):
    run.put_before("sbatch", LIMIT_TWICE)
    output = run.finish(driver := run.start(shards=3))
    assert driver.returncode == 0, output[-4000:]
    assert "A limit of this site: sbatch: error: QOSMaxSubmitJobPerUserLimit" in output
    assert {rows[0][0] for rows in run.starts().values()} == {"1"}


def test_arrays_larger_than_a_site_takes_are_sent_in_turns(cluster, run):
    run.put_before("sbatch", FOUR_TASKS)
    output = run.finish(driver := run.start(shards=7))
    assert driver.returncode == 0, output[-4000:]
    run.assert_done_once(7)


def test_a_refusal_for_good_ends_at_once(cluster, run):
    run.put_before("sbatch", REFUSES)
    output = run.finish(driver := run.start("--retries", "3", shards=2), 60)
    assert driver.returncode != 0
    assert "Invalid account" in output
    assert "Change it with --set-resources shard:slurm_account=VALUE" in output
    assert "Trying to restart" not in output
    assert "Traceback" not in output


def test_a_wrong_input_is_not_tried_again(cluster, run):
    run.trouble("refuse", 1, times=9)
    output = run.finish(driver := run.start("--retries", "3", shards=3))
    assert driver.returncode != 0
    assert "not tried again, since its input is wrong: shard 1 makes no sense" in output
    assert len(run.starts()[1]) == 1


def test_a_node_that_fails_every_job_is_named_and_avoided(cluster, run):
    run.trouble("broken", "n1")
    output = run.finish(driver := run.start("--retries", "2", shards=16))
    assert driver.returncode == 0, output[-4000:]
    assert "failed at once on node n1" in output
    run.assert_done_once(16)


def test_a_wrong_request_for_gpus_is_told_before_submission(cluster, run):
    output = run.finish(driver := run.start("--set-resources", "shard:gres=gpu:9", shards=2), 60)
    assert driver.returncode != 0
    assert "Rule shard: " in output
    assert not run.journal("start")
