"""Find misspelt names of rules and resources in a profile: Snakemake would ignore them silently."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from xscatter.core.errors import UserError
from xscatter.views import VIEWS

# Resources of jobs that Snakemake, its Slurm executor or this workflow read.
# fmt: off
RESOURCES = (
    "runtime", "mem", "mem_mb", "mem_mib", "mem_mb_per_cpu", "disk", "disk_mb", "disk_mib",
    "tmpdir", "threads", "nodes", "tasks", "tasks_per_node", "tasks_per_gpu", "cpus_per_task",
    "cpus_per_gpu", "mpi", "gpu", "gpu_model", "gres", "slurm_partition", "slurm_account",
    "slurm_extra", "slurm_cluster", "cluster", "clusters", "constraint", "qos", "job_seconds",
)
# fmt: on


def rule_names(folder: Path) -> list[str]:
    """Return the names of all rules in the files of `folder`.

    Those of a study and of a comparison: a profile serves both, of which Snakemake reads only
    one. There is a rule `train_VIEW` for each view.
    """
    texts = [path.read_text() for path in sorted(folder.glob("*.smk"))]
    written = [name for text in texts for name in re.findall(r"^rule (\w+):", text, re.M)]
    return written + [f"train_{view}" for view in VIEWS]


def check(settings: Any, folder: Path) -> None:
    """Refuse misspelt names in Snakemake's resource settings; `folder` holds the rules.

    Raises:
        UserError: naming the first of them.
    """
    overwritten = dict.fromkeys(settings.overwrite_threads, ()) | settings.overwrite_resources
    defaults = settings.default_resources or ()
    for line in misspelt(rule_names(folder), overwritten, defaults, settings.resources):
        raise UserError(line)


def misspelt(
    rules: Collection[str],
    overwritten: Mapping[str, Collection[str]],
    defaults: Collection[str],
    counted: Collection[str],
) -> Iterator[str]:
    """Yield a line about each misspelt name below default-resources or set-resources.

    Args:
        rules: names of all rules.
        overwritten: resources that are set for a rule, by its name.
        defaults: resources that are set for all rules.
        counted: resources that `--resources` counts, whatever their name.
    """
    for name in sorted(set(overwritten) - {"all", *rules}):
        near = difflib.get_close_matches(name, rules, 1)
        fix = f"did you mean {near[0]}?" if near else "`snakemake --list-rules` names them."
        yield f"set-resources: {name} is no rule; {fix}"
    places = {"default-resources": defaults}
    places |= {f"set-resources, {rule}": names for rule, names in overwritten.items()}
    for place, names in places.items():
        for name in sorted(set(names) - {*RESOURCES, *counted}):
            # Other executors have other resources: only a name close to one of ours is refused.
            near = difflib.get_close_matches(name, RESOURCES, 1, 0.7)
            if near and not name.startswith("_"):
                yield f"{place}: nothing reads {name}; did you mean {near[0]}?"
