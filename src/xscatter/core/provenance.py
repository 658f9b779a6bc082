"""Who made a file, with what: the part that is the same every time, and the part that is not.

Shards carry only the stable part, so that the same seed gives the same bytes; time, host and
command go to the log of the job, and into the JSON products of training and evaluation.
"""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xscatter import __version__


@cache
def git_revision() -> str | None:
    """Revision of the source tree that runs, with ``+changes`` when it differs, or None outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def versions(*packages: str) -> dict[str, str]:
    """Versions of xscatter, Python and those `packages` that are installed."""
    found = {"xscatter": __version__, "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def run_record(**facts: object) -> dict[str, object]:
    """Versions, revision, command, host, time and `facts`: for logs and JSON products."""
    return {
        "versions": versions(
            "numpy", "scipy", "h5py", "hdf5plugin", "numba", "mpi4py", "keras", "tensorflow-cpu"
        ),
        "revision": git_revision(),
        "command": shlex.join(sys.argv),
        "host": platform.node(),
        "job": os.environ.get("SLURM_JOB_ID"),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }
