"""The stages of a study: cost of one unit of each, number of units, and images in a unit.

The time of a unit is ``fixed + images * (per_image + per_pixel * pixels)``, its 95th percentile
that times `spread`. The constants are the CPU time on one core of a cloud machine, at 256 and 1000
pixels a side; those of `train` are a guess for one GPU. What `xscatter plan --pilot` measures
replaces them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from xscatter.study import Study
from xscatter.views import VIEWS, evaluated

LOOKS = 40  # how often a training uses each image before it converges


@dataclass(frozen=True)
class Law:
    """Seconds, megabytes of memory and bytes on disk of one unit.

    Attributes:
        fixed: seconds of a unit without images: the start of Snakemake and of Python.
        per_image: seconds an image.
        per_pixel: seconds a pixel of each image.
        spread: 95th percentile of the time over its mean.
        memory: MB of a unit of small images.
        memory_per_pixel: MB a pixel of one image.
        disk_per_image: bytes an image: what was drawn for it, and its counts, of which few pixels
            hold most.
        disk_per_pixel: bytes a pixel of each image.
    """

    fixed: float
    per_image: float
    per_pixel: float
    spread: float
    memory: float
    memory_per_pixel: float = 0.0
    disk_per_image: float = 0.0
    disk_per_pixel: float = 0.0

    def seconds(self, images: int, pixels: int) -> float:
        """Return the mean time of `images` images of `pixels` pixels, in seconds."""
        return self.fixed + images * (self.per_image + self.per_pixel * pixels)

    def disk(self, pixels: int) -> float:
        """Return the bytes on disk of an image of `pixels` pixels."""
        return self.disk_per_image + self.disk_per_pixel * pixels


def _experiment(study: Study) -> int:
    return study.simulate.images


def _experiments(study: Study) -> int:
    return study.simulate.experiments


def _everything(study: Study) -> int:
    return study.simulate.experiments * study.simulate.images


def _batch(study: Study) -> int:
    # Rounded up: the largest batch decides how long a job may take.
    return math.ceil(_everything(study) / study.pack.batches)


def _has_sequences(study: Study) -> int:
    return int(study.sequence.sequences > 0)


def _tested_frames(study: Study) -> int:
    return study.sequence.frames * math.ceil(study.sequence.sequences / study.pack.batches)


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        law: cost of one unit by the built-in figures.
        images: number of images in one unit; `train` counts each as often as it is used.
        units: number of units.
        gpu: whether its jobs ask for a GPU.
    """

    law: Law
    images: Callable[[Study], int] = _everything
    units: Callable[[Study], int] = lambda study: 1
    gpu: bool = False


STAGE_COSTS: dict[str, Stage] = {
    # Memory grows with the pixels of one image: maps are made once for an experiment, and images
    # are written one by one.
    "simulate": Stage(
        Law(6.0, 0.010, 2.0e-8, 2.0, 500, 4e-4, 11e3, 0.42), _experiment, _experiments
    ),
    # Every frame is rendered for its image, and twice for each process to be judged.
    "sequence": Stage(
        Law(6.0, 0.012, 1.0e-7, 2.5, 500, 5e-4, 11e3, 0.42),
        lambda study: study.sequence.frames,
        lambda study: study.sequence.sequences,
    ),
    "transform": Stage(Law(6.0, 0.003, 2.0e-8, 2.0, 500, 6e-4), _experiment, _experiments),
    "assign": Stage(Law(6.0, 0.0001, 0.0, 2.0, 600)),
    "pack": Stage(
        Law(6.0, 0.001, 3.0e-8, 2.0, 600, 1e-4), _batch, lambda study: study.pack.batches
    ),
    # It usually reads only the marks beside the batches.
    "index": Stage(Law(6.0, 0.0, 0.0, 2.0, 400)),
    # A guess for one GPU; every image counts as often as it is used.
    "train": Stage(
        Law(60.0, 0.0005, 1.0e-8, 2.0, 4000, 2e-3),
        # The test batch is never trained on.
        lambda study: LOOKS * (_everything(study) - _batch(study)),
        lambda study: len(VIEWS),
        gpu=True,
    ),
    "test": Stage(
        Law(30.0, 0.001, 5.0e-8, 2.0, 3000, 2e-3), _batch, lambda study: len(evaluated())
    ),
    "report": Stage(Law(20.0, 0.0, 0.0, 2.0, 1500, 1e-3)),
    # It loads TensorFlow and converts each network.
    # Twice where there are sequences: their features are made with a tagger of single frames.
    "bundle": Stage(Law(60.0, 0.0, 0.0, 2.0, 4000), units=lambda study: 1 + _has_sequences(study)),
    # The networks look at each frame once.
    "embed": Stage(
        Law(6.0, 0.012, 1.0e-7, 2.5, 700, 1e-3, 1e3),
        lambda study: study.sequence.frames,
        lambda study: study.sequence.sequences,
    ),
    # Small, on a CPU: each sequence counts as often as it is used.
    "train_sequence": Stage(
        Law(60.0, 3e-4, 0.0, 2.0, 2000),
        lambda study: LOOKS * study.sequence.frames * study.sequence.sequences,
        _has_sequences,
    ),
    "test_sequence": Stage(
        Law(30.0, 5e-4, 0.0, 2.0, 2000),
        _tested_frames,
        _has_sequences,
    ),
}
"""In the order in which they run."""
