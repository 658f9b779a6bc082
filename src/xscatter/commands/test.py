"""Score a trained network on the test set.

`--view mean` scores the mean of the logits of the image and the coefficient network, with which
the joint network is compared. Writes evaluation/<view>.json and evaluation/<view>-scores.npz to
results/<study>/.
"""

import argparse

from xscatter.commands.arguments import add_study, read_study
from xscatter.views import evaluated

EXAMPLE = """examples:
  xscatter test config/demo.yaml --view joint
  xscatter test config/demo.yaml --view image coefficient joint mean
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    # STUDY comes first: after --view it would be taken for a view.
    parser.usage = "%(prog)s [-h] [-v] [-o OUTPUT] STUDY --view VIEW [VIEW ...]"
    parser.add_argument(
        "--view",
        required=True,
        nargs="+",
        choices=evaluated(),
        help="networks to score, or the mean of their logits",
    )


def run(args: argparse.Namespace) -> int:
    study, paths = read_study(args)
    from xscatter.learn.test import evaluate

    for view in args.view:
        evaluate(study, paths, view)
    return 0
