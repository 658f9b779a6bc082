"""What a study will run, how long, and what it costs, before anything is submitted."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from xscatter.jobs.cost import Cost
from xscatter.store.paths import VIEWS
from xscatter.study import Study, networks

GIB = 2.0**30
_IN_A_STATE = (
    5  # arrays of the size of the weights: these, two of the optimizer, the average, the best
)


@dataclass(frozen=True)
class Row:
    """The jobs of one stage."""

    stage: str
    jobs: int
    cores: int  # of one job
    runtime_minutes: int  # asked for, of one job
    memory_mb: int  # likewise
    hours: float  # expected, of all jobs in a row
    disk_gib: float
    gpu: bool = False


def millions_of_weights(study: Study) -> tuple[float, ...]:
    """Weights of the network of every view, in millions, to a tenth or so."""
    return tuple(networks.millions_of_weights(study.train, study.simulate.size).values())


def rows(cost: Cost) -> list[Row]:
    """The stages in the order in which they run."""
    study = cost.study
    experiments, batches = study.simulate.experiments, study.pack.batches
    total = experiments * study.simulate.images
    maps = study.transform.angular_orders * study.transform.radial_orders * 8
    # A record: a byte or two a pixel, the coefficients, tags and source.
    record = 2 * cost.pixels + maps + 200
    disk = {
        "simulate": total * cost.laws["simulate"].disk(cost.pixels),
        "transform": total * maps,
        "pack": total * record,
        "train": sum(
            4e6 * weights * (1 + _IN_A_STATE * study.train.keep)
            for weights in millions_of_weights(study)
        ),
    }
    counts = {
        "simulate": experiments,
        "transform": experiments,
        "pack": batches,
        "test": len(VIEWS) + 1,
    }
    counts["train"] = len(VIEWS) * study.walltime.training_legs
    found = []
    for stage, law in cost.laws.items():
        cores = (
            cost.ranks
            if stage == "transform"
            else study.train.threads
            if stage in ("train", "test")
            else 1
        )
        runs = len(VIEWS) if stage == "train" else counts.get(stage, 1)
        mean = cost.seconds(stage) / law.spread
        found.append(
            Row(
                stage,
                counts.get(stage, 1),
                cores,
                cost.runtime(stage),
                cost.memory(stage),
                runs * mean / 3600,
                disk.get(stage, 0.0) / GIB,
                gpu=stage == "train",
            )
        )
    return found


def wall_clock(table: list[Row], cores: int) -> float:
    """Hours from the first job to the report when `cores` jobs of one core run at a time."""
    hours = 0.0
    for row in table:
        if row.stage == "train":
            hours += row.hours / len(VIEWS) * 2  # image and coefficient side by side, then joint
        else:
            waves = -(-row.jobs * row.cores // max(cores, row.cores))
            hours += waves * row.hours / row.jobs
    return hours


def summary(cost: Cost, cores: int) -> dict[str, object]:
    """Everything that plan.json says about the cost."""
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
    """What to say where a training is not expected to end in the jobs that it gets; else nothing."""
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


def _size(gib: float) -> str:
    return f"{gib:.2f} GiB" if gib >= 0.1 else f"{gib * 1024:.1f} MiB"


def text(cost: Cost, cores: int, measured: bool, root: Path) -> str:
    """The table that `xscatter plan` prints."""
    table, total = rows(cost), summary(cost, cores)
    simulate = cost.study.simulate
    images = simulate.experiments * simulate.images
    lines = [
        f"{cost.study.name}: {simulate.experiments} experiments of {simulate.images} images, "
        f"{images} images of {simulate.size} x {simulate.size}, below {root}",
        f"{'stage':<10}{'jobs':>8}{'cores':>7}{'asks for':>11}{'memory':>11}{'hours':>10}{'disk':>12}",
    ]
    for row in table:
        ask = f"{row.runtime_minutes // 60}:{row.runtime_minutes % 60:02d} h"
        memory = f"{row.memory_mb} MB"
        size = _size(row.disk_gib) if row.disk_gib else ""
        lines.append(
            f"{row.stage:<10}{row.jobs:>8}{row.cores:>7}{ask:>11}{memory:>11}{row.hours:>10.2f}{size:>12}"
        )
    lines += [
        f"jobs {total['jobs']}, core-hours {total['core_hours']}, GPU-hours {total['gpu_hours']} (a guess: training "
        f"ends when it has converged), disk {_size(sum(row.disk_gib for row in table))}",
        f"wall-clock with {cores} cores, a GPU for each training, and no waiting: {total['wall_clock_hours']} h",
        "training on cores takes far longer: the heads of the files in config/ say how long on two",
        "measured by a pilot here"
        if measured
        else "by built-in figures; `--pilot` measures this machine",
    ]
    return "\n".join(lines)
