"""What would be refused is told before anything is submitted, with the line of the profile to change."""

import dataclasses
import difflib
import math
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from snakemake_executor_plugin_slurm.partitions import PartitionLimits
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_interface_common.exceptions import WorkflowError

from . import arrays

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
# Where Slurm does not say what no node has, the first of these without which it would take the job.
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
# What a partition has a limit for, by the name of the resource; and what is asked for along with a GPU.
_LIMITED = ("runtime", "mem_mb", "threads", "nodes", "tasks", "gpu")
_OF_GPU = ("gpu", "gres", "gpu_model", "cpus_per_gpu")
# Sections of a profile that hold names of resources.
_SECTIONS = ("default-resources", "set-resources", "set-threads")


def slurm_is_here() -> None:
    """Refuse to start where there is no Slurm.

    Raises:
        WorkflowError: its commands are missing, or the controller does not answer.
    """
    missing = [name for name in ("sbatch", "squeue", "scontrol") if not shutil.which(name)]
    if missing:
        raise WorkflowError(
            f"No Slurm here: {', '.join(missing)} not found. Run this on a login node of the cluster, "
            "or without `--profile slurm`, as `snakemake --cores all`."
        )
    done = subprocess.run(["scontrol", "ping"], capture_output=True, text=True)
    if done.returncode:
        text = " ".join((done.stdout + done.stderr).split())
        raise WorkflowError(
            f"Slurm's controller does not answer ({text}). Type the same line again when it does."
        )


def partition_file(settings: Any) -> Path | None:
    """The file of partitions that the official executor reads."""
    path = settings.partition_config or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS")
    return Path(path) if path else None


def partition_keys(path: Path) -> None:
    """Refuse a file of partitions that is not there, or has limits that are not known or cannot be compared.

    Raises:
        WorkflowError: a line that names file, line and key.
    """
    if not path.is_file():
        raise WorkflowError(
            f"{path}: no such file. `xscatter profile detect --write` makes it; or take the line "
            "slurm-array-partition-config out of the profile."
        )
    try:
        partitions = yaml.safe_load(path.read_text())["partitions"].items()
    except (OSError, yaml.YAMLError, TypeError, KeyError, AttributeError):
        return  # the official executor says what is wrong
    names = [field.name for field in dataclasses.fields(PartitionLimits)]
    for name, limits in partitions:
        if not isinstance(limits, dict):
            place = _place(path, "partitions", name)
            raise WorkflowError(
                f"{place}: partition {name} has no limits; add one, such as max_gpu: 0."
            )
        for key, value in limits.items():
            if key not in (*names, "slurm_cluster", "cluster", "clusters"):
                near = difflib.get_close_matches(str(key), names, 1)
                meant = f"is {near[0]} meant?" if near else f"limits are {', '.join(names)}."
                place = _place(path, "partitions", name, key)
                raise WorkflowError(f"{place}: {key} of partition {name} is no limit; {meant}")
            if (
                key.startswith("max_")
                and key != "max_runtime"
                and not isinstance(value, (int, float))
            ):
                place = _place(path, "partitions", name, key)
                raise WorkflowError(
                    f"{place}: {key} of partition {name} is {value!r}; write a number."
                )


def profile_keys(path: Path) -> None:
    """Refuse what a profile says in a way that Snakemake passes over, or reads as something else.

    Raises:
        WorkflowError: a line that names file, line and key.
    """
    try:
        root = yaml.compose(path.read_text())
    except (OSError, yaml.YAMLError):
        return  # Snakemake says what is wrong
    for name, node in _pairs(root):
        near = difflib.get_close_matches(name.value, _SECTIONS, 1, 0.85)
        if (
            near and near[0] != name.value
        ):  # Snakemake takes it for an abbreviation, and loses what it holds
            place = f"{path}, line {name.start_mark.line + 1}"
            raise WorkflowError(
                f"{place}: {name.value} is no key of a profile; is {near[0]} meant?"
            )
        if name.value not in _SECTIONS:
            continue
        for key, value in [
            *_pairs(node),
            *(pair for _, rule in _pairs(node) for pair in _pairs(rule)),
        ]:
            if (
                isinstance(value, yaml.ScalarNode)
                and not value.style
                and re.fullmatch(r"\d+(:\d\d)+", value.value)
            ):
                place, read = f"{path}, line {key.start_mark.line + 1}", yaml.safe_load(value.value)
                said = f"{key.value}: {value.value} is the number {read} in YAML"
                raise WorkflowError(f"{place}: {said}; write minutes, or a time such as 24h.")


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    """Names and values of a mapping; none of anything else."""
    return node.value if isinstance(node, yaml.MappingNode) else []


