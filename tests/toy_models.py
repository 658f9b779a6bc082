"""A study with untrained networks, its tagger, frames for it, and the rows of a table of tags."""

import csv

import numpy as np

from xscatter.core import files
from xscatter.scores.calibration import Calibration
from xscatter.scores.evaluation import (
    CalibrationEvaluation,
    Evaluation,
    Reliability,
    TagEvaluation,
)
from xscatter.store.paths import StudyPaths
from xscatter.study import Train, dump_study, parse_study

TAGS = ["ring", "halo", "blank"]
TRANSFORM = {
    "angular_orders": 4,
    "radial_orders": 6,
    "radius": 64.0,
    "boundary": "dirichlet",
    "fill": "ring-mean",
    "counts": "log",
    "tolerance": 1e-4,
    "minimum_coverage": 0.1,
}


STUDY = {
    "name": "toy",
    "simulate": {"size": 64},
    "transform": {"angular_orders": 4, "radial_orders": 6},
    "train": {"width": 0.1},
}
THRESHOLDS = (0.0, 0.0, 0.5)
PRECISIONS = (0.25, None, 1.0)


def write_tagger(study):
    """Write networks, their scores and their tagger into the folder of a `study`; return it."""
    from xscatter.learn.bundle import make_tagger

    write_study(study)
    return make_tagger(study, say=lambda _: None)


def write_study(study):
    """Write networks that answer arbitrarily, but always the same, with scores for each."""
    paths = StudyPaths(study)
    write_models(study / "models")
    paths.study.write_text(dump_study(parse_study(STUDY)))
    for view in ("image", "coefficient", "joint"):
        scores = zip(THRESHOLDS, PRECISIONS, strict=True)
        write_evaluation(paths.evaluation(view), dict(zip(TAGS, scores, strict=True)))


def write_models(folder):
    import keras

    from xscatter.networks import models as nets
    from xscatter.networks.load import weights_sha256

    keras.utils.set_random_seed(1)
    train = Train(width=0.1)
    image, coefficient = (
        nets.image_network({"image": (64, 64)}, 3, train),
        nets.coefficient_network({"coefficients": (4, 6)}, 3, train),
    )
    for view, net in {
        "image": image,
        "coefficient": coefficient,
        "joint": nets.joint_network({}, 3, train, branches=(image, coefficient)),
    }.items():
        (folder / view).mkdir(parents=True)
        net.save(folder / view / "model.keras")
        Calibration(TAGS, [1.0, 2.0, 1.0], [0.0, 0.5, -9.0], list(THRESHOLDS), 1.0).save(
            folder / view / "calibration.json"
        )
        facts = {"view": view, "tags": TAGS, "size": 64, "transform": TRANSFORM}
        facts |= {
            "weights_sha256": weights_sha256(net),
            "split": {"training": [0], "validation": [1]},
        }
        files.write_json(folder / view / "training.json", facts)


def ring(center=(60, 70), shape=(128, 150), seed=1):
    y, x = np.mgrid[: shape[0], : shape[1]]
    r = np.hypot(y - center[0], x - center[1])
    expected = 1 + 60 * np.exp(-(((r - 40) / 3) ** 2)) + 90 * np.exp(-r / 12)
    return np.random.default_rng(seed).poisson(expected).astype(np.int32)


def write_evaluation(path, tags):
    """Write an evaluation of tags with the given (threshold, precision)."""
    perfect = Reliability(0.0, [], [], [])
    each = {
        tag: TagEvaluation(1.0, None, 0.5, 9, threshold, precision, 1.0)
        for tag, (threshold, precision) in tags.items()
    }
    Evaluation(
        view="joint",
        mean_average_precision=1.0,
        mean_average_precision_interval=None,
        micro_average_precision=1.0,
        micro_average_precision_interval=None,
        mean_prevalence=0.5,
        tags_that_occur=len(tags),
        tags_without_positives=[],
        records=18,
        experiments=1,
        tags=each,
        calibration=CalibrationEvaluation(1.0, perfect, perfect, perfect),
        confusions=[],
        bootstrap={},
    ).write(path)


def write_frames(folder):
    """Write five rings, a blank frame, a file that cannot be read and one of two frames."""
    folder.mkdir()
    for n in range(5):
        np.save(folder / f"{n}.npy", ring(seed=n))
    np.save(folder / "5.npy", np.zeros((90, 90), np.int32))
    (folder / "6.npy").write_bytes(b"half a file")
    np.save(folder / "7.npy", np.stack([ring(seed=9), ring(seed=10)]))


def watched(table):
    with open(table) as stream:
        return [
            (row["file"].rpartition("/")[2], int(row["frame"])) for row in csv.DictReader(stream)
        ]
