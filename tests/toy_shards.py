"""Experiment shards and coefficient files of a small study, with the layout of real ones."""

import h5py
import numpy as np

from xscatter.core import shards
from xscatter.store.paths import StudyPaths
from xscatter.study import parse_study

TAGS = ["ring", "halo", "blank"]


def toy_study(experiments=6, images=5, **keys):
    content = {
        "name": "toy",
        "simulate": {"experiments": experiments, "images": images, "size": 32},
    }
    return parse_study(
        content
        | {
            "transform": {"angular_orders": 3, "radial_orders": 4},
            "pack": {"batches": 3, "test_batch": 2},
        }
        | keys
    )


def write_experiment(study, paths: StudyPaths, number):
    """One experiment: counts up to 3e6, a masked corner, one saturated pixel."""
    random = np.random.default_rng([study.seed, number])
    size, images = study.simulate.size, study.simulate.images
    counts = random.poisson(10 ** random.uniform(-2, 6.4, (images, size, size))).astype(np.uint32)
    mask = np.zeros((size, size), bool)
    mask[:3, :2] = True
    counts[:, 10, 10] = 4_000_000
    counts[:, mask] = np.iinfo(np.uint32).max
    with shards.new_shard(
        paths.experiment(number),
        study_hash=study.fingerprint("simulate"),
        seed=study.seed,
        experiment=number,
    ) as file:
        data = file.create_dataset("entry/data/counts", data=counts, chunks=(1, size, size))
        data.attrs["saturation_value"] = 4_000_000
        file["entry/instrument/detector/mask"] = mask
        file.create_dataset("entry/tags/names", data=TAGS, dtype=h5py.string_dtype())
        file["entry/tags/labels"] = random.integers(0, 2, (images, len(TAGS)), dtype=np.uint8)


def write_coefficients(study, paths: StudyPaths, number):
    """Coefficients that name their experiment and image."""
    with h5py.File(paths.experiment(number)) as file:
        checksum = file.attrs["checksum"]
    shape = (study.simulate.images, study.transform.angular_orders, study.transform.radial_orders)
    content = (np.arange(np.prod(shape)).reshape(shape) + 1000j * number).astype(np.complex64)
    with shards.new_shard(
        paths.coefficients(number),
        study_hash=study.fingerprint("transform"),
        experiment=number,
        source_checksum=checksum,
    ) as file:
        file["entry/coefficients"] = content


def write_shards(study, paths: StudyPaths, numbers=None):
    for number in range(study.simulate.experiments) if numbers is None else numbers:
        write_experiment(study, paths, number)
        write_coefficients(study, paths, number)