def lowered(request: Any, partitions: list[Any]) -> dict[str, int]:
    """Runtime and memory that the `request` of a job that is tried again must be lowered to, to fit a partition.

    The partition whose limits it exceeds least is taken: it fitted the job's first attempt.
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
    """What alone keeps `request` out of all `partitions`, and the most of it that fits.

    No name where it is several things at once.
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
    """Whether `partition` takes `request`, or would if that did not ask for some resources."""
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
            there = ", ".join(limits)
            place = _place(path, "partitions", part.name)
            raise WorkflowError(
                f"{place}: this cluster has no partition {part.name!r}; it has {there}."
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
            continue  # known only when its input is there
        problem = _problem(executor, request, limits)
        if problem:
            key, text, most = problem
            raise WorkflowError(
                f"Rule {job.rule.name}: {text}. {_where(executor, request, key, most)}"
            )


def _problem(
    executor: Any, request: Any, limits: dict[str, int | None]
) -> tuple[str, str, float] | None:
    """(resource to change, what is wrong, the most of it that a partition takes where that is known), or None."""
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
        return None  # Slurm says the same of nodes that are away for a while; jobs wait for them in the queue
    key = next((key for word, key in _KEY.items() if word in text.lower()), "")
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


def _refusal(executor: Any, request: Any, partition: str, account: str) -> str:
    """What Slurm says of a request that it would not take, else nothing."""
    where = {
        "workdir": None,
        "slurm_logfile": "/dev/null",
        "run_uuid": "test",
        "comment_str": "test",
    }
    where |= {"partition": partition, "account": account}
    call = get_submit_command(request, where, settings=executor.settings)
    call = call.replace("--parsable", "--test-only", 1) + " --wrap=true"
    done = subprocess.run(call, shell=True, capture_output=True, text=True)
    return " ".join(done.stderr.split()) if done.returncode else ""


def _without(request: Any, *names: str) -> arrays.Task:
    """`request` without some of its resources."""
    resources = arrays.Resources(
        {key: value for key, value in request.resources.items() if key not in names}
    )
    threads = 1 if "threads" in names else request.threads
    return arrays.Task(request.rule.name, request.rule, threads, resources)


def _nodes_up(partition: str) -> bool:
    """Whether any node of `partition` (of any partition, if it is empty) takes jobs."""
    command = [
        "sinfo",
        "--noheader",
        "--format=%t",
        *([f"--partition={partition}"] if partition else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode != 0 or not {"idle", "mix", "alloc", "comp"}.isdisjoint(
        done.stdout.split()
    )


@cache
def partition_limits() -> dict[str, int | None]:
    """Longest walltime of each partition in minutes, None where there is none."""
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
    """Minutes of a Slurm time such as ``1-00:00:00`` or ``08:00:00``; None for UNLIMITED."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if not match:
        return None
    days, hours, mins, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + mins


def _where(executor: Any, request: Any, key: str, most: float) -> str:
    """The line of the profile that holds the `key` of `request`, or where to add it.

    `most` of it fits a partition. A training that is too long is one for the study: it must know when to stop.
    """
    rule = request.rule.name
    path = partition_file(executor.settings)
    extra = f", or the limits in {path}" if path and math.isfinite(most) else ""
    paths = profiles(Path(executor.workflow.workdir_init))
    by_profile = any(profile_line(path, rule, key, request.resources.get(key)) for path in paths)
    if key == "runtime" and rule.startswith("train") and math.isfinite(most) and not by_profile:
        hours = f"walltime.training_hours: {math.floor(most / 0.6) / 100:g}"
        return f"Set {hours} in the study, and walltime.training_legs to as many as a training needs{extra}."
    for path in paths:
        line = profile_line(path, rule, key, request.resources.get(key)) if key else None
        if line:
            return f"Change {key} in {path}, line {line}{extra}."
        line = profile_line(path, rule)
        place = f"{rule} (line {line})" if line else rule
        return f"Set {key or 'its resources'} under set-resources, {place}, in {path}{extra}."
    return f"Change it with --set-resources {rule}:{key or 'KEY'}=VALUE{extra}."


def profiles(here: Path) -> list[Path]:
    """The configuration files of the profiles that this command line, typed in the folder `here`, names."""
    names = [os.environ.get("SNAKEMAKE_PROFILE", "")]
    for place, word in enumerate(sys.argv):
        if word in ("--profile", "--workflow-profile") and place + 1 < len(sys.argv):
            names.append(sys.argv[place + 1])
        elif word.startswith(("--profile=", "--workflow-profile=")):
            names.append(word.partition("=")[2])
    user = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "snakemake"
    folders = [
        folder
        for name in names
        if name
        for folder in (here / name, here / "profiles" / name, user / name)
    ]
    return [
        path
        for folder in folders
        for path in sorted(folder.glob("*config*.yaml"))
        if path.is_file()
    ]


def profile_line(path: Path, rule: str, key: str = "", value: object = None) -> int | None:
    """Line of `key` for `rule` in a profile, counted from 1, or of the default that gave it its `value`.

    Without a key, the line of the rule itself.
    """
    try:
        root = yaml.compose(path.read_text())
    except (OSError, yaml.YAMLError):
        return None
    own = _find(root, ("set-resources", rule, key) if key else ("set-resources", rule))
    if own or not key:
        return own[0] if own else None
    # What a rule says itself goes before the default, which then is not the line to change.
    default = _find(root, ("default-resources", key))
    return default[0] if default and default[1] == str(value) else None


def _place(path: Path, *steps: str) -> str:
    """The file `path` and the line in it that `steps` lead to."""
    found = _find(yaml.compose(path.read_text()), steps)
    return f"{path}, line {found[0]}" if found else str(path)


def _find(node: Any, steps: tuple[str, ...]) -> tuple[int, str] | None:
    """Line and value of what `steps` lead to."""
    for step in steps:
        if isinstance(node, yaml.SequenceNode):  # default-resources as a list of key=value
            found = next(
                (item for item in node.value if str(item.value).startswith(f"{step}=")), None
            )
            return (found.start_mark.line + 1, found.value.partition("=")[2]) if found else None
        pair = next(((name, value) for name, value in _pairs(node) if name.value == step), None)
        if not pair:
            return None
        name, node = pair
    return name.start_mark.line + 1, str(node.value)
