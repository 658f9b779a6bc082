"""Snakemake executor `slurm-array`: equal jobs that are ready become one Slurm job array.

It extends the official Slurm executor, whose own array mode runs wrong shards and deadlocks. Every
shard stays a Snakemake job of its own, with its own command, outputs, log, retries and resources;
an array task only runs the commands of its jobs. Groups, MPI jobs, GPU jobs and single jobs
are submitted by the official executor.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from snakemake_executor_plugin_slurm import ExecutorSettings as OfficialSettings
from snakemake_executor_plugin_slurm import common_settings

from . import home
from .executor import Executor

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

# Every `snakemake` imports its executors, whichever it will use, before it makes its cache.
home.settle()


def _setting(default: object, text: str) -> object:
    return field(default=default, metadata={"help": text, "env_var": False, "required": False})


@dataclass
class ExecutorSettings(OfficialSettings):
    """Settings of the official executor, and those of the arrays."""

    # `Optional`, because Snakemake cannot read `str | None`.
    status_command: Optional[str] = _setting(  # type: ignore[assignment]  # noqa: UP045
        None,
        "What to ask first for the state of jobs, 'squeue' or 'sacct'. The other one is asked for "
        "jobs that the first does not know, if there is accounting. Default: squeue.",
    )
    task_minutes: int = _setting(  # type: ignore[assignment]
        60,
        "Longest array task of several jobs, in minutes: short jobs, by their resource "
        "`job_seconds` or else by their runtime, run one after another in one task. 0: one job in "
        "each task.",
    )
    least_tasks: int = _setting(  # type: ignore[assignment]
        8,
        "Number of tasks over which a wave of short jobs is spread at least. If Slurm tells how "
        "many cores are free, each of them gets a task, too.",
    )
    throttle: int = _setting(  # type: ignore[assignment]
        0, "How many tasks of one array may run at the same time. 0: as many as Slurm allows."
    )
    settle_seconds: int = _setting(  # type: ignore[assignment]
        2,
        "Seconds to wait for more ready jobs before an array is submitted, so that a wave becomes "
        "one array.",
    )

    def __post_init__(self) -> None:
        """Check the settings, and make the path of the partitions independent of --directory."""
        super().__post_init__()
        if self.partition_config:
            self.partition_config = Path(self.partition_config).resolve()
