"""The test: score a trained view on the test batch, which no training has seen."""

from collections.abc import Callable

import numpy as np

from xscatter.core.errors import UserError
from xscatter.learn import data
from xscatter.learn.data import RecordSubset
from xscatter.learn.identity import open_records_of
from xscatter.networks.load import load_model
from xscatter.networks.quiet import import_tensorflow
from xscatter.records.read import Records
from xscatter.scores import calibration
from xscatter.scores.describe import describe
from xscatter.scores.evaluation import Evaluation, RecordScores
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.views import MEAN, VIEWS, View, averaged


def evaluate(
    study: Study, paths: StudyPaths, name: str, say: Callable[[str], None] = print
) -> Evaluation:
    """Score a view on the test batch, and write ``evaluation/<name>.json`` and its scores.

    Args:
        study: the study that the models and records belong to.
        paths: its files.
        name: a view, or "mean": the mean of the logits of the views that `averaged` names.
        say: takes one line with the result.

    Raises:
        UserError: no model or batches, or they do not fit each other or the study.
    """
    records = open_records_of(study, paths).records
    tested = data.all_records(records, [records.test_batch])
    if not len(tested):
        raise UserError(f"{paths.batches}: the test batch is empty; simulate more experiments")
    if not tested.labels().any():
        raise UserError(
            f"{paths.batches}: no tag is true in any record of the test batch; simulate more "
            "experiments"
        )
    tags, numbers = list(records.tags), data.experiments(tested)
    views = [VIEWS[one] for one in (averaged() if name == MEAN else [name])]
    # A model that was trained on experiments of the test batch is refused here.
    facts = [ModelFolder(paths.model(view.name)).fitting_facts(tags, numbers) for view in views]
    _prepare(study)
    if name == MEAN:
        # The mean has no training of its own, so it is calibrated here, on the validation set.
        _, validation = data.split(
            records,
            study.seed,
            study.train.validation_fraction,
            facts[0]["split"],
            study.train.validation_set == "unfamiliar",
        )
        logits = _mean_logits(paths, views, tested)
        fitted = calibration.fit(tags, validation.labels(), _mean_logits(paths, views, validation))
    else:
        logits = score(paths, views[0], tested)
        fitted = calibration.load(ModelFolder(paths.model(name)).calibration)
    scores = RecordScores(
        scores=fitted.probability(logits).astype(np.float32),
        logits=logits,
        labels=tested.field("tags"),
        source=tested.field("source"),
    )
    kinds = _unfamiliar_kinds(records, facts[0]["split"]["training"], numbers)
    evaluation = describe(name, scores, fitted, study.seed, kinds)
    scores.write(paths.scores(name))
    evaluation.write(paths.evaluation(name))
    say(_summary(evaluation))
    return evaluation


def _unfamiliar_kinds(
    records: Records, training: list[int], tested: list[int]
) -> dict[int, list[str]]:
    """Return, for each test experiment, its kinds of instrument that no training experiment has."""
    seen = frozenset[str]().union(*(records.kinds.get(n, ()) for n in training))
    return {n: sorted(records.kinds.get(n, frozenset()) - seen) for n in tested}


def _prepare(study: Study) -> None:
    import_tensorflow()
    from xscatter.learn import learner

    # The number of threads decides how sums round, so it is that of the training.
    learner.prepare(study.train.threads, study.seed, 0)


def _mean_logits(paths: StudyPaths, views: list[View], subset: RecordSubset) -> np.ndarray:
    first, *others = (score(paths, view, subset) for view in views)
    return sum(others, start=first) / len(views)


def score(paths: StudyPaths, view: View, subset: RecordSubset) -> np.ndarray:
    """Return the logits (n, T) of the trained `view` for the records of `subset`.

    Args:
        paths: of the study.
        view: the trained view.
        subset: the n records to score.

    Raises:
        UserError: the model is missing, damaged, or of another size; or it gives NaN.
    """
    folder = ModelFolder(paths.model(view.name))
    model = load_model(folder)
    wanted = {name: tuple(x.shape[1:]) for name, x in model.input.items()}
    if subset.input_shapes(view) != wanted:
        raise UserError(
            f"{folder.path}: was trained on another size than the records'; "
            f"train --view {view.name} again"
        )
    return subset.logits(view, lambda inputs: model(inputs, training=False), f"score {view.name}")


def _summary(evaluation: Evaluation) -> str:
    ends = evaluation.mean_average_precision_interval
    between = f"[{ends[0]:.4f}, {ends[1]:.4f}]" if ends else "(no interval: one experiment)"
    return (
        f"{evaluation.view}: mean average precision {evaluation.mean_average_precision:.4f} "
        f"{between} over {evaluation.tags_that_occur} tags, {evaluation.records} records of "
        f"{evaluation.experiments} experiments; mean prevalence {evaluation.mean_prevalence:.4f}"
    )
