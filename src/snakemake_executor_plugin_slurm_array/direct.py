"""Jobs whose command a task can run itself, without a Snakemake that parses the workflow again.

A description has what the Snakemake of a job would do: which folders it makes, which old files it
removes, the command with its log, and the benchmark it writes.
"""

import os
from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.settings import SharedFSUsage

from xscatter.jobs import commands


def describe(executor: Any, jobs: list[Any]) -> dict[Any, dict[str, Any]] | None:
    """Return the description of each job; None: a Snakemake has to run them.

    Args:
        executor: the executor; whatever its workflow adds to commands needs a Snakemake.
        jobs: jobs of one rule.
    """
    workflow = executor.workflow
    prepared = (
        workflow.deployment_settings.deployment_method
        or workflow.storage_settings.default_storage_provider
        or workflow.remote_execution_settings.precommand
        or executor.envvars()
    )
    if prepared or not _shares_files(workflow.storage_settings):
        return None
    described = {}
    for job in jobs:
        one = _describe(job, workflow)
        if one is None:
            return None
        described[job] = one
    return described


def _shares_files(settings: Any) -> bool:
    """Return whether the nodes see the files and the software of the driver."""
    needed = {SharedFSUsage.INPUT_OUTPUT, SharedFSUsage.SOFTWARE_DEPLOYMENT}
    return needed <= set(settings.shared_fs_usage)


def _describe(job: Any, workflow: Any) -> dict[str, Any] | None:
    command = commands.parse(job.shellcmd) if job.is_shell and not job.is_shadow else None
    flags = {flag for file in [*job.input, *job.output] for flag in getattr(file, "flags", ())}
    if (
        command is None
        or flags - {"ancient"}
        or job.threads != 1
        or (job.benchmark_repeats or 1) > 1
    ):
        return None
    tmpdir = job.resources.get("tmpdir")
    return {
        "folder": os.getcwd(),
        "arguments": command.arguments,
        "log": command.log,
        "tmpdir": tmpdir if type(tmpdir) is str and Path(tmpdir).is_absolute() else None,
        "input": list(map(str, job.input)),
        "output": list(map(str, job.output)),
        "latency_wait": workflow.execution_settings.latency_wait,
        "benchmark": str(job.benchmark) if job.benchmark else None,
        "extended": _extended(job) if workflow.output_settings.benchmark_extended else None,
    }


def _extended(job: Any) -> dict[str, Any]:
    """Return the columns of an extended benchmark that are known before the job runs."""
    return {
        "jobid": job.jobid,
        "rule_name": job.rule.name,
        "wildcards": str(dict(job.wildcards.items())),
        "params": str({key: _plain(value) for key, value in job.params.items()}),
        "threads": job.threads,
        "resources": str({key: _plain(value) for key, value in job.resources.items()}),
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else str(value)
