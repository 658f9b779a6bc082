"""What would be refused is told before anything is submitted, with the line of the profile to change."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_interface_common.exceptions import WorkflowError

from . import arrays

_KEY = {"invalid account": "slurm_account", "partition": "slurm_partition", "time limit": "runtime", "qos": "qos"}
_KEY |= {"memory": "mem_mb", "node configuration": "mem_mb", "cpu count": "threads", "generic resource": "gpu"}


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
        raise WorkflowError(f"Slurm's controller does not answer ({text}). Type the same line again when it does.")


def requests_fit(executor: Any) -> None:
    """Ask Slurm about the request of one job of every rule that will run.

    Raises:
        WorkflowError: a request that Slurm would refuse, or never start.
    """
    limits = partition_limits()
    seen = set()
    for job in executor.workflow.dag.needrun_jobs():
        if job.is_group() or job.is_local or job.rule.name in seen:
            continue
        seen.add(job.rule.name)
        request = arrays.task_request([job]) if arrays.wants_array(job) else job
        if any(type(request.resources.get(key)).__name__ == "TBDString" for key in ("runtime", "mem_mb", "tasks")):
            continue  # known only when its input is there
        problem = _problem(executor, request, limits)
        if problem:
            key, text = problem
            raise WorkflowError(f"Rule {job.rule.name}: {text}. {_where(executor, request, key)}")


def _problem(executor: Any, request: Any, limits: dict[str, int | None]) -> tuple[str, str] | None:
    """(resource to change, what is wrong), or None."""
    try:
        partition = executor.get_partition_arg(request)
        account = next(executor.get_account_arg(request))
    except WorkflowError as error:
        return "slurm_account", " ".join(str(error).split())
    name = partition.split()[-1].strip("'") if partition else ""
    runtime = request.resources.get("runtime")
    choice = [] if request.resources.get("slurm_partition") else executor._partitions or []
    if choice and all(part.score_job_fit(request) is None for part in choice):
        wish = f"runtime {runtime} min, mem_mb {request.resources.get('mem_mb')}, {request.threads} threads"
        return "runtime", f"no partition of {executor.settings.partition_config} fits {wish}"
    if name and limits and name not in limits:
        return "slurm_partition", f"this cluster has no partition {name!r}; it has {', '.join(limits)}"
    longest = limits.get(name)
    if longest and isinstance(runtime, int) and runtime > longest:
        return "runtime", f"runtime {runtime} min is over the limit of partition {name!r}, {longest} min"
    where = {"workdir": None, "slurm_logfile": "/dev/null", "run_uuid": "test", "comment_str": "test"}
    where |= {"partition": partition, "account": account}
    call = get_submit_command(request, where, settings=executor.settings)
    call = call.replace("--parsable", "--test-only", 1) + " --wrap=true"
    done = subprocess.run(call, shell=True, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    text = " ".join(done.stderr.split())
    if "node configuration is not available" in text and not _nodes_up(name):
        return None  # Slurm says the same of nodes that are away for a while; jobs wait for them in the queue
    key = next((key for word, key in _KEY.items() if word in text.lower()), "")
    return key, f"Slurm refuses it: {text.replace('allocation failure: ', '')}"


def _nodes_up(partition: str) -> bool:
    """Whether any node of `partition` (of any partition, if it is empty) takes jobs."""
    command = ["sinfo", "--noheader", "--format=%t", *([f"--partition={partition}"] if partition else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode != 0 or not {"idle", "mix", "alloc", "comp"}.isdisjoint(done.stdout.split())


@cache
def partition_limits() -> dict[str, int | None]:
    """Longest walltime of each partition in minutes, None where there is none."""
    done = subprocess.run(["scontrol", "-o", "show", "partition"], capture_output=True, text=True)
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


def _where(executor: Any, request: Any, key: str) -> str:
    """The line of the profile that holds the `key` of `request`, or where to add it."""
    rule = request.rule.name
    if key == "runtime" and executor.settings.partition_config:
        extra = f", or the limits in {executor.settings.partition_config}"
    else:
        extra = ""
    for path in _profiles(Path(executor.workflow.workdir_init)):
        line = profile_line(path, rule, key, request.resources.get(key))
        if line:
            return f"Change {key} in {path}, line {line}{extra}."
        line = profile_line(path, rule)
        place = f"{rule} (line {line})" if line else rule
        return f"Set {key or 'its resources'} under set-resources, {place}, in {path}{extra}."
    return f"Change it with --set-resources {rule}:{key or 'KEY'}=VALUE{extra}."


def _profiles(here: Path) -> list[Path]:
    """The configuration files of the profiles that this command line, typed in the folder `here`, names."""
    names = [os.environ.get("SNAKEMAKE_PROFILE", "")]
    for place, word in enumerate(sys.argv):
        if word in ("--profile", "--workflow-profile") and place + 1 < len(sys.argv):
            names.append(sys.argv[place + 1])
        elif word.startswith(("--profile=", "--workflow-profile=")):
            names.append(word.partition("=")[2])
    user = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "snakemake"
    folders = [folder for name in names if name for folder in (here / name, here / "profiles" / name, user / name)]
    return [path for folder in folders for path in sorted(folder.glob("*config*.yaml")) if path.is_file()]


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


def _find(node: Any, steps: tuple[str, ...]) -> tuple[int, str] | None:
    """Line and value of what `steps` lead to."""
    for step in steps:
        if isinstance(node, yaml.SequenceNode):  # default-resources as a list of key=value
            found = next((item for item in node.value if str(item.value).startswith(f"{step}=")), None)
            return (found.start_mark.line + 1, found.value.partition("=")[2]) if found else None
        if not isinstance(node, yaml.MappingNode):
            return None
        pair = next(((name, value) for name, value in node.value if name.value == step), None)
        if not pair:
            return None
        name, node = pair
    return name.start_mark.line + 1, str(node.value)
