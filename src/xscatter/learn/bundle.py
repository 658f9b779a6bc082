"""Make the tagger of a study: its trained networks as ONNX, with calibration, scores and a card."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.provenance import versions
from xscatter.learn.agreement import check_logits, check_thresholds
from xscatter.learn.bundle_sequence import bundled_sequence
from xscatter.learn.card import card
from xscatter.networks.export import in_float32, to_onnx
from xscatter.networks.load import load_model
from xscatter.networks.run import Network
from xscatter.records.assignment import identity
from xscatter.records.read import open_records
from xscatter.scores import calibration
from xscatter.scores.evaluation import Evaluation, read_evaluation
from xscatter.store.bundle import Bundle, BundledNetwork, network_file
from xscatter.store.models import FACTS, ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.store.verify import study_of_results
from xscatter.study import PHYSICS, Study, dump_study
from xscatter.tags import INDEX, TAGS
from xscatter.views import SEQUENCE, VIEWS, answering


def make_tagger(
    results: Path,
    folder: Path | None = None,
    views: Iterable[str] | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Write the tagger of a study, and return its folder.

    Args:
        results: folder of the study; its networks are trained and tested.
        folder: where to; None: ``tagger`` in `results`.
        views: of the networks to take; None: those that a tagger asks if nobody chooses, and the
            temporal one.
        say: takes one line with the result.

    Raises:
        UserError: a network is missing, not tested, or does not fit the others; the folder cannot
            be written.
    """
    study, paths = study_of_results(results), StudyPaths(results)
    folder = folder or paths.tagger
    if views is None:
        ready = [view for view in VIEWS if ModelFolder(paths.model(view)).network.exists()]
        chosen = [*answering(ready), SEQUENCE.name]
    else:
        chosen = list(views)
    models = {view: ModelFolder(paths.model(view)) for view in chosen if view != SEQUENCE.name}
    if not models:
        raise UserError(f"{results}: has no trained network; train it first")
    facts = _facts(models)
    fitted = {view: calibration.load(model.calibration) for view, model in models.items()}
    evaluations = {view: _evaluation(paths, view, fitted[view]) for view in models}
    contents = {view: _exported(model) for view, model in models.items()}
    networks = {
        view: _network(view, fitted[view], evaluations[view], contents[view]) for view in contents
    }
    bundle = _bundle(study, paths, networks, facts, evaluations)
    temporal = ModelFolder(paths.model(SEQUENCE.name))
    if SEQUENCE.name in chosen and (views is not None or temporal.network.exists()):
        weights = {view: network.sha256 for view, network in networks.items()}
        content, entry = bundled_sequence(paths, weights)
        contents[SEQUENCE.name] = content
        bundle = replace(bundle, sequence=entry)
    bundle.write(folder, contents, card(bundle), dump_study(study))
    size = sum(map(len, contents.values())) / 1e6
    say(f"tagger: {', '.join(contents)} networks, {size:.1f} MB, in {folder}")
    return folder


def _facts(models: dict[str, ModelFolder]) -> dict[str, dict[str, Any]]:
    """Return the facts of the training of each network, which fit one another."""
    for model in models.values():
        if not model.network.exists():
            raise UserError(f"{model.network}: missing; train --view {model.view} first")
    facts = {view: model.facts(*FACTS) for view, model in models.items()}
    first = next(iter(facts.values()))
    for view, own in facts.items():
        # Their probabilities are compared tag by tag, so all must know the same tags and inputs.
        if any(own[key] != first[key] for key in ("tags", "size", "transform")):
            raise UserError(
                f"{models[view].path}: was trained on other records than its neighbours; "
                f"train --view {view}"
            )
    return facts


def _evaluation(paths: StudyPaths, view: str, fitted: calibration.Calibration) -> Evaluation:
    """Return the evaluation of a network, which must be of the training that `fitted` is of."""
    path = paths.evaluation(view)
    evaluation = read_evaluation(path)
    thresholds = {tag: one.threshold for tag, one in evaluation.tags.items()}
    check_thresholds(path, thresholds, fitted)
    return evaluation


