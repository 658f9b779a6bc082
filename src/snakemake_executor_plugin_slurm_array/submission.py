"""Submit to a controller that may be away for a while, and never twice."""

import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

from snakemake_executor_plugin_slurm.validation import validate_or_get_slurm_job_id

# Messages of sbatch about a controller that is away, or too busy, for a while.
_PASSING = re.compile(
    r"contact slurm controller|timed out|try again|temporarily|Connection refused|Zero Bytes", re.I
)
_PATIENCE = 1800.0  # seconds that a submission waits for the controller


def sbatch(call: str, run: str, comment: str, cancelled: Callable[[], bool], logger: Any) -> str:
    """Submit a job, waiting for a controller that is away; return its number in Slurm.

    Args:
        call: the command of sbatch.
        run: name of all jobs of this driver in Slurm.
        comment: comment of this job, by which it is found if the answer of sbatch was lost.
        cancelled: whether to give up.
        logger: takes warnings.

    Raises:
        OSError: Slurm refuses the job, or does not answer for half an hour.
    """
    end = time.monotonic() + _PATIENCE
    listing = ["squeue", "--noheader", "--states=all", f"--name={run}", "--format=%A|%k"]
    while True:
        done = subprocess.run(call, shell=True, capture_output=True, text=True)
        if done.returncode == 0:
            return validate_or_get_slurm_job_id(done.stdout.strip().split(";")[0], done.stdout)
        if cancelled() or time.monotonic() > end or not _PASSING.search(done.stderr):
            raise OSError(f"sbatch: {' '.join(done.stderr.split())}")
        logger.warning("Slurm's controller does not answer; the submission waits for it.")
        time.sleep(10)
        await_controller(cancelled)
        # The controller may have accepted the job before it went away.
        queue = subprocess.run(listing, capture_output=True, text=True)
        for row in queue.stdout.splitlines():
            identifier, _, text = row.partition("|")
            if text.strip() == comment:
                return identifier.strip()


def await_controller(cancelled: Callable[[], bool]) -> None:
    """Wait until Slurm's controller answers, but at most half an hour, or until `cancelled`."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and not cancelled():
        if subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0:
            return
        time.sleep(5)
