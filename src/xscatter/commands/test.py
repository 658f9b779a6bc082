"""Score a trained network on the test set.

`--view mean` scores the mean of the logits of the image and the coefficient network, with which
the joint network is compared. `--view sequence` scores the temporal network on sequences, beside
simple methods. Writes evaluation/<view>.json and evaluation/<view>-scores.npz to results/<study>/.
"""

import argparse
from typing import TYPE_CHECKING

from xscatter.commands.arguments import add_study, read_study
from xscatter.views import SEQUENCE, evaluated

if TYPE_CHECKING:
    from xscatter.store.paths import StudyPaths
    from xscatter.study import Study

EXAMPLE = """examples:
  xscatter test config/demo.yaml --view joint
  xscatter test config/demo.yaml --view image coefficient joint mean
  xscatter test config/processes.yaml --view sequence
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    # STUDY comes first: after --view it would be taken for a view.
    parser.usage = "%(prog)s [-h] [-v] [-o OUTPUT] STUDY --view VIEW [VIEW ...]"
    parser.add_argument(
        "--view",
        required=True,
        nargs="+",
        choices=(*evaluated(), SEQUENCE.name),
        help="networks to score, or the mean of their logits",
    )


def run(args: argparse.Namespace) -> int:
    study, paths = read_study(args)
    for view in args.view:
        if view == SEQUENCE.name:
            _test_sequences(study, paths)
        else:
            from xscatter.learn.test import evaluate

            evaluate(study, paths, view)
    return 0


def _test_sequences(study: "Study", paths: "StudyPaths") -> None:
    """Score the temporal network, and simple methods on the same features."""
    from xscatter.core.files import write_json
    from xscatter.learn.sequence_test import predict_sequences
    from xscatter.scores.sequence_evaluation import Method, SequenceScores, describe_sequences
    from xscatter.sequences.compared import available, simple_scores
    from xscatter.store.models import ModelFolder

    predicted = predict_sequences(study, paths)
    # The first view has the tags of all.
    tags = ModelFolder(paths.model("image")).facts("tags")["tags"]
    simple = [
        simple_scores(one.track.features, predicted.columns, tags) for one in predicted.sequences
    ]
    methods = {"network": Method(predicted.active, families=predicted.family)}
    for name, one in available().items():
        methods[name] = Method([scores[name] for scores in simple], one.causal)
    scores = SequenceScores(
        numbers=[one.number for one in predicted.sequences],
        tested=predicted.truth(),
        contrast=[one.contrast for one in predicted.sequences],
        methods=methods,
        onset=predicted.onset,
        progress=predicted.progress,
        segments=predicted.segments(),
        threshold=predicted.fitted.threshold,
    )
    figures = describe_sequences(scores, study.seed)
    scores.write(paths.scores(SEQUENCE.name))
    write_json(paths.evaluation(SEQUENCE.name), figures)
    for name, own in figures["methods"].items():
        figure = [own.get("mean_average_precision"), own["change"]["average_precision"]]
        named, change = ("not defined" if x is None else f"{x:.4f}" for x in figure)
        print(f"{name}: mean average precision {named}, of any change {change}")
