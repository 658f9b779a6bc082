"""The jobs of a study, their time and their cost, before anything is submitted."""

import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from xscatter.jobs.cost import Cost
from xscatter.jobs.stages import STAGE_COSTS
from xscatter.study.networks import millions_of_weights
from xscatter.views import VIEWS, View

GIB = 2.0**30
# Seconds of a stage on a cluster that no core shortens: the driver looks for ended jobs every 20 s,
# collects ready jobs for 2 s, and Slurm starts the tasks, which load their programs.
TURN = 30.0
# Arrays in a checkpoint as large as the weights: these, two of the optimizer, average and best.
_ARRAYS_IN_CHECKPOINT = 5


@dataclass(frozen=True)
class Row:
    """The jobs of one stage.

    Attributes:
        stage: its name.
        jobs: number of jobs.
        cores: of one job.
        runtime_minutes: walltime that one job asks for.
        memory_mb: memory that one job asks for.
        hours: expected, of all jobs one after another.
        disk_gib: GiB on disk of all that they make.
        gpu: whether its jobs ask for a GPU.
    """

    stage: str
    jobs: int
    cores: int
    runtime_minutes: int
    memory_mb: int
    hours: float
    disk_gib: float
    gpu: bool = False


def _disk(cost: Cost) -> dict[str, float]:
    """Return the bytes that each stage leaves on disk; stages that leave little are absent."""
    study = cost.study
    total = study.simulate.experiments * study.simulate.images
    maps = study.transform.angular_orders * study.transform.radial_orders * 8
    # A record: a byte or two a pixel, the coefficients, tags and source.
    record = 2 * cost.pixels + maps + 200
    return {
        "simulate": total * cost.laws["simulate"].disk(cost.pixels),
        "sequence": study.sequence.sequences
        * study.sequence.frames
        * cost.laws["sequence"].disk(cost.pixels_of("sequence")),
        "transform": total * maps,
        "pack": total * record,
        "train": sum(
            4e6 * weights * (1 + _ARRAYS_IN_CHECKPOINT * study.train.checkpoints_kept)
            for weights in millions_of_weights(study.train, study.simulate.size).values()
        ),
    }


def rows(cost: Cost) -> list[Row]:
    """Return the stages in the order in which they run."""
    disk = _disk(cost)
    table = []
    for name, stage in STAGE_COSTS.items():
        if not cost.jobs(name):
            continue  # a study without sequences
        mean = cost.seconds(name) / cost.laws[name].spread
        table.append(
            Row(
                name,
                cost.jobs(name),
                cost.cores(name),
                cost.runtime(name),
                cost.memory(name),
                stage.units(cost.study) * mean / 3600,
                disk.get(name, 0.0) / GIB,
                stage.gpu,
            )
        )
    return table


def _generations(view: View) -> int:
    """Return how many trainings run one after another for `view`: it waits for its parents."""
    return 1 + max((_generations(VIEWS[parent]) for parent in view.parents), default=0)


def wall_clock(table: list[Row], cores: int) -> float:
    """Return the hours from the first job to the report if `cores` jobs of one core run at a time.

    Trainings that do not wait for each other run at the same time. Short jobs share tasks, but
    every free core has one, so that they need no longer than with a task each.
    """
    hours = len(table) * TURN / 3600
    for row in table:
        if row.stage == "train":
            hours += row.hours / len(VIEWS) * max(map(_generations, VIEWS.values()))
        else:
            waves = -(-row.jobs * row.cores // max(cores, row.cores))
            hours += waves * row.hours / row.jobs
    return hours


def summary(cost: Cost, cores: int) -> dict[str, object]:
    """Return all that `xscatter plan --json` reports about the cost, with `cores` cores."""
    table = rows(cost)
    return {
        "jobs": sum(row.jobs for row in table),
        "core_hours": round(sum(row.hours * row.cores for row in table if not row.gpu), 2),
        "gpu_hours": round(sum(row.hours for row in table if row.gpu), 2),
        "disk_gib": round(sum(row.disk_gib for row in table), 2),
        "wall_clock_hours": round(wall_clock(table, cores), 2),
        "cores": cores,
        "stages": [asdict(row) for row in table],
    }


def warning(cost: Cost) -> str:
    """Return what to report if a training is not expected to end in its jobs; else nothing."""
    walltime = cost.study.walltime
    minutes = cost.seconds("train") / 60
    expected = minutes / cost.laws["train"].spread
    if expected <= walltime.training_legs * cost.leg_minutes:
        return ""
    key = "limit_hours" if cost.training_minutes == cost.limit else "training_hours"
    return (
        f"a training takes about {expected / 60:.1f} h, more than its {walltime.training_legs} x "
        f"{cost.training_minutes / 60:.3g} h of walltime; set walltime.training_legs: "
        f"{math.ceil(minutes / cost.leg_minutes)}, or raise walltime.{key}"
    )


def lack_of_space(cost: Cost, root: Path) -> str:
    """Return what to report if the disk has no room for what the study still makes; else nothing.

    Args:
        cost: cost of the study.
        root: folder of the study, which need not exist yet.
    """
    needed = sum(_disk(cost).values())
    there = next(
        folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists()
    )
    free = shutil.disk_usage(there).free
    if needed <= free:
        return ""
    needed -= sum(path.lstat().st_size for path in root.rglob("*"))  # what is made already
    if needed <= free:
        return ""
    return (
        f"{root}: about {needed / GIB:.1f} GiB will be written, and the disk of {there} has "
        f"{free / GIB:.1f} GiB left; make room, make results/ a link to a larger disk, or "
        "lower simulate.experiments"
    )


def _size(gib: float) -> str:
    return f"{gib:.2f} GiB" if gib >= 0.1 else f"{gib * 1024:.1f} MiB"


def text(cost: Cost, cores: int, measured: bool, root: Path) -> str:
    """Return the table that `xscatter plan` prints.

    Args:
        cost: cost of the study.
        cores: cores that may work at the same time.
        measured: whether a pilot measured the cost on this machine.
        root: folder of the study.
    """
    table, total = rows(cost), summary(cost, cores)
    simulate = cost.study.simulate
    images = simulate.experiments * simulate.images
    lines = [
        f"{cost.study.name}: {simulate.experiments} experiments of {simulate.images} images, "
        f"{images} images of {simulate.size} x {simulate.size}, below {root}",
        f"{'stage':<15}{'jobs':>8}{'cores':>7}{'asks for':>11}{'memory':>11}"
        f"{'hours':>10}{'disk':>12}",
    ]
    for row in table:
        ask = f"{row.runtime_minutes // 60}:{row.runtime_minutes % 60:02d} h"
        memory = f"{row.memory_mb} MB"
        size = _size(row.disk_gib) if row.disk_gib else ""
        lines.append(
            f"{row.stage:<15}{row.jobs:>8}{row.cores:>7}{ask:>11}{memory:>11}"
            f"{row.hours:>10.2f}{size:>12}"
        )
    lines += [
        f"jobs {total['jobs']}, core-hours {total['core_hours']}, GPU-hours {total['gpu_hours']} "
        "(a guess: training ends when it has converged), "
        f"disk {_size(sum(row.disk_gib for row in table))}",
        f"wall-clock with {cores} cores, a GPU for each training, and no waiting: "
        f"{total['wall_clock_hours']} h",
        "training on CPU cores takes much longer; the comments in config/*.yaml give times for two "
        "cores",
        "measured by a pilot on this machine"
        if measured
        else "estimated from built-in figures; `--pilot` measures this machine",
    ]
    return "\n".join(lines)
