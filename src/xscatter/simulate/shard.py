"""Experiment shards: all images of one experiment, written one at a time."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import tags
from xscatter.core.version import __version__
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.image import SimulatedImage, simulate_image
from xscatter.store.experiments import ExperimentWriter, new_experiment
from xscatter.study import Study


def simulate_experiment(study: Study, number: int, path: str | Path) -> None:
    """Simulate an experiment and write its shard; memory holds one image at a time.

    Args:
        study: what to simulate.
        number: of the experiment in the study, from 0.
        path: of the shard, which appears when it is complete.

    Raises:
        UserError: the study cannot be simulated, or `path` cannot be written.

    Example:
        >>> import tempfile
        >>> from xscatter import Study, open_experiment, simulate_experiment
        >>> study = Study(name="example", simulate={"size": 32, "images": 1})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     simulate_experiment(study, 0, f"{folder}/00000.h5")
        ...     with open_experiment(f"{folder}/00000.h5") as experiment:
        ...         counts, mask, saturated = experiment.counts(0)
        >>> counts.shape
        (32, 32)
    """
    experiment = Experiment(study, number)
    n, size = study.simulate.images, study.simulate.size
    attributes = {
        "xscatter_version": __version__,
        "study": study.name,
        "study_hash": study.fingerprint("simulate"),
        "seed": np.uint64(study.seed),
        "experiment": number,
    }
    saturation = experiment.setup.detector.saturation
    with new_experiment(path, n, size, saturation, **attributes) as shard:
        write_images(shard, experiment, partial(simulate_image, experiment))


def write_images(
    shard: ExperimentWriter,
    experiment: Experiment,
    simulate: Callable[[int, np.ndarray], SimulatedImage],
) -> None:
    """Write all images of a shard, and what is known of them.

    Args:
        shard: it has room for so many images.
        experiment: of the images.
        simulate: fills the counts (size, size) of the image of a number.
    """
    n, size = len(shard.counts), experiment.size
    labels = np.zeros((n, len(tags.NAMES)), np.uint8)
    detectability = np.zeros(labels.shape, np.float32)
    scenes = []
    # One array for all images: the shard keeps a compressed copy.
    counts = np.empty((size, size), np.uint32)
    for image in range(n):
        simulated = simulate(image, counts)
        shard.counts[image] = counts
        labels[image], detectability[image] = simulated.labels, simulated.detectability
        scenes.append(simulated.scene)
    shard.finish(
        tags.NAMES,
        labels,
        detectability,
        scenes,
        experiment.mask,
        _instrument(experiment),
        experiment.setup.detector.layout.name,
        experiment.setup.settings(),
        experiment.kinds,
    )


def _instrument(experiment: Experiment) -> dict[str, tuple[Any, str]]:
    """Return value and unit of every quantity of the instrument."""
    geometry = experiment.geometry
    return {
        "wavelength": (geometry.wavelength, "m"),
        "distance": (geometry.distance, "m"),
        "pixel_size": (geometry.pixel_size, "m"),
        "beam_center": (np.array(geometry.center), "pixel"),
        "polarisation": (experiment.setup.beam.polarisation, ""),
        "rot1": (geometry.rot1, "rad"),
        "rot2": (geometry.rot2, "rad"),
        "saturation_value": (np.uint32(experiment.setup.detector.saturation), "counts"),
    }
