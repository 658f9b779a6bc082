"""Submit to a Slurm that may be away, busy or full for a while, and never twice."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Messages of sbatch about a controller that is away, or too busy, for a while.
_PASSING = re.compile(
    r"contact slurm controller|timed out|try again|temporarily|Connection refused|Zero Bytes", re.I
)
# Messages about limits on how many jobs may wait or run: there is room when others end.
_LIMIT = re.compile(
    r"MaxSubmit|MaxJobs|MaxJobCount|submit limit|too many jobs|job count limit"
    r"|violates accounting/QOS policy|(?:QOS|Assoc)(?:Grp|Max)\w*",
    re.I,
)
# A job's number is a line of its own, perhaps after what a site prints.
_NUMBER = re.compile(r"^(?:Submitted batch job )?(\d+)(?:;\S+| on cluster \S+)?$")
_PATIENCE = 1800.0  # seconds that a submission waits for the controller
_ANSWER = 300.0  # seconds that sbatch may take
_APPEARS = 60.0  # seconds until an accepted job is in the queue
_PAUSES = (5, 10, 20, 40, 80, 160, 300)  # seconds between two tries at a limit


class RefusedError(OSError):
    """Slurm refuses the request, and would refuse it again."""


class LimitError(RefusedError):
    """A limit of this site refuses the submission though no other job of the user waits or runs."""


def sbatch(call: str, script: Path, run: str, cancelled: Callable[[], bool], logger: Any) -> str:
    """Submit a job, waiting for a controller that is away or a limit; return its number in Slurm.

    Args:
        call: the command of sbatch.
        script: the job's script, by which it is recognised if the answer of sbatch was lost.
        run: name of all jobs of this driver in Slurm.
        cancelled: whether to give up.
        logger: takes warnings.

    Raises:
        LimitError: a limit refuses it, and waiting cannot help.
        RefusedError: Slurm refuses the job.
        OSError: Slurm does not answer for half an hour.
    """
    end = time.monotonic() + _PATIENCE
    waits, alone = 0, 0
    while True:
        status, output, text = _call(call)
        number = number_in(output) if status == 0 else None
        if number:
            return number
        if status == 0 or _PASSING.search(text):
            if status:
                logger.warning("Slurm's controller does not answer; the submission waits for it.")
                time.sleep(min(10, _APPEARS))
            # The controller may have accepted the job before it went away.
            identifier = accepted(script, run, cancelled, _APPEARS if status == 0 else 0)
            if identifier:
                return identifier
            if status == 0:
                raise OSError(f"sbatch printed no job number: {text or output!r}")
            if not cancelled() and time.monotonic() < end:
                continue
        if cancelled() or _PASSING.search(text):
            raise OSError(f"sbatch: {text}")
        if not _LIMIT.search(text):
            raise RefusedError(f"sbatch: {text}")
        alone = 0 if _others_queued() else alone + 1
        if alone == 3:
            raise LimitError(f"sbatch: {text}")
        pause = _PAUSES[min(waits, len(_PAUSES) - 1)]
        logger.warning(f"A limit of this site: {text}. Trying again in {pause} s.")
        _sleep(pause, cancelled)
        waits += 1
        end = time.monotonic() + _PATIENCE


def number_in(output: str) -> str | None:
    """Return the number of the job that sbatch printed: the last line that is one."""
    numbers = [match[1] for line in output.splitlines() if (match := _NUMBER.match(line.strip()))]
    return numbers[-1] if numbers else None


def accepted(
    script: Path, run: str, cancelled: Callable[[], bool], seconds: float = 0.0
) -> str | None:
    """Return the number of the Slurm job that runs `script`; None: there is none.

    Args:
        script: of a submission.
        run: name of all jobs of this driver in Slurm.
        cancelled: whether to give up.
        seconds: how long to look.
    """
    listing = ["squeue", "--noheader", "--states=all", f"--name={run}", "--format=%A|%o"]
    end = time.monotonic() + seconds
    while True:
        # A job that ran and was forgotten left its number beside its script.
        for mark in script.parent.glob("*.start"):
            number = mark.read_text().split()
            if number:
                return number[0]
        await_controller(cancelled)
        queue = subprocess.run(listing, capture_output=True, text=True)
        for row in queue.stdout.splitlines():
            identifier, _, command = row.partition("|")
            if command.strip() == str(script):
                return identifier.strip()
        answered = queue.returncode == 0
        if cancelled() or (answered and time.monotonic() >= end):
            return None
        time.sleep(2)


def await_controller(cancelled: Callable[[], bool]) -> None:
    """Wait until Slurm's controller answers, but at most half an hour, or until `cancelled`."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and not cancelled():
        if subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0:
            return
        time.sleep(5)


def _call(call: str) -> tuple[int, str, str]:
    """Return status, output and message of sbatch; a call that does not end counts as timed out."""
    try:
        done = subprocess.run(call, shell=True, capture_output=True, text=True, timeout=_ANSWER)
    except subprocess.TimeoutExpired:
        return 1, "", "sbatch timed out"
    return done.returncode, done.stdout, " ".join(done.stderr.split())


def _others_queued() -> bool:
    """Return whether jobs of this user wait or run, whose end makes room."""
    queue = subprocess.run(
        ["squeue", "--noheader", "--me", "--format=%A"], capture_output=True, text=True
    )
    return queue.returncode != 0 or bool(queue.stdout.strip())


def _sleep(seconds: float, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not cancelled():
        time.sleep(1)
