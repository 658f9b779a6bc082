"""Time and memory of every stage, as the workflow measured them, beside figures of 2017."""

import csv
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xscatter.report.words import duration, grouped
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

# Seconds for one and for five experiments of 200 images, by image side in pixels, as published for
# the simulation of 2017.
PUBLISHED = {256: {200: 85.0, 1000: 224.0}, 1000: {200: 435.0, 1000: 2040.0}}
STAGE_TITLES = {
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
    """Time and memory of all jobs of one stage.

    Attributes:
        stage: Name of the stage.
        unit: The view, for stages that have one job a view; else empty.
        jobs: Number of jobs.
        seconds: Wall-clock time of all jobs together.
        median: Wall-clock seconds of the median job.
        cpu_seconds: CPU time of all jobs together; None where it was not measured.
        memory: Largest resident memory of any job in MB; None where it was not measured.
        images: Number of images that the jobs handled.
    """

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
        """Wall-clock seconds for an image."""
        return self.seconds / self.images


def read_times(study: Study, paths: StudyPaths) -> list[StageTime]:
    """Return one row a stage in the order of the pipeline; for training and test one row a view."""
    folder = paths.benchmark("stage").parent.parent
    total = study.simulate.experiments * study.simulate.images
    rows = []
    for stage, title in STAGE_TITLES.items():
        files = sorted((folder / stage).glob("*.tsv"))
        by_view = stage in ("train", "test")
        for group in [[file] for file in files] if by_view else [files]:
            records = [record for file in group if (record := _read(file))]
            if not records:
                continue
            by_experiment = stage in ("simulate", "transform")
            rows.append(
                StageTime(
                    stage=title,
                    unit=group[0].stem if by_view else "",
                    jobs=len(records),
                    seconds=sum(record["s"] for record in records),
                    median=statistics.median(record["s"] for record in records),
                    cpu_seconds=_merge(records, "cpu_time", sum),
                    memory=_merge(records, "max_rss", max),
                    images=len(records) * study.simulate.images if by_experiment else total,
                )
            )
    return rows


def _read(path: Path) -> dict[str, float]:
    """Return the last measurement in a benchmark file; `{}` if there is none."""
    try:
        with open(path, newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, csv.Error, UnicodeDecodeError):
        return {}
    record: dict[str, float] = {}
    for key, value in rows[-1].items() if rows else ():
        try:
            record[key] = float(value)
        except (TypeError, ValueError):  # "NA": the job ended before it could be measured
            continue
    return record if "s" in record else {}


def _merge(records: list[dict[str, float]], key: str, how: Callable) -> float | None:
    values = [record[key] for record in records if key in record]
    return how(values) if values else None


def comparison(study: Study, rows: list[StageTime]) -> list[dict[str, Any]]:
    """Return the time for 200 and for 1,000 images at this study's rate, and the published times.

    The start of each job is part of the rate.
    """
    stages = {row.stage: row for row in rows if row.stage in ("simulate", "transform")}
    return [
        {
            "images": images,
            "here": {stage: row.per_image * images for stage, row in stages.items()},
            "processor": {
                stage: row.cpu_seconds / row.images * images
                for stage, row in stages.items()
                if row.cpu_seconds is not None
            },
            "published": {size: times[images] for size, times in PUBLISHED.items()},
        }
        for images in (200, 1000)
    ]


def time_tables(study: Study, paths: StudyPaths) -> dict[str, Any]:
    """Return the rows of the report's two tables of times, as text for the template."""
    rows = read_times(study, paths)
    return {
        "images_a_job": study.simulate.images,
        "size": f"{study.simulate.size} × {study.simulate.size}",
        "times": [
            {
                "name": f"{row.stage} {row.unit}".strip(),
                "jobs": row.jobs,
                "seconds": duration(row.seconds),
                "median": duration(row.median),
                "cpu": "" if row.cpu_seconds is None else duration(row.cpu_seconds),
                "per_image": duration(row.per_image),
                "memory": "" if row.memory is None else f"{grouped(round(row.memory))} MB",
            }
            for row in rows
        ],
        "comparison": [
            {
                "images": grouped(entry["images"]),
                **{
                    stage: f"{duration(entry['here'].get(stage))} "
                    f"({duration(entry['processor'].get(stage))})"
                    for stage in ("simulate", "transform")
                },
                "small": duration(entry["published"][256]),
                "large": duration(entry["published"][1000]),
            }
            for entry in comparison(study, rows)
        ],
    }
