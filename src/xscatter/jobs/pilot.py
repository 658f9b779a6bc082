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
PILOT_FRAMES = (8, 24)  # frames in the small and in the large pilot sequences
EXPERIMENTS = 4  # of each; experiments differ, which gives the spread
START = 4.0  # s that Snakemake adds before the command of a rule starts


def measure(study: Study, folder: Path | None = None) -> dict[str, dict[str, float]]:
    """Return seconds, spread, memory and disk of `simulate` and `transform` for images of `study`.

    If it has sequences, "sequence" tells the same of their frames.

    Args:
        study: the study; its number of images and experiments is replaced by small ones.
        folder: where the temporary folder is made; default: that of the system.

    Raises:
        UserError: a command of the pilot failed; the line says how.
    """
    pixels = {stage: study.simulate.size**2 for stage in ("simulate", "transform")}
    if study.sequence.sequences:
        pixels["sequence"] = (study.sequence.size or study.simulate.size) ** 2
    runs: dict[str, list[tuple[int, float, float, float]]] = {stage: [] for stage in pixels}
    with tempfile.TemporaryDirectory(prefix="pilot-", dir=folder) as place:
        steps = [
            (images, frames, number)
            for number in range(EXPERIMENTS)
            for images, frames in zip(PILOT_IMAGES, PILOT_FRAMES, strict=True)
        ]
        for images, frames, number in track(steps, "pilot"):
            few = {"images": images, "experiments": EXPERIMENTS}
            short = {"frames": frames, "sequences": EXPERIMENTS}
            # Image size, features and detectors stay: they decide what an image costs.
            small = study.model_copy(
                update={
                    "simulate": study.simulate.model_copy(update=few),
                    "sequence": study.sequence.model_copy(update=short),
                }
            )
            paths = StudyPaths(Path(place) / str(images))
            write_text(paths.study, dump_study(small))
            for stage in pixels:
                count = frames if stage == "sequence" else images
                seconds, memory, size = _run(stage, paths, number)
                runs[stage].append((count, seconds, memory, size))
    return {stage: fit(runs[stage], pixels[stage]) for stage in pixels}


def _run(stage: str, paths: StudyPaths, number: int) -> tuple[float, float, float]:
    """Return the seconds and megabytes of one command, and the bytes of the file that it makes."""
    verb, option, product = {
        "simulate": ("simulate", "--experiments", paths.experiment),
        "transform": ("transform", "--experiments", paths.coefficients),
        "sequence": ("simulate", "--sequences", paths.sequence),
    }[stage]
    command = [sys.executable, "-m", "xscatter", verb, str(paths.study)]
    command += [option, str(number), "-o", str(paths.root)]
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
    return seconds, usage.ru_maxrss / 1024, product(number).stat().st_size


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
