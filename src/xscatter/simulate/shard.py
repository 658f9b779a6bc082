"""Experiment shards: all images of one experiment, written one at a time."""

from pathlib import Path
from typing import Any

import numpy as np

from xscatter import tags
from xscatter.core.seeds import Purpose, generator, sequence
from xscatter.core.version import __version__
from xscatter.simulate.detector import LAYOUTS
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.poisson import poisson_counts
from xscatter.simulate.read_out import read_out
from xscatter.simulate.render import Rendering, render
from xscatter.simulate.scene import draw_scene
from xscatter.simulate.visibility import label
from xscatter.store.experiments import MASKED, new_experiment
from xscatter.study import Study

MOST_PHOTONS = 0xFFFFFFFE  # of integrating detectors, whose digits saturate, not the photons


def simulate_experiment(study: Study, number: int, path: str | Path) -> None:
    """Simulate experiment `number` of `study` into the shard `path`; memory holds one image at a time.

    Raises:
        UserError: the study cannot be simulated, or `path` cannot be written.
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
    with new_experiment(path, n, size, experiment.saturation, **attributes) as shard:
        labels = np.zeros((n, len(tags.NAMES)), np.uint8)
        detectability = np.zeros(labels.shape, np.float32)
        scenes = []
        frame = np.empty((size, size), np.uint32)
        for image in range(n):
            scene, _, labels[image], detectability[image] = simulate_image(experiment, image, frame)
            shard.counts[image] = frame
            scenes.append(scene)
        shard.finish(
            tags.NAMES,
            labels,
            detectability,
            scenes,
            experiment.mask,
            _instrument(experiment),
            experiment.settings["detector"],
            experiment.settings,
        )


def simulate_image(
    experiment: Experiment, image: int, out: np.ndarray, scene: dict[str, Any] | None = None
) -> tuple[dict[str, Any], Rendering, np.ndarray, np.ndarray]:
    """Fill `out` (rows, cols) uint32 with image number `image`; return its scene, rendering, labels, detectability.

    With `scene` (as stored in a shard) that scene is shown, with the noise of this image number.
    """
    scene = draw_scene(experiment, image) if scene is None else scene
    done = render(scene, experiment)
    labels, detectability = label(scene, done, experiment)
    seed = experiment.study.seed
    integrating = LAYOUTS[experiment.settings["detector"]].integrating
    poisson_counts(
        done.expected, experiment.live, MOST_PHOTONS if integrating else experiment.saturation,
        sequence(seed, Purpose.NOISE, experiment.number, image, 0), out,
    )  # fmt: skip
    if integrating:
        read_out(
            out,
            done.expected,
            experiment,
            generator(seed, Purpose.NOISE, experiment.number, image, 2),
        )
    if scene["zingers"]:
        rng = generator(seed, Purpose.NOISE, experiment.number, image, 1)
        labels[tags.INDEX["zingers"]] = _add_zingers(out, experiment, scene["zingers"], rng) > 0
    saturated = np.count_nonzero(out == experiment.saturation)
    if saturated >= max(1, 1e-5 * out.size):
        labels[tags.INDEX["saturation"]] = 1
    return scene, done, labels, detectability


def _add_zingers(
    out: np.ndarray, experiment: Experiment, number: int, rng: np.random.Generator
) -> int:
    """Cosmic rays and decays: `number` short tracks of bright pixels; return how many pixels stand out by 8 sigma."""
    size, gain = experiment.size, max(experiment.settings["gain"], 1.0)
    clear = 0
    for _ in range(number):
        start, angle = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        steps = np.arange(1 + rng.poisson(3.0 / experiment.scale))
        rows = (start[0] + steps * np.sin(angle)).astype(int)
        cols = (start[1] + steps * np.cos(angle)).astype(int)
        charge = rng.exponential(10 ** rng.uniform(1.5, 4.2), len(steps))
        on = (rows >= 0) & (rows < size) & (cols >= 0) & (cols < size)
        rows, cols, charge = rows[on], cols[on], charge[on]
        before, live = out[rows, cols].astype(float), experiment.live[rows, cols]
        value = np.minimum(before + np.rint(charge), experiment.saturation).astype(np.uint32)
        clear += int(np.count_nonzero(live & (value - before > 8 * np.sqrt(gain * (before + 1)))))
        out[rows, cols] = np.where(live, value, MASKED)
    return clear


def _instrument(experiment: Experiment) -> dict[str, tuple[Any, str]]:
    """Value and unit of every quantity of the instrument."""
    geometry = experiment.geometry
    return {
        "wavelength": (geometry.wavelength, "m"),
        "distance": (geometry.distance, "m"),
        "pixel_size": (geometry.pixel_size, "m"),
        "beam_center": (np.array(geometry.center), "pixel"),
        "polarisation": (experiment.settings["polarisation"], ""),
        "rot1": (geometry.rot1, "rad"),
        "rot2": (geometry.rot2, "rad"),
        "saturation_value": (np.uint32(experiment.saturation), "counts"),
    }
