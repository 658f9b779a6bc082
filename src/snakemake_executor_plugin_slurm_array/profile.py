"""The files of a profile: what is wrong in them, and which line says what."""

import dataclasses
import difflib
import os
import re
import sys
from pathlib import Path
from typing import Any

import yaml
from snakemake_executor_plugin_slurm.partitions import PartitionLimits
from snakemake_interface_common.exceptions import WorkflowError

# Sections of a profile that hold names of resources.
_SECTIONS = ("default-resources", "set-resources", "set-threads")


def partition_file(settings: Any) -> Path | None:
    """Return the file of partitions that the official executor reads."""
    path = settings.partition_config or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS")
    return Path(path) if path else None


def partition_keys(path: Path) -> None:
    """Refuse a file of partitions that does not exist, or has limits that mean nothing.

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
        return  # the official executor reports what is wrong
    names = [field.name for field in dataclasses.fields(PartitionLimits)]
    for name, limits in partitions:
        if not isinstance(limits, dict):
            place = place_of(path, "partitions", name)
            raise WorkflowError(
                f"{place}: partition {name} has no limits; add one, such as max_gpu: 0."
            )
        for key, value in limits.items():
            if key not in (*names, "slurm_cluster", "cluster", "clusters"):
                near = difflib.get_close_matches(str(key), names, 1)
                meant = f"did you mean {near[0]}?" if near else f"limits are {', '.join(names)}."
                place = place_of(path, "partitions", name, key)
                raise WorkflowError(f"{place}: {key} of partition {name} is no limit; {meant}")
            if (
                key.startswith("max_")
                and key != "max_runtime"
                and not isinstance(value, (int, float))
            ):
                place = place_of(path, "partitions", name, key)
                raise WorkflowError(
                    f"{place}: {key} of partition {name} is {value!r}; write a number."
                )


def profile_keys(path: Path) -> None:
    """Refuse lines of a profile that Snakemake ignores, or reads as something else.

    Raises:
        WorkflowError: a line that names file, line and key.
    """
    try:
        root = yaml.compose(path.read_text())
    except (OSError, yaml.YAMLError):
        return  # Snakemake reports what is wrong
    for name, node in _pairs(root):
        near = difflib.get_close_matches(name.value, _SECTIONS, 1, 0.85)
        if near and near[0] != name.value:
            # Snakemake takes it for an abbreviation, and loses its content.
            place = f"{path}, line {name.start_mark.line + 1}"
            raise WorkflowError(
                f"{place}: {name.value} is no key of a profile; did you mean {near[0]}?"
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
    """Return names and values of a mapping; none of anything else."""
    return node.value if isinstance(node, yaml.MappingNode) else []


def profiles(here: Path) -> list[Path]:
    """Return the files of the profiles that this command line, typed in `here`, names."""
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
    """Return the line that sets `key` for `rule` in a profile, counted from 1; None: there is none.

    Args:
        path: the file of the profile.
        rule: name of the rule.
        key: name of the resource; empty: the line of the rule itself is returned.
        value: its value; a default counts if it gave this value.
    """
    try:
        root = yaml.compose(path.read_text())
    except (OSError, yaml.YAMLError):
        return None
    own = _find(root, ("set-resources", rule, key) if key else ("set-resources", rule))
    if own or not key:
        return own[0] if own else None
    # A value of the rule itself replaces the default, which then is not the line to change.
    default = _find(root, ("default-resources", key))
    return default[0] if default and default[1] == str(value) else None


def place_of(path: Path, *steps: str) -> str:
    """Return the file `path` and the line in it that `steps`, keys of mappings, lead to."""
    line = _find(yaml.compose(path.read_text()), steps)
    return f"{path}, line {line[0]}" if line else str(path)


def _find(node: Any, steps: tuple[str, ...]) -> tuple[int, str] | None:
    """Return line and value of what `steps` lead to."""
    for step in steps:
        if isinstance(node, yaml.SequenceNode):  # default-resources as a list of key=value
            for item in node.value:
                if str(item.value).startswith(f"{step}="):
                    return item.start_mark.line + 1, item.value.partition("=")[2]
            return None
        pair = next(((name, value) for name, value in _pairs(node) if name.value == step), None)
        if not pair:
            return None
        name, node = pair
    return name.start_mark.line + 1, str(node.value)
