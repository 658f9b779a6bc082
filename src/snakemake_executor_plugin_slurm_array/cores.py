"""How many cores of a cluster there are, and how many are free now."""

import re
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass

_KEPT = 10.0  # seconds for which an answer of Slurm holds


@dataclass(frozen=True)
class Cores:
    """Cores of some partitions: those that are free, and all that are in order."""

    free: int
    all: int


UNKNOWN = Cores(0, 0)
_last: tuple[float, str] = (0.0, "")


def of(partitions: Collection[str]) -> Cores:
    """Return the cores of `partitions`, or of Slurm's default partition if there are none.

    Partitions may share nodes: their cores are not added.
    """
    counts = [UNKNOWN]
    for line in _listing().splitlines():
        match = re.fullmatch(r"(\S+?)(\*?)\|(\d+)/(\d+)/(\d+)/(\d+)", line.strip())
        if match and (match[1] in partitions if partitions else match[2]):
            busy, idle = int(match[3]), int(match[4])
            counts.append(Cores(idle, busy + idle))
    return Cores(max(count.free for count in counts), max(count.all for count in counts))


def _listing() -> str:
    """Return name and allocated/idle/other/total cores of each partition; empty: not known."""
    global _last
    when, text = _last
    if time.monotonic() - when > _KEPT or not text:
        command = ["sinfo", "--noheader", "--format=%P|%C"]
        try:
            text = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
        except (OSError, subprocess.TimeoutExpired):
            text = ""
        _last = (time.monotonic(), text)
    return text
