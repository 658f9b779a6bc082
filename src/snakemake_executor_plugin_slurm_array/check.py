"""What would be refused is told before anything is submitted, with the line of the profile to change."""

import os
import re
import shutil
import subprocess
import sys
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
    limits = _partition_limits()
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
            raise WorkflowError(f"Rule {job.rule.name}: {text}. {_where(executor, job.rule.name, key)}")


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
    key = next((key for word, key in _KEY.items() if word in text.lower()), "")
    return key, f"Slurm refuses it: {text.replace('allocation failure: ', '')}"


def _partition_limits() -> dict[str, int | None]:
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


def _where(executor: Any, rule: str, key: str) -> str:
    """The line of the profile that holds `key` for `rule`, or where to add it."""
    if key == "runtime" and executor.settings.partition_config:
        extra = f", or the limits in {executor.settings.partition_config}"
    else:
        extra = ""
    for path in _profiles(Path(executor.workflow.workdir_init)):
        line = profile_line(path, rule, key)
        if line:
            return f"Change {key} in {path}, line {line}{extra}."
        return f"Set {key or 'its resources'} under set-resources, {rule}, in {path}{extra}."
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


def profile_line(path: Path, rule: str, key: str) -> int | None:
    """Line of `key` for `rule` (or of its default) in a profile, counted from 1."""
    try:
        root = yaml.compose(path.read_text())
    except (OSError, yaml.YAMLError):
        return None
    for steps in (("set-resources", rule, key), ("default-resources", key)):
        line = _line(root, steps)
        if line:
            return line
    return None


def _line(node: Any, steps: tuple[str, ...]) -> int | None:
    for step in steps:
        if isinstance(node, yaml.SequenceNode):  # default-resources as a list of key=value
            node = next((item for item in node.value if str(item.value).startswith(f"{step}=")), None)
            return node.start_mark.line + 1 if node else None
        if not isinstance(node, yaml.MappingNode):
            return None
        found = [(name, value) for name, value in node.value if name.value == step]
        if not found:
            return None
        name, node = found[0]
    return name.start_mark.line + 1
