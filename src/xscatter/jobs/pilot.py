"""Measure what a few images cost here: the commands of the rules, in a temporary folder."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.core.progress import track
from xscatter.jobs.usage import SNAKEMAKE
from xscatter.store.paths import StudyPaths
from xscatter.study import Study, dump_study

PILOT_IMAGES = (2, 10)  # images in the small and in the large pilot experiments
EXPERIMENTS = 4  # of each; experiments differ, which gives the spread
START = 4.0  # s that Snakemake adds before the command of a rule starts


def measure(study: Study, folder: Path | None = None) -> dict[str, dict[str, float]]:
    """Return seconds, spread, memory and disk of `simulate` and `transform` for images of `study`.

    Args:
        study: the study; its number of images and experiments is replaced by small ones.
        folder: where the temporary folder is made; default: that of the system.

    Raises:
        UserError: a command of the pilot failed; the line says how.
    """
    runs: dict[str, list[tuple[int, float, float, float]]] = {"simulate": [], "transform": []}
    with tempfile.TemporaryDirectory(prefix="pilot-", dir=folder) as place:
        steps = [(count, number) for number in range(EXPERIMENTS) for count in PILOT_IMAGES]
        for count, number in track(steps, "pilot"):
            few = {"images": count, "experiments": EXPERIMENTS}
            # Image size, features and detectors stay: they decide what an image costs.
            small = study.model_copy(update={"simulate": study.simulate.model_copy(update=few)})
            paths = StudyPaths(Path(place) / str(count))
            write_text(paths.study, dump_study(small))
            for stage, product in (
                ("simulate", paths.experiment(number)),
                ("transform", paths.coefficients(number)),
            ):
                seconds, memory = _run(stage, paths, number)
                runs[stage].append((count, seconds, memory, product.stat().st_size))
    return {stage: fit(rows, study.simulate.size**2) for stage, rows in runs.items()}


def _run(stage: str, paths: StudyPaths, number: int) -> tuple[float, float]:
    """Return the seconds and megabytes of one command."""
    command = [sys.executable, "-m", "xscatter", stage, str(paths.study)]
    command += ["--experiments", str(number), "-o", str(paths.root)]
    with open(paths.root / "pilot.log", "w+") as log:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        # Not `process.wait`, which does not report the memory of this one process.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["no message"])[-1]
            raise UserError(f"pilot: {stage} failed: {last}")
    return seconds, usage.ru_maxrss / 1024


def fit(rows: Iterable[tuple[int, float, float, float]], pixels: int) -> dict[str, float]:
    """Return the figures of one stage, by a line through the times (least squares).

    `spread` is the 95th percentile of measured over fitted time, at least 1.1.

    Args:
        rows: images, seconds, megabytes and bytes of each run.
        pixels: pixels of an image.
    """
    table = np.array(list(rows), dtype=float)
    images, seconds = table[:, 0], table[:, 1]
    # Two numbers of images separate the cost of an image from that of the start.
    slope, offset = np.polyfit(images, seconds, 1)
    # Noise of a busy machine may turn the line down.
    slope = max(slope, 1e-6)
    offset = max(offset, 0.0)
    spread = np.percentile(seconds / np.maximum(offset + slope * images, 1e-9), 95)
    return {
        "pixels": pixels,
        "fixed_seconds": round(offset + START, 4),
        "seconds_per_image": round(float(slope), 6),
        "spread": round(max(1.1, float(spread)), 3),
        "memory_mb": round(float(table[:, 2].max()) + SNAKEMAKE, 1),
        "bytes_per_image": round(float(np.median(table[:, 3] / images)), 1),
    }
