"""The Slurm profile: where it lies, better values in it, and what a cluster offers."""

import difflib
import getpass
import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.jobs.cost import GROWTH


def source() -> Path:
    """The profile that comes with xscatter.

    Raises:
        UserError: this installation has none.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "profiles" / "slurm", here.parents[3] / "profiles" / "slurm"):
        if (folder / "config.yaml").exists():
            return folder
    raise UserError(
        "the Slurm profile is not part of this installation; take profiles/slurm from the repository"
    )


def user_folder() -> Path:
    """Where Snakemake looks for a user's profiles."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "snakemake"


def install(name: str, force: bool) -> Path:
    """Copy the profile into the user's configuration.

    Raises:
        UserError: it is no name of a folder, or one of that name is there and differs, and `force` is not set.
    """
    if name in ("", "..") or Path(name).name != name:
        raise UserError(
            f"--name: {name!r} is not the name of a profile; use letters, such as slurm"
        )
    target = user_folder() / name
    origin = source()
    files = [path for path in sorted(origin.iterdir()) if path.is_file()]
    for path in files:
        other = target / path.name
        if other.exists() and other.read_bytes() != path.read_bytes() and not force:
            raise UserError(
                f"{other}: is there and differs; --force overwrites it, --name gives another name"
            )
    for path in files:
        write_text(target / path.name, path.read_text())
    return target


def proposed(config: Path, proposals: dict[str, dict[str, int]]) -> str:
    """`config` (a profile) with the values of `proposals` (rule, key, value) under set-resources.

    Comments and all other lines stay as they are.
    """
    lines = config.read_text().splitlines()
    for rule, values in proposals.items():
        for key, value in values.items():
            _set(lines, rule, key, f"{value} * min(attempt, {GROWTH})")
    return "\n".join(lines) + "\n"


def _set(lines: list[str], rule: str, key: str, value: str) -> None:
    """Set one value: in its line, or in a new one below the rule, or below a new rule."""
    head = _find(lines, r"set-resources:", 0, len(lines))
    if head is None:
        lines.append("set-resources:")
        head = len(lines) - 1
    end = _block(lines, head, 0)
    place = _find(lines, rf"  {re.escape(rule)}:", head + 1, end)
    if place is None:
        lines[end:end] = [f"  {rule}:", f"    {key}: {value}"]
        return
    last = _block(lines, place, 2)
    found = _find(lines, rf"    {re.escape(key)}:", place + 1, last)
    if found is None:
        lines.insert(last, f"    {key}: {value}")
        return
    old, mark, comment = lines[found].partition("  #")
    lines[found] = f"    {key}: {value}" + (f"{mark}{comment}" if old.strip() else "")


def _find(lines: list[str], pattern: str, start: int, end: int) -> int | None:
    return next(
        (here for here in range(start, end) if re.match(pattern + r"(\s|$)", lines[here])), None
    )


def _block(lines: list[str], head: int, indent: int) -> int:
    """First line after the block that `head` opens; comments in between belong to it."""
    end = head + 1
    for here in range(head + 1, len(lines)):
        text = lines[here]
        if text.strip() and not text.lstrip().startswith("#"):
            if len(text) - len(text.lstrip()) <= indent:
                break
            end = here + 1
    return end


def difference(config: Path, new: str) -> str:
    """Unified diff from the profile `config` to `new`, fit for `patch -p0`."""
    old = config.read_text()
    return "".join(
        difflib.unified_diff(
            old.splitlines(True), new.splitlines(True), str(config), str(config), n=2
        )
    )


_MIXED = "some with GPUs"


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _minutes(text: str) -> int | None:
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if not match:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minutes


def detect() -> tuple[str, str]:
    """(partitions.yaml, lines for config.yaml) that fit this cluster, with comments.

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
    """Take `max_gpu` from partitions that mix nodes with and without GPUs, where others have GPUs on every node.

    A job without a GPU avoids partitions with `max_gpu`, but only if there is one without that fits.
    """
    mixed = [name for name, note in notes.items() if _MIXED in note]
    if not any(limits.get("max_gpu") for name, limits in partitions.items() if name not in mixed):
        return
    for name in mixed:
        partitions[name].pop("max_gpu")
        partitions[name].pop("available_gpu_models", None)
        notes[name] += ", left to jobs without a GPU"


def _partition(name: str, facts: dict[str, str]) -> tuple[dict[str, object], str]:
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
    # The head of the shipped file says how a partition is chosen, and which keys there are.
    head = [
        line
        for line in source().joinpath("partitions.yaml").read_text().splitlines()
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
    """Lines for config.yaml."""
    settings = _ask("scontrol", "show", "config")

    def value(key: str) -> str:
        match = re.search(rf"^{key}\s*=\s*(\S+)", settings, re.M)
        return match[1] if match else ""

    lines = []
    largest = int(value("MaxArraySize") or 1001) - 1
    lines.append(f"slurm-array-array-limit: {min(1000, largest)}  # MaxArraySize allows {largest}")
    recorded = value("AccountingStorageType").rpartition("/")[2] not in ("none", "")
    if recorded:
        rows = _ask(
            "sacctmgr",
            "-n",
            "-P",
            "list",
            "associations",
            f"user={getpass.getuser()}",
            "format=account",
        )
        accounts = sorted(set(rows.split()))
        lines.append(f"# accounts you may charge: {', '.join(accounts) or 'none found'}")
        if len(accounts) > 1:
            lines.append(f"#   default-resources: slurm_account: {accounts[0]}")
        age = int(value("MinJobAge") or 300)
        if age < 120:
            lines.append(
                f"slurm-array-status-command: sacct  # squeue forgets ended jobs after {age} s"
            )
    else:
        lines.append("# no accounting here: states come from squeue, no account is needed")
        if int(value("MinJobAge") or 300) < 120:
            lines.append(
                "# MinJobAge is below 120 s and there is no accounting: keep seconds-between-status-checks low"
            )
    kinds = (
        _ask("srun", "--mpi=list")
        or subprocess.run(["srun", "--mpi=list"], capture_output=True, text=True).stderr
    )
    kinds_found = [kind for kind in ("pmi2", "pmix", "cray_shasta") if kind in kinds]
    lines.append(
        f"# srun offers: {', '.join(kinds_found) or 'no MPI'}; set-resources: transform: mpi: 'srun --mpi=...'"
    )
    if not any(limits.get("max_gpu") for limits in partitions.values()):
        lines.append(
            "# no partition has GPUs: set gpu: 0 for train_leg, train_image, train_coefficient and train_joint"
        )
    with_gpu = [limits for limits in partitions.values() if limits.get("max_gpu")]
    gpu = [int(limits.get("max_runtime", 0)) for limits in with_gpu]  # type: ignore[call-overload]
    if gpu and min(gpu) > 0 and max(gpu) < 1440:
        lines.append(
            f"# GPU jobs end after {max(gpu) / 60:g} h: set walltime.training_hours: {max(gpu) / 60:g} in the study,"
        )
        lines.append(
            "#   and walltime.training_legs to as many as the GPU-hours of `xscatter plan` need"
        )
    longest = max((int(limits.get("max_runtime", 0)) for limits in partitions.values()), default=0)  # type: ignore[call-overload]
    if longest and longest < 1440:
        lines.append(
            f"# no partition runs a day: set walltime.limit_hours: {longest / 60:g} in the study"
        )
    return "\n".join(lines) + "\n"
