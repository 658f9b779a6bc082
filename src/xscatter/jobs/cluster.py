"""Values for the profile from a Slurm cluster: its partitions, limits, GPUs and accounts."""

import getpass
import re
import shutil
import subprocess

import yaml

from xscatter.core.errors import UserError
from xscatter.jobs import profile
from xscatter.views import VIEWS

_MIXED = "some with GPUs"


def _ask(*command: str) -> str:
    """Return the output of a command of Slurm; empty if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _minutes(text: str) -> int | None:
    """Return the minutes of Slurm's `1-00:00:00`; None: no limit."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if not match:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minutes


def detect() -> tuple[str, str]:
    """Return partitions.yaml and lines for config.yaml that fit this cluster, with comments.

    Raises:
        UserError: there is no Slurm here, or it does not answer.
    """
    if not shutil.which("scontrol"):
        raise UserError(
            "no Slurm here: scontrol not found; run this on a login node of the cluster"
        )
    text = _ask("scontrol", "-o", "show", "partition")
    if not text:
        raise UserError(
            "Slurm's controller does not answer; try again when `scontrol ping` says UP"
        )
    partitions, notes = {}, {}
    for line in text.splitlines():
        facts = dict(part.split("=", 1) for part in line.split() if "=" in part)
        name = facts["PartitionName"]
        if facts.get("State") != "UP":
            continue
        partitions[name], notes[name] = _partition(name, facts)
    _keep_gpus_free(partitions, notes)
    return _partitions_text(partitions, notes), _config_text(partitions)


def _keep_gpus_free(partitions: dict[str, dict[str, object]], notes: dict[str, str]) -> None:
    """Take `max_gpu` from partitions that have nodes without GPUs, if others have only GPU nodes.

    A job without a GPU avoids partitions with `max_gpu`, if there is one without that fits.
    """
    mixed = [name for name, note in notes.items() if _MIXED in note]
    if not any(limits.get("max_gpu") for name, limits in partitions.items() if name not in mixed):
        return
    for name in mixed:
        partitions[name].pop("max_gpu")
        partitions[name].pop("available_gpu_models", None)
        notes[name] += ", left to jobs without a GPU"


def _partition(name: str, facts: dict[str, str]) -> tuple[dict[str, object], str]:
    """Return the limits of a partition for partitions.yaml, and a comment."""
    limits: dict[str, object] = {}
    longest = _minutes(facts.get("MaxTime", ""))
    if longest:
        limits["max_runtime"] = longest
    rows = [
        row.split("|") for row in _ask("sinfo", "-h", "-p", name, "-o", "%c|%m|%G|%f").splitlines()
    ]
    rows = [row for row in rows if len(row) == 4]
    if rows:
        limits["max_threads"] = max(int(row[0].rstrip("+")) for row in rows)
        limits["max_mem_mb"] = max(int(row[1].rstrip("+")) for row in rows)
    gpus = [part for row in rows for part in re.findall(r"gpu(?::([A-Za-z]\w*))?:(\d+)", row[2])]
    if gpus:
        limits["max_gpu"] = max(int(count) for _, count in gpus)
        models = sorted({model for model, _ in gpus if model})
        if models:
            limits["available_gpu_models"] = models
        mixed = any("gpu" not in row[2] for row in rows)
    nodes, cores = facts.get("TotalNodes", "?"), facts.get("TotalCPUs", "?")
    note = f"{nodes} node{'s' * (nodes != '1')}, {cores} core{'s' * (cores != '1')}"
    note += f", {_MIXED}" if gpus and mixed else ""
    note += ", Slurm's default" if facts.get("Default") == "YES" else ""
    if facts.get("PreemptMode", "OFF") not in ("OFF", "GANG"):
        note += ", jobs may be preempted: raise `retries` before using it"
    allowed = facts.get("AllowAccounts", "ALL")
    return limits, note + (f", for accounts {allowed}" if allowed != "ALL" else "")


