"""Find what Slurm would refuse, before anything is submitted, and the line to change."""

import math
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string
from snakemake_interface_common.exceptions import WorkflowError

from . import arrays
from .profile import partition_file, place_of, profile_line, profiles

_KEY = {
    "invalid account": "slurm_account",
    "partition": "slurm_partition",
    "time limit": "runtime",
    "qos": "qos",
}
_KEY |= {
    "memory": "mem_mb",
    "cpu count": "threads",
    "generic resource": "gpu",
    "feature": "constraint",
}
# If Slurm does not say what no node has: the first of these without which it would take the job.
_OF_NODE = (
    "constraint",
    "cpus_per_gpu",
    "gpu_model",
    "mem_mb",
    "mem_mb_per_cpu",
    "cpus_per_task",
    "nodes",
    "tasks",
    "gpu",
)
# Resources that a partition limits, by name; and resources that are requested along with a GPU.
_LIMITED = ("runtime", "mem_mb", "threads", "nodes", "tasks", "gpu")
_UP = {"idle", "mix", "alloc", "comp"}  # states of nodes that take jobs
_OF_GPU = ("gpu", "gres", "gpu_model", "cpus_per_gpu")


def slurm_is_here() -> None:
    """Refuse to start if there is no Slurm.

    Raises:
        WorkflowError: its commands are missing, or the controller does not answer.
    """
    missing = [name for name in ("sbatch", "squeue", "scontrol") if not shutil.which(name)]
    if missing:
        raise WorkflowError(
            f"No Slurm here: {', '.join(missing)} not found. Run this on a login node of the "
            "cluster, or without `--profile slurm`, as `snakemake --cores all`."
        )
    done = subprocess.run(["scontrol", "ping"], capture_output=True, text=True)
    if done.returncode:
        text = " ".join((done.stdout + done.stderr).split())
        raise WorkflowError(
            f"Slurm's controller does not answer ({text}). Run the same command again when it does."
        )


def lowered(request: Any, partitions: list[Any]) -> dict[str, int]:
    """Return the runtime and memory to which a request must be lowered to fit a partition.

    Of the `partitions`, the one counts whose limits it exceeds least: it took the job's first
    attempt. The `request` is one of a later attempt, which asks for more.
    """
    own = request.resources.get("slurm_partition")
    grown = ("runtime", "mem_mb")
    fitting = [
        part for part in partitions if (part.name == own if own else _fits(part, request, *grown))
    ]
    if not fitting or any(_fits(part, request) for part in fitting):
        return {}
    wish = {key: request.resources.get(key) for key in grown}
    wish = {key: value for key, value in wish.items() if isinstance(value, (int, float))}
    limits = [{key: getattr(part.limits, f"max_{key}") for key in wish} for part in fitting]
    limit = min(limits, key=lambda limit: max((wish[key] / limit[key] for key in wish), default=0))
    return {key: int(limit[key]) for key in wish if wish[key] > limit[key]}


def too_much(request: Any, partitions: list[Any]) -> tuple[str, float]:
    """Return the one resource that keeps `request` out of all `partitions`, and how much would fit.

    The name is empty if it is several resources at once.
    """
    for key in _LIMITED:
        fitting = [
            part
            for part in partitions
            if _fits(part, request, *(_OF_GPU if key == "gpu" else (key,)))
        ]
        if fitting:
            return key, max(getattr(part.limits, f"max_{key}") for part in fitting)
    return "", math.inf


def _fits(partition: Any, request: Any, *without: str) -> bool:
    """Return whether `partition` takes `request`, if that did not ask for `without`."""
    return partition.score_job_fit(_without(request, *without)) is not None


def requests_fit(executor: Any) -> None:
    """Ask Slurm about the request of one job of every rule that will run.

    Raises:
        WorkflowError: a request that Slurm would refuse, or never start.
    """
    limits = partition_limits()
    path = partition_file(executor.settings)
    for part in executor._partitions or []:
        if limits and part.name not in limits and not part.partition_cluster:
            known = ", ".join(limits)
            place = place_of(path, "partitions", part.name)
            raise WorkflowError(
                f"{place}: this cluster has no partition {part.name!r}; it has {known}."
            )
    seen = set()
    for job in executor.workflow.dag.needrun_jobs():
        if job.is_group() or job.is_local or job.rule.name in seen:
            continue
        seen.add(job.rule.name)
        request = arrays.task_request([job]) if arrays.wants_array(job) else job
        if any(
            type(request.resources.get(key)).__name__ == "TBDString"
            for key in ("runtime", "mem_mb", "tasks")
        ):
            continue  # known only when its input exists
        problem = _problem(executor, request, limits)
        if problem:
            key, text, most = problem
            raise WorkflowError(
                f"Rule {job.rule.name}: {text}. {_where(executor, request, key, most)}"
            )


