"""The test: scores of a trained view on the test batch, which no training has seen."""

from collections.abc import Callable
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file, write_json
from xscatter.core.provenance import run_record
from xscatter.learn import data
from xscatter.learn.data import Part
from xscatter.networks.load import load_model
from xscatter.scores import calibrate, metrics
from xscatter.store.models import ModelFolder
from xscatter.store.paths import VIEWS, StudyPaths
from xscatter.study import Study
from xscatter.tags import TAGS

_CONFUSIONS = 30
_INSTRUMENT = (
    "exposure",
    "background",
    "instrument",
)  # groups of tags that do not say what scatters


def evaluate(
    study: Study, paths: StudyPaths, view: str, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Score `view` (or `mean`, the mean of the logits of image and coefficient view) on the test batch.

    Writes ``evaluation/<view>.json`` and ``evaluation/<view>-scores.npz``; returns the former.

    Raises:
        UserError: no model or batches, or they do not fit each other or the study.
    """
    from xscatter import records as records_room
    from xscatter.learn.train import check
    from xscatter.networks.quiet import import_tensorflow

    records = records_room.open_records(paths.batches)
    check(study, records)
    tested = data.whole(records, [records.test_batch])
    if not len(tested):
        raise UserError(f"{paths.batches}: the test batch is empty; simulate more experiments")
    if not tested.labels().any():
        raise UserError(
            f"{paths.batches}: no tag is true in any record of the test batch; simulate more experiments"
        )
    tags, numbers = list(records.tags), data.experiments(tested)
    views = VIEWS[:2] if view == "mean" else [view]
    known = {name: ModelFolder(paths.model(name)).fitting_facts(tags, numbers) for name in views}
    import_tensorflow()
    from xscatter.learn.learner import prepare

    prepare(study.train.threads, study.seed, 0)
    if view == "mean":
        held = data.split(records, study.seed, study.train.validation, known["image"]["split"])[1]
        logits, validation = (
            (score(paths, "image", part) + score(paths, "coefficient", part)) / 2
            for part in (tested, held)
        )
        calibration = calibrate.fit(tags, held.labels(), validation)
    else:
        logits = score(paths, view, tested)
        calibration = calibrate.load(paths.model(view) / "calibration.json")
    source, labels = tested.field("source"), tested.field("tags")
    scores = calibration.probability(logits).astype(np.float32)
    found = describe(tags, labels, logits, scores, source[:, 0], calibration, study.seed)
    found = {"view": view, **found, "run": run_record()}
    with complete_file(paths.scores(view)) as name, open(name, "wb") as stream:
        np.savez_compressed(stream, scores=scores, logits=logits, labels=labels, source=source)
    write_json(paths.evaluation(view), found)
    ends = found["mean_average_precision_interval"]
    between = f"[{ends[0]:.4f}, {ends[1]:.4f}]" if ends else "(no interval: one experiment)"
    say(f"{view}: mean average precision {found['mean_average_precision']:.4f} {between} over "
        f"{found['tags_that_occur']} tags, {len(tested)} records of {found['experiments']} experiments; mean "
        f"prevalence {found['mean_prevalence']:.4f}")  # fmt: skip
    return found


def score(paths: StudyPaths, view: str, part: Part) -> np.ndarray:
    """Logits (n, T) of the trained `view` for the records of `part`.

    Raises:
        UserError: the model is missing, damaged, or of another size; a record of which it gives no number.
    """
    model = load_model(ModelFolder(paths.model(view)))
    wanted = {name: tuple(x.shape[1:]) for name, x in model.input.items()}
    if {name: x.shape[1:] for name, x in part.inputs(view, slice(0, 1)).items()} != wanted:
        raise UserError(
            f"{paths.model(view)}: was trained on another size than the records'; train --view {view} again"
        )
    return part.logits(view, lambda inputs: model(inputs, training=False), f"score {view}")


def describe(
    tags: list[str],
    labels: np.ndarray,
    logits: np.ndarray,
    scores: np.ndarray,
    experiment: np.ndarray,
    calibration: calibrate.Calibration,
    seed: int,
) -> dict[str, Any]:
    """All figures of a test, as plain values; null stands for what is not defined.

    Args:
        tags: names, T.
        labels: (n, T) 0 or 1.
        logits: (n, T).
        scores: (n, T) calibrated probabilities; the figures are those of the scores as they are saved.
        experiment: (n,) number of the experiment of each record; the bootstrap draws experiments.
        calibration: from the validation part.
        seed: of the bootstrap.
    """
    each = metrics.per_tag(labels, scores)
    weights = metrics.resampled(experiment, seed)
    drawn = metrics.bootstrap(labels, scores, weights)
    chosen = scores >= np.array(calibration.threshold)
    prevalence = labels.mean(0)
    occurs = ~np.isnan(each)
    micro = metrics.weighted_average_precision(
        labels.ravel(), scores.ravel(), np.ones((1, labels.size))
    )
    per_tag = {}
    for t, tag in enumerate(tags):
        precision, recall = metrics.precision_recall(labels[:, t], chosen[:, t])
        per_tag[tag] = {
            "average_precision": float(each[t]) if occurs[t] else None,
            "interval": metrics.interval(drawn[:, t], each[t]),
            "prevalence": float(prevalence[t]),
            "positives": int(labels[:, t].sum()),
            "threshold": calibration.threshold[t],
            "precision": precision,
            "recall": recall,
        }
    return {
        "mean_average_precision": float(metrics.mean_of(each)),
        "mean_average_precision_interval": metrics.interval(
            metrics.mean_of(drawn), float(metrics.mean_of(each))
        ),
        "micro_average_precision": float(micro[0]),
        "micro_average_precision_interval": _micro_interval(labels, scores, weights, micro[0]),
        "mean_prevalence": float(prevalence[occurs].mean()),
        "tags_that_occur": int(occurs.sum()),
        "tags_without_positives": [tag for tag, some in zip(tags, occurs, strict=True) if not some],
        "records": len(labels),
        "experiments": len(np.unique(experiment)),
        "tags": per_tag,
        "calibration": {
            "temperature": calibration.temperature,
            "raw": metrics.reliability(labels, calibrate.sigmoid(logits)),
            "temperature_scaled": metrics.reliability(
                labels, calibrate.sigmoid(logits / calibration.temperature)
            ),
            "per_tag": metrics.reliability(labels, scores),
        },
        "confusions": confusions(tags, labels, chosen, experiment),
        "bootstrap": {"seed": seed, "draws": len(weights), "unit": "experiment", "level": 0.95},
    }


def _micro_interval(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, value: float
) -> list[float] | None:
    each = [
        metrics.weighted_average_precision(
            labels.ravel(), scores.ravel(), np.repeat(w, labels.shape[1])[None]
        )[0]
        for w in weights[:200]
    ]
    return metrics.interval(np.array(each), value)


def confusions(
    tags: list[str], labels: np.ndarray, chosen: np.ndarray, experiment: np.ndarray
) -> list[dict[str, Any]]:
    """Pairs of look-alikes: a tag missed (`shown`) where another is given that is not there (`said`).

    A tag that is given too often is given beside everything. So each pair is held against what `said`
    does where neither tag is there: with r the share of those records that get it all the same, the
    missed ones would by chance hold r times the records in which it could be given. Pairs stay that
    have at least twice that number, three records and two experiments; most records beyond chance first.

    Args:
        tags: names, T.
        labels: (n, T) 0 or 1.
        chosen: (n, T) bool, the tags that were given.
        experiment: (n,) number of the experiment of each record.
    """
    there = labels > 0
    missed, absent, invented = there & ~chosen, ~there, ~there & chosen
    number = lambda first, second: first.T.astype(np.float64) @ second  # noqa: E731 - (T, T) records
    count = number(missed, invented)
    chance = (
        number(missed, absent) * number(absent, invented) / np.maximum(number(absent, absent), 1)
    )
    names = np.unique(experiment)
    spread = sum(
        (number(missed[experiment == e], invented[experiment == e]) > 0).astype(int) for e in names
    )
    group = {tag.name: tag.group for tag in TAGS}
    kind = np.array([group.get(tag) in _INSTRUMENT for tag in tags])
    comparable = kind[:, None] == kind
    alike = np.argwhere(comparable & (count >= 3) & (spread >= 2) & (count >= 2 * chance)).tolist()
    alike.sort(key=lambda pair: chance[*pair] - count[*pair])
    return [
        {
            "shown": tags[a],
            "said": tags[b],
            "records": int(count[a, b]),
            "by_chance": round(float(chance[a, b]), 2),
            "of": int(there[:, a].sum()),
        }
        for a, b in alike[:_CONFUSIONS]
    ]