def _partitions_text(partitions: dict[str, dict[str, object]], notes: dict[str, str]) -> str:
    # The head of the shipped file explains how a partition is chosen, and the keys.
    head = [
        line
        for line in profile.source().joinpath("partitions.yaml").read_text().splitlines()
        if line.startswith("#")
    ]
    note = "# These are as Slurm describes them; remove those that jobs must not go to."
    lines = [*head, *([] if note in head else [note]), "partitions:"]
    for name, limits in partitions.items():
        lines.append(f"  {name}:  # {notes[name]}")
        lines += [
            f"    {key}: {yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}"
            for key, value in limits.items()
        ]
        if not limits:
            lines.append("    max_gpu: 0")
    return "\n".join(lines) + "\n"


def _config_text(partitions: dict[str, dict[str, object]]) -> str:
    """Return lines for config.yaml."""
    settings = _ask("scontrol", "show", "config")

    def value(key: str) -> str:
        match = re.search(rf"^{key}\s*=\s*(\S+)", settings, re.M)
        return match[1] if match else ""

    largest = int(value("MaxArraySize") or 1001) - 1
    lines = [
        f"slurm-array-array-limit: {min(1000, largest)}  # MaxArraySize allows {largest}",
        *_accounting_lines(
            recorded=value("AccountingStorageType").rpartition("/")[2] not in ("none", ""),
            age=int(value("MinJobAge") or 300),
        ),
        _mpi_line(),
        *_limit_lines(partitions),
    ]
    return "\n".join(lines) + "\n"


def _accounting_lines(recorded: bool, age: int) -> list[str]:
    """Return what to set with (`recorded`) or without accounting; `age`: MinJobAge in seconds."""
    if not recorded:
        lines = ["# no accounting here: states come from squeue, no account is needed"]
        if age < 120:
            lines.append(
                "# MinJobAge is below 120 s and there is no accounting: "
                "keep seconds-between-status-checks low"
            )
        return lines
    user = f"user={getpass.getuser()}"
    rows = _ask("sacctmgr", "-n", "-P", "list", "associations", user, "format=account")
    accounts = sorted(set(rows.split()))
    lines = [f"# accounts you may charge: {', '.join(accounts) or 'none found'}"]
    if len(accounts) > 1:
        lines.append(f"#   default-resources: slurm_account: {accounts[0]}")
    if age < 120:
        lines.append(
            f"slurm-array-status-command: sacct  # squeue forgets ended jobs after {age} s"
        )
    return lines


def _mpi_line() -> str:
    listing = ("srun", "--mpi=list")
    # Some versions of Slurm write the list to stderr.
    kinds = _ask(*listing) or subprocess.run(listing, capture_output=True, text=True).stderr
    offered = [kind for kind in ("pmi2", "pmix", "cray_shasta") if kind in kinds]
    return (
        f"# srun offers: {', '.join(offered) or 'no MPI'}; "
        "set-resources: transform: mpi: 'srun --mpi=...'"
    )


def _limit_lines(partitions: dict[str, dict[str, object]]) -> list[str]:
    """Return what to set where there are no GPUs, or jobs end sooner than after a day."""
    lines = []
    with_gpu = [limits for limits in partitions.values() if limits.get("max_gpu")]
    if not with_gpu:
        rules = ["train_leg", *(f"train_{view}" for view in VIEWS)]
        lines.append(
            f"# no partition has GPUs: set gpu: 0 for {', '.join(rules[:-1])} and {rules[-1]}"
        )
    gpu = [_longest(limits) for limits in with_gpu]
    if gpu and min(gpu) > 0 and max(gpu) < 1440:
        hours = f"{max(gpu) / 60:g}"
        lines += [
            f"# GPU jobs end after {hours} h: set walltime.training_hours: {hours} in the study,",
            "#   and walltime.training_legs to as many as the GPU-hours of `xscatter plan` need",
        ]
    longest = max(map(_longest, partitions.values()), default=0)
    if longest and longest < 1440:
        lines.append(
            f"# no partition runs a day: set walltime.limit_hours: {longest / 60:g} in the study"
        )
    return lines


def _longest(limits: dict[str, object]) -> int:
    """Return the longest walltime of a partition in minutes; 0: no limit."""
    return int(limits.get("max_runtime", 0))  # type: ignore[call-overload]