def _exported(folder: ModelFolder) -> bytes:
    """Return the network in `folder` as ONNX, compared with the original on noisy patterns."""
    model = load_model(folder)
    content = to_onnx(model)
    random = np.random.default_rng(0)
    inputs = {
        name: random.poisson(1000 * _fading(x.shape[1:]), (4, *x.shape[1:])).astype(np.float32)
        for name, x in model.input.items()
    }
    expected = np.asarray(in_float32(model)(inputs, training=False))
    check_logits(folder.network, Network(content).logits(inputs), expected)
    return content


def _fading(shape: tuple[int, ...]) -> np.ndarray:
    """Return a pattern that fades from its corner; flat noise, unlike records, rounds coarsely."""
    squares = [np.linspace(0, 1, size) ** 2 for size in shape]
    return np.exp(-3 * np.sqrt(sum(np.ix_(*squares), np.zeros(shape))))


def _network(
    view: str,
    fitted: calibration.Calibration,
    evaluation: Evaluation,
    content: bytes,
) -> BundledNetwork:
    """Return the entry of one network in the description.

    Args:
        view: its name.
        fitted: its calibration.
        evaluation: its scores on the test set.
        content: its file.
    """
    tags = {}
    for t, tag in enumerate(fitted.tags):
        tested = evaluation.tags[tag]
        tags[tag] = {
            "slope": fitted.slope[t],
            "offset": fitted.offset[t],
            "threshold": fitted.threshold[t],
            "precision": tested.precision,
            "recall": tested.recall,
            "prevalence": tested.prevalence,
            "average_precision": tested.average_precision,
            "interval": tested.interval,
        }
    scores = {
        "mean_average_precision": evaluation.mean_average_precision,
        "interval": evaluation.mean_average_precision_interval,
        "tags_that_occur": evaluation.tags_that_occur,
        "calibration_error": evaluation.calibration.per_tag.expected_calibration_error,
    }
    return BundledNetwork(
        file=network_file(view),
        sha256=hashlib.sha256(content).hexdigest(),
        inputs=list(Network(content).inputs),
        tags=tags,
        exclusive=fitted.groups,
        scores=scores,
    )


def _present(study: Study, paths: StudyPaths) -> bool:
    """Return whether the records were made by this version of the simulator."""
    try:
        return open_records(paths.batches).manifest.get("study_hash") == identity(study)
    except UserError:
        return False


def _bundle(
    study: Study,
    paths: StudyPaths,
    networks: dict[str, BundledNetwork],
    facts: dict[str, dict[str, Any]],
    evaluations: dict[str, Evaluation],
) -> Bundle:
    """Return the description of the tagger.

    Args:
        study: that makes it.
        paths: of the study.
        networks: by view.
        facts: of each training.
        evaluations: of the networks.
    """
    first, tested = next(iter(facts.values())), next(iter(evaluations.values()))
    seen = {number for numbers in first["split"].values() for number in numbers}
    return Bundle(
        name=study.name,
        tags={tag: TAGS[INDEX[tag]].definition if tag in INDEX else "" for tag in first["tags"]},
        size=first["size"],
        transform=first["transform"] or {},
        networks=networks,
        facts={
            "study_hash": study.fingerprint("train"),
            "physics": PHYSICS if _present(study, paths) else None,
            "seed": study.seed,
            "weights_sha256": {view: own["weights_sha256"] for view, own in facts.items()},
            "training": {"images": first.get("training_records"), "experiments": len(seen)},
            "test": {"images": tested.records, "experiments": tested.experiments},
            # From the study.yaml beside it; the workflow ends with the tagger.
            "command": "snakemake --cores all --configfile study.yaml",
            "versions": versions("numpy", "keras", "tensorflow-cpu", "tf2onnx", "onnx"),
        },
    )
