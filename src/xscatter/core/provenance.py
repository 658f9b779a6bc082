"""The program that made a file: versions, revision, command, host and time.

Shards carry only the version, so that the same seed gives the same bytes. Time, host and command
go to the log of the job, and into the JSON files of training and evaluation.
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

from xscatter.core.version import __version__


@cache
def git_revision() -> str | None:
    """Return the git revision of the running source tree, or None outside git.

    ``+changes`` at its end says that the tree differs from the revision.
    """
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
    """Return the versions of xscatter, Python and those `packages` that are installed."""
    installed = {"xscatter": __version__, "python": platform.python_version()}
    for name in packages:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def run_record(**facts: object) -> dict[str, object]:
    """Return versions, revision, command, host, time and `facts`, for logs and JSON files."""
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