def _problem(
    executor: Any, request: Any, limits: dict[str, int | None]
) -> tuple[str, str, float] | None:
    """Return the resource to change, what is wrong, and how much a partition takes; or None."""
    runtime = request.resources.get("runtime")
    choice = [] if request.resources.get("slurm_partition") else executor._partitions or []
    if choice and all(part.score_job_fit(request) is None for part in choice):
        key, most = too_much(request, choice)
        said = {
            key: request.resources.get(key)
            for key in ("runtime", "mem_mb", "nodes", "tasks", *_OF_GPU)
        }
        wish = ", ".join(
            f"{key} {value}"
            for key, value in (said | {"threads": request.threads}).items()
            if value
        )
        much = f": {key} may be {most:g}" if math.isfinite(most) else ""
        return key, f"no partition of {partition_file(executor.settings)} fits {wish}{much}", most
    try:
        partition = executor.get_partition_arg(request)
        account = next(executor.get_account_arg(request))
    except WorkflowError as error:
        return "slurm_account", " ".join(str(error).split()), math.inf
    name = partition.split()[-1].strip("'") if partition else ""
    if name and limits and name not in limits:
        return (
            "slurm_partition",
            f"this cluster has no partition {name!r}; it has {', '.join(limits)}",
            math.inf,
        )
    longest = limits.get(name)
    if longest and isinstance(runtime, int) and runtime > longest:
        return (
            "runtime",
            f"runtime {runtime} min is over the limit of partition {name!r}, {longest} min",
            longest,
        )
    text = _refusal(executor, request, partition, account)
    if not text:
        return None
    if "node configuration is not available" in text and not _nodes_up(name):
        return None  # so Slurm also says of nodes that are away for a while: jobs wait for them
    key = _key_in(text)
    tried = (key for key in _OF_NODE if request.resources.get(key) is not None)
    key = key or next(
        (
            key
            for key in tried
            if not _refusal(executor, _without(request, key), partition, account)
        ),
        "",
    )
    return key, f"Slurm refuses it: {text.replace('allocation failure: ', '')}", math.inf


def _key_in(text: str) -> str:
    """Return the resource that Slurm's message is about; empty: it does not say."""
    return next((key for word, key in _KEY.items() if word in text.lower()), "")


def advice(executor: Any, job: Any, text: str) -> str:
    """Return what to change after sbatch refused a job with the message `text`."""
    return _where(executor, job, _key_in(text), math.inf)


def others_than(nodes: set[str]) -> bool:
    """Return whether the cluster has nodes that take jobs besides `nodes`."""
    if not nodes:
        return True
    command = ["sinfo", "--noheader", "-N", "--format=%N %t"]
    done = subprocess.run(command, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()]
    return any(node not in nodes and state.rstrip("*") in _UP for node, state in rows)


def _refusal(executor: Any, request: Any, partition: str, account: str) -> str:
    """Return what Slurm says about a request that it refuses, else nothing."""
    where = {
        "workdir": None,
        "slurm_logfile": "/dev/null",
        "run_uuid": "test",
        "comment_str": "test",
    }
    where |= {"partition": partition, "account": account}
    call = get_submit_command(request, where, settings=executor.settings)
    call += set_gres_string(request)
    call = call.replace("--parsable", "--test-only", 1) + " --wrap=true"
    done = subprocess.run(call, shell=True, capture_output=True, text=True)
    return " ".join(done.stderr.split()) if done.returncode else ""


def _without(request: Any, *names: str) -> arrays.Task:
    """Return `request` without the resources `names`."""
    resources = arrays.Resources(
        {key: value for key, value in request.resources.items() if key not in names}
    )
    threads = 1 if "threads" in names else request.threads
    return arrays.Task(request.rule.name, request.rule, threads, resources)


def _nodes_up(partition: str) -> bool:
    """Return whether any node of `partition` (if it is empty, of any partition) takes jobs."""
    command = [
        "sinfo",
        "--noheader",
        "--format=%t",
        *([f"--partition={partition}"] if partition else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode != 0 or not _UP.isdisjoint(done.stdout.split())


@cache
def partition_limits() -> dict[str, int | None]:
    """Return the longest walltime of each partition in minutes; None: no limit."""
    done = subprocess.run(
        ["scontrol", "--all", "-o", "show", "partition"], capture_output=True, text=True
    )
    limits: dict[str, int | None] = {}
    for line in done.stdout.splitlines():
        name = re.search(r"PartitionName=(\S+)", line)
        longest = re.search(r"MaxTime=(\S+)", line)
        if name:
            limits[name[1]] = minutes(longest[1]) if longest else None
    return limits


def minutes(text: str) -> int | None:
    """Return the minutes of a Slurm time such as ``1-00:00:00``; None for UNLIMITED."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if not match:
        return None
    days, hours, mins, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + mins


def _where(executor: Any, request: Any, key: str, most: float) -> str:
    """Return what to change: the line of the profile that sets `key`, or where to add it.

    The study, not the profile, limits the time of a training: it must know when to stop.

    Args:
        executor: the executor.
        request: the request that is refused.
        key: the resource to change; empty: not known.
        most: how much of it a partition takes.
    """
    rule = request.rule.name
    path = partition_file(executor.settings)
    extra = f", or the limits in {path}" if path and math.isfinite(most) else ""
    paths = profiles(Path(executor.workflow.workdir_init))
    by_profile = any(profile_line(path, rule, key, request.resources.get(key)) for path in paths)
    if key == "runtime" and rule.startswith("train") and math.isfinite(most) and not by_profile:
        hours = f"walltime.training_hours: {math.floor(most / 0.6) / 100:g}"
        return (
            f"Set {hours} in the study, and walltime.training_legs to as many as a training "
            f"needs{extra}."
        )
    for path in paths:
        line = profile_line(path, rule, key, request.resources.get(key)) if key else None
        if line:
            return f"Change {key} in {path}, line {line}{extra}."
        line = profile_line(path, rule)
        place = f"{rule} (line {line})" if line else rule
        return f"Set {key or 'its resources'} under set-resources, {place}, in {path}{extra}."
    return f"Change it with --set-resources {rule}:{key or 'KEY'}=VALUE{extra}."
