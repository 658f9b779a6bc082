"""The cost model: time and memory of a job of each stage, and its request to Slurm."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xscatter.core.errors import UserError
from xscatter.jobs.stages import STAGE_COSTS, Law
from xscatter.study import Study

LAWS: dict[str, Law] = {name: stage.law for name, stage in STAGE_COSTS.items()}
LEAST = 5  # minutes: the shortest walltime that is asked for
GROWTH = 4  # the attempt after which requests grow no more: preempted jobs are tried ten times


@dataclass(frozen=True)
class Cost:
    """The cost of the jobs of a study.

    Attributes:
        study: the study.
        laws: cost of a unit of each stage: built in, or measured by a pilot.
    """

    study: Study
    laws: dict[str, Law]

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return self.study.simulate.size**2

    def pixels_of(self, stage: str) -> int:
        """Return the pixels of an image of `stage`: sequences may have a size of their own."""
        size = self.study.sequence.size if stage in ("sequence", "embed") else None
        return size**2 if size else self.pixels

    @property
    def limit(self) -> int:
        """Longest walltime of a job in minutes."""
        return max(1, int(self.study.walltime.limit_hours * 60))

    @property
    def ranks(self) -> int:
        """MPI ranks of one transform."""
        wanted = self.study.walltime.ranks
        # On one rank, at the 95th percentile.
        alone = self._unit("transform") * self.laws["transform"].spread
        return wanted or max(1, math.ceil(alone / (60 * self.study.walltime.rank_minutes)))

    def cores(self, stage: str) -> int:
        """Return the cores of one job of `stage`."""
        if stage == "transform":
            return self.ranks
        learning = ("train", "test", "train_sequence", "test_sequence")
        return self.study.train.threads if stage in learning else 1

    def jobs(self, stage: str) -> int:
        """Return the number of jobs of `stage`; a training may take several, one after another."""
        legs = self.study.walltime.training_legs if stage == "train" else 1
        return STAGE_COSTS[stage].units(self.study) * legs

    def images(self, stage: str) -> int:
        """Return the number of images in one unit of `stage`."""
        return STAGE_COSTS[stage].images(self.study)

    def _unit(self, stage: str) -> float:
        return self.laws[stage].seconds(self.images(stage), self.pixels_of(stage))

    def seconds(self, stage: str) -> float:
        """Return the 95th percentile of the time of one unit, in seconds, on its ranks."""
        ranks = self.ranks if stage == "transform" else 1
        fixed = self.laws[stage].fixed
        # Ranks share the work, not the start.
        return self.laws[stage].spread * (fixed + (self._unit(stage) - fixed) / ranks)

    def safe_seconds(self, stage: str) -> int:
        """Return the seconds that one job may take: :meth:`seconds` times the study's safety."""
        return math.ceil(self.study.walltime.safety * self.seconds(stage))

    @property
    def training_minutes(self) -> int:
        """Walltime of one training job."""
        hours = self.study.walltime.training_hours
        return self.limit if hours is None else max(1, min(self.limit, math.ceil(60 * hours)))

    @property
    def leg_minutes(self) -> float:
        """When a training stops itself: early enough to save a checkpoint in its walltime."""
        # A tenth of the walltime, between half a minute and half an hour.
        return round(self.training_minutes - min(30.0, max(0.5, 0.1 * self.training_minutes)), 2)

    def runtime(self, stage: str, attempt: int = 1) -> int:
        """Return the walltime to ask for, in minutes: more at each attempt, up to the limit.

        A training asks for the same each time, as it resumes from its last checkpoint.
        """
        if stage == "train":
            return self.training_minutes
        return self.bounded(max(LEAST, math.ceil(self.safe_seconds(stage) / 60)), attempt)

    def experiments_runtime(self, attempt: int = 1) -> int:
        """Return the walltime in minutes of one job that makes all experiments of the study.

        It simulates and transforms one after another.
        """
        seconds = sum(self.safe_seconds(stage) for stage in ("simulate", "transform"))
        return self.bounded(5 + seconds * self.study.simulate.experiments // 60, attempt)

    def bounded(self, minutes: int, attempt: int) -> int:
        """Return what a job that asks for `minutes` at first asks for at `attempt`."""
        return min(self.limit, minutes * min(attempt, GROWTH))

    def memory(self, stage: str, attempt: int = 1) -> int:
        """Return the memory to ask for, in MB: more at each attempt."""
        law = self.laws[stage]
        need = law.memory + law.memory_per_pixel * self.pixels_of(stage)
        if stage == "simulate":
            need += 1e-6 * self.study.simulate.images * 200
        if stage in ("assign", "pack", "index"):
            need += 5e-5 * self.images("assign")  # the order of all records
        return math.ceil(need / 100) * 100 * min(attempt, GROWTH)

    def check(self) -> None:
        """Refuse a unit that fits into no job.

        Raises:
            UserError: naming the key to change.
        """
        hours = self.study.walltime.limit_hours
        simulate = self.study.simulate
        for stage in ("simulate", "sequence", "transform", "pack", "test", "assign", "index"):
            need = self.safe_seconds(stage) / 3600
            if need <= hours or not self.jobs(stage):
                continue
            if stage in ("simulate", "transform"):
                # A little less than what just fits, because the fixed part stays.
                fit = int(simulate.images * hours / need * 0.95)
                unit = f"{stage} of an experiment"
                key = f"simulate.images ({simulate.images}) to {fit}" if fit else "simulate.size"
                if stage == "transform":
                    key += ", raise walltime.ranks"
            elif stage == "sequence":
                fit = int(self.study.sequence.frames * hours / need * 0.95)
                unit = "simulating a sequence"
                key = f"sequence.frames to {fit}" if fit >= 8 else "sequence.size"
            else:
                unit, key = stage, "simulate.experiments, raise pack.batches"
            raise UserError(
                f"walltime: {unit} may take {need:.3g} h, more than walltime.limit_hours "
                f"({hours:g}); lower {key}, or raise walltime.limit_hours"
            )


def of(study: Study, plan: Path | None = None) -> Cost:
    """Return the cost of `study`, by the figures that a pilot wrote to the file `plan`, if any."""
    # A copy: laws of one study must not change those of another.
    laws = dict(LAWS)
    for stage, figures in read_pilot(plan).items():
        if stage in laws:
            laws[stage] = _scaled(laws[stage], figures, Cost(study, laws).pixels_of(stage))
    return Cost(study, laws)


def read_pilot(plan: Path | None) -> dict[str, dict[str, float]]:
    """Return what a pilot measured, by stage; empty if there was none."""
    try:
        return json.loads(plan.read_text()).get("measured", {}) if plan else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _scaled(law: Law, figures: dict[str, Any], pixels: int) -> Law:
    """Return `law` with measured figures, scaled from the pilot's image size by the pixels."""
    per_pixel = figures["seconds_per_image"] / figures["pixels"]
    more = law.memory_per_pixel * max(0, pixels - figures["pixels"])
    disk = figures.get("bytes_per_image", law.disk(figures["pixels"]))
    return replace(
        law,
        fixed=figures["fixed_seconds"],
        per_image=0.0,
        per_pixel=per_pixel,
        spread=figures["spread"],
        # A margin, since a pilot sees few experiments.
        memory=1.3 * figures["memory_mb"] + more,
        memory_per_pixel=0.0,
        disk_per_image=0.0,
        disk_per_pixel=disk / figures["pixels"],
    )
