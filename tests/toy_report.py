"""The results of a small study: real images and coefficients, made-up trainings and scores."""

import numpy as np

from xscatter.core.files import write_json, write_text
from xscatter.core.shards import open_shard
from xscatter.scores.evaluation import (
    CalibrationEvaluation,
    Confusion,
    Evaluation,
    RecordScores,
    Reliability,
    TagEvaluation,
    UnfamiliarEvaluation,
)
from xscatter.simulate import simulate_experiment
from xscatter.study import parse_study
from xscatter.tags import NAMES
from xscatter.transform.parallel import transform_files
from xscatter.views import MEAN, evaluated

STUDY = parse_study(
    {
        "name": "small",
        "simulate": {"experiments": 4, "images": 6, "size": 64},
        "transform": {"angular_orders": 6, "radial_orders": 10},
        "pack": {"batches": 2, "test_batch": 1},
    }
)


def make_shards(paths):
    """Experiments and coefficients, by the stages themselves; labels of all images."""
    labels = []
    for number in range(STUDY.simulate.experiments):
        simulate_experiment(STUDY, number, paths.experiment(number))
        with open_shard(paths.experiment(number)) as file:
            labels.append(file["entry/tags/labels"][()])
    pairs = [
        (paths.experiment(number), paths.coefficients(number))
        for number in range(STUDY.simulate.experiments)
    ]
    transform_files(STUDY, pairs)
    return labels


def make_evaluation(paths, view, labels, source, random):
    scores = np.clip(0.5 + 0.4 * (labels - 0.5) + random.normal(0, 0.25, labels.shape), 0.01, 0.99)
    tags = {
        name: TagEvaluation(
            average_precision=0.8 if some else None,
            interval=[0.7, 0.9] if some else None,
            prevalence=float(labels[:, column].mean()),
            positives=int(labels[:, column].sum()),
            threshold=0.5,
            precision=0.8 if some else None,
            recall=0.7 if some else None,
        )
        for column, (name, some) in enumerate(zip(NAMES, labels.any(0), strict=True))
    }
    bins = Reliability(0.0321, probability=[0.2, 0.8], frequency=[0.3, 0.7], count=[9, 9])
    Evaluation(
        view=view,
        mean_average_precision=0.8,
        mean_average_precision_interval=[0.75, 0.85],
        micro_average_precision=0.8,
        micro_average_precision_interval=[0.75, 0.85],
        mean_prevalence=0.3,
        tags_that_occur=int(labels.any(0).sum()),
        tags_without_positives=[],
        records=len(labels),
        experiments=2,
        tags=tags,
        calibration=CalibrationEvaluation(1.0, bins, bins, bins),
        confusions=[Confusion("ring", "halo", records=5, by_chance=1.25, of=7)],
        bootstrap={},
        run={"versions": {"xscatter": "0.1.0"}, "host": "here"},
        unfamiliar=UnfamiliarEvaluation(
            kinds=["wedge beamstop"],
            records=6,
            experiments=1,
            mean_average_precision=0.712,
            familiar_mean_average_precision=0.834,
            expected_calibration_error=0.043,
            familiar_expected_calibration_error=0.021,
        ),
    ).write(paths.evaluation(view))
    scores = scores.astype("f4")
    logits = np.log(scores / (1 - scores))
    RecordScores(scores, logits, labels.astype("u1"), source).write(paths.scores(view))


def write_results(paths):
    """Write shards, and an evaluation and a training of every view there is."""
    random = np.random.default_rng(7)
    labels = make_shards(paths)
    test = np.concatenate(labels[2:])
    source = np.array([(experiment, image) for experiment in (2, 3) for image in range(6)])
    for view in evaluated():
        make_evaluation(paths, view, test, source, random)
        if view != MEAN:
            curve = (
                "epoch,training_loss,validation_loss,validation_mean_average_precision,decision\n"
            )
            curve += "1,0.7,0.72,0.5,\n2,0.5,0.6,0.6,drop\n3,0.4,0.61,nan,stop\n"
            write_text(paths.model(view) / "history.csv", curve)
            write_text(
                paths.model(view) / "timings.csv",
                "epoch,seconds,validation_seconds\n1,10.5,2\n2,10.5,1\n",
            )
            facts = {
                "settings": {f"{view}_network": "compact"},
                "weights": 12345,
                "epochs": 3,
                "best_epoch": 2,
            }
            write_json(
                paths.model(view) / "training.json", facts | {"reason": "no progress for 6 epochs"}
            )
