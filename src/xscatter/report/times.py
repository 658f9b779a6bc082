"""Time and memory of every stage, as the workflow measured them, beside the figures published in 2017."""

import csv
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xscatter.store.paths import StudyPaths
from xscatter.study import Study

# One experiment of 200 images and five of them, simulated by the pipeline of 2017: seconds at 256 and 1000 pixels.
PUBLISHED = {256: {200: 85.0, 1000: 224.0}, 1000: {200: 435.0, 1000: 2040.0}}
STAGES = {
    "simulate": "simulate",
    "transform": "transform",
    "assign": "assign images to batches",
    "pack": "pack batches",
    "index": "index the batches",
    "train": "train",
    "test": "test",
}


@dataclass(frozen=True)
class StageTime:
    """The jobs of one stage; memory in MB is the largest of any job, None where it was not measured."""

    stage: str
    unit: str
    jobs: int
    seconds: float
    median: float
    cpu_seconds: float | None
    memory: float | None
    images: int

    @property
    def per_image(self) -> float:
        """Wall-clock seconds of the jobs for each image they handled."""
        return self.seconds / self.images


def read_times(study: Study, paths: StudyPaths) -> list[StageTime]:
    """One row a stage, in the order of the pipeline; training and test have one row a view."""
    folder = paths.benchmark("stage").parent.parent
    total = study.simulate.experiments * study.simulate.images
    rows = []
    for stage, title in STAGES.items():
        files = sorted((folder / stage).glob("*.tsv"))
        groups = [[file] for file in files] if stage in ("train", "test") else [files]
        for group in groups:
            records = [record for file in group if (record := _read(file))]
            if not records:
                continue
            single = stage in ("train", "test")
            rows.append(
                StageTime(
                    stage=title,
                    unit=group[0].stem if single else "",
                    jobs=len(records),
                    seconds=sum(record["s"] for record in records),
                    median=statistics.median(record["s"] for record in records),
                    cpu_seconds=_merge(records, "cpu_time", sum),
                    memory=_merge(records, "max_rss", max),
                    images=len(records) * study.simulate.images
                    if stage in ("simulate", "transform")
                    else total,
                )
            )
    return rows


def _read(path: Path) -> dict[str, float]:
    """The last measurement in a benchmark file; `{}` if it holds none."""
    found: dict[str, float] = {}
    try:
        with open(path, newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                found = {}
                for key, value in row.items():
                    try:
                        found[key] = float(value)
                    except (
                        TypeError,
                        ValueError,
                    ):  # "NA": the job was over before it could be measured
                        continue
    except (OSError, csv.Error, UnicodeDecodeError):
        return {}
    return found if "s" in found else {}


def _merge(records: list[dict[str, float]], key: str, how: Callable) -> float | None:
    values = [record[key] for record in records if key in record]
    return how(values) if values else None


def comparison(study: Study, rows: list[StageTime]) -> list[dict[str, Any]]:
    """Simulation and transform of 200 and of 1,000 images at this study's rate, beside the published times.

    The time that each job takes to start is part of the rate.
    """
    chosen = {row.stage: row for row in rows if row.stage in ("simulate", "transform")}
    return [
        {
            "images": images,
            "here": {stage: row.per_image * images for stage, row in chosen.items()},
            "processor": {
                stage: row.cpu_seconds / row.images * images
                for stage, row in chosen.items()
                if row.cpu_seconds is not None
            },
            "published": {size: times[images] for size, times in PUBLISHED.items()},
        }
        for images in (200, 1000)
    ]
