"""The cost model: time, memory and disk of one unit of every stage, and what its job asks Slurm for.

The time of a unit is ``fixed + images * (per_image + per_pixel * pixels)``, its 95th percentile that
times `spread`. The constants below are the CPU time on one core of a cloud machine, at 256 and 1000
pixels a side; those of `train` are a guess for one GPU. What `xscatter plan --pilot` measures
replaces them.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from xscatter.core.errors import UserError
from xscatter.study import Study

Stage = Literal["simulate", "transform", "assign", "pack", "index", "train", "test", "report"]


@dataclass(frozen=True)
class Law:
    """Seconds, megabytes of memory and bytes on disk of one unit."""

    fixed: float  # s
    per_image: float  # s
    per_pixel: float  # s a pixel of each image
    spread: float  # 95th percentile over the mean
    memory: float  # MB
    memory_per_pixel: float = 0.0  # MB a pixel of one image
    disk_per_image: float = (
        0.0  # bytes an image: what it was drawn from, and counts, which few pixels share out
    )
    disk_per_pixel: float = 0.0  # bytes a pixel of each image

    def seconds(self, images: int, pixels: int) -> float:
        """Mean time of `images` images of `pixels` pixels, in seconds."""
        return self.fixed + images * (self.per_image + self.per_pixel * pixels)

    def disk(self, pixels: int) -> float:
        """Bytes on disk of an image of `pixels` pixels."""
        return self.disk_per_image + self.disk_per_pixel * pixels


# `fixed` holds the start of Snakemake and of Python. `train` counts one look at one image.
LAWS: dict[str, Law] = {
    "simulate": Law(6.0, 0.010, 2.0e-8, 2.0, 500, 4e-4, 11e3, 0.42),
    "transform": Law(6.0, 0.003, 2.0e-8, 2.0, 500, 6e-4),
    "assign": Law(6.0, 0.0001, 0.0, 2.0, 600),
    "pack": Law(6.0, 0.001, 3.0e-8, 2.0, 600, 1e-4),
    "index": Law(6.0, 0.0, 0.0, 2.0, 400),
    "train": Law(60.0, 0.0005, 1.0e-8, 2.0, 4000, 2e-3),
    "test": Law(30.0, 0.001, 5.0e-8, 2.0, 3000, 2e-3),
    "report": Law(20.0, 0.0, 0.0, 2.0, 1500, 1e-3),
}
LOOKS = 40  # how often a training looks at each image before it converges
LEAST = 5  # minutes: the shortest walltime that is asked for
GROWTH = 4  # the attempt after which requests grow no more: jobs that are preempted ten times need no tenfold memory


@dataclass(frozen=True)
class Cost:
    """What the jobs of `study` cost by `laws`."""

    study: Study
    laws: dict[str, Law]

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return self.study.simulate.size**2

    @property
    def limit(self) -> int:
        """Longest walltime of a job in minutes."""
        return max(1, int(self.study.walltime.limit_hours * 60))

    @property
    def ranks(self) -> int:
        """MPI ranks of one transform."""
        wanted = self.study.walltime.ranks
        alone = self._unit("transform") * self.laws["transform"].spread
        return wanted or max(1, math.ceil(alone / (60 * self.study.walltime.rank_minutes)))

    def images(self, stage: str) -> int:
        """Images in one unit of `stage`."""
        simulate = self.study.simulate
        total = simulate.experiments * simulate.images
        share = math.ceil(total / self.study.pack.batches)
        looks = LOOKS * (total - share)
        own = {
            "simulate": simulate.images,
            "transform": simulate.images,
            "pack": share,
            "test": share,
            "train": looks,
        }
        return own.get(stage, total)

    def _unit(self, stage: str) -> float:
        return self.laws[stage].seconds(self.images(stage), self.pixels)

    def seconds(self, stage: str) -> float:
        """95th percentile of the time of one unit, in seconds, on its ranks."""
        ranks = self.ranks if stage == "transform" else 1
        fixed = self.laws[stage].fixed
        return self.laws[stage].spread * (fixed + (self._unit(stage) - fixed) / ranks)

    def safe_seconds(self, stage: str) -> int:
        """What one job may take, in seconds: as :meth:`seconds`, with the safety of the study."""
        return math.ceil(self.study.walltime.safety * self.seconds(stage))

    @property
    def training_minutes(self) -> int:
        """Walltime of one training job."""
        hours = self.study.walltime.training_hours
        return self.limit if hours is None else max(1, min(self.limit, math.ceil(60 * hours)))

    @property
    def leg_minutes(self) -> float:
        """When a training stops itself: before its walltime, with time to save its state."""
        return round(self.training_minutes - min(30.0, max(0.5, 0.1 * self.training_minutes)), 2)

    def runtime(self, stage: str, attempt: int = 1) -> int:
        """Walltime to ask for, in minutes: more at each attempt, never above the limit.

        A training asks for the same each time, as it goes on from its last state.
        """
        if stage == "train":
            return self.training_minutes
        return self.bounded(max(LEAST, math.ceil(self.safe_seconds(stage) / 60)), attempt)

    def bounded(self, minutes: int, attempt: int) -> int:
        """What a job that asks for `minutes` at first asks for at `attempt`."""
        return min(self.limit, minutes * min(attempt, GROWTH))

    def memory(self, stage: str, attempt: int = 1) -> int:
        """Memory to ask for, in MB: more at each attempt."""
        law = self.laws[stage]
        need = law.memory + law.memory_per_pixel * self.pixels
        if stage == "simulate":
            need += 1e-6 * self.study.simulate.images * 200
        if stage in ("assign", "pack", "index"):
            need += 5e-5 * self.images("assign")  # the order of all records
        return math.ceil(need / 100) * 100 * min(attempt, GROWTH)

    def check(self) -> None:
        """Refuse a unit that can fit into no job.

        Raises:
            UserError: naming the key to change.
        """
        hours = self.study.walltime.limit_hours
        simulate = self.study.simulate
        for stage in ("simulate", "transform", "pack", "test", "assign", "index"):
            need = self.safe_seconds(stage) / 3600
            if need <= hours:
                continue
            if stage in ("simulate", "transform"):
                fit = int(simulate.images * hours / need * 0.95)
                what = f"{stage} of an experiment"
                key = f"simulate.images ({simulate.images}) to {fit}" if fit else "simulate.size"
                if stage == "transform":
                    key += ", raise walltime.ranks"
            else:
                what, key = stage, "simulate.experiments, raise pack.batches"
            raise UserError(
                f"walltime: {what} may take {need:.3g} h, more than walltime.limit_hours ({hours:g}); "
                f"lower {key}, or raise walltime.limit_hours"
            )


def of(study: Study, plan: Path | None = None) -> Cost:
    """The cost of `study`: by what a pilot measured and wrote to the file `plan`, where there is one."""
    laws = dict(LAWS)
    for stage, figures in read_pilot(plan).items():
        if stage in laws:
            laws[stage] = _scaled(laws[stage], figures, study.simulate.size**2)
    return Cost(study, laws)


def read_pilot(plan: Path | None) -> dict[str, dict[str, float]]:
    """What a pilot measured, by stage; empty where none was."""
    try:
        return json.loads(plan.read_text()).get("measured", {}) if plan else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _scaled(law: Law, figures: dict[str, Any], pixels: int) -> Law:
    """`law` with measured figures, carried over from the pilot's image size by the number of pixels."""
    per_pixel = figures["seconds_per_image"] / figures["pixels"]
    more = law.memory_per_pixel * max(0, pixels - figures["pixels"])
    return replace(
        law,
        fixed=figures["fixed_seconds"],
        per_image=0.0,
        per_pixel=per_pixel,
        spread=figures["spread"],
        memory=1.3 * figures["memory_mb"] + more,
        memory_per_pixel=0.0,
        disk_per_image=0.0,
        disk_per_pixel=figures.get("bytes_per_image", law.disk(figures["pixels"]))
        / figures["pixels"],
    )
