"""Score a trained network on the test batch.

`--view mean` scores the mean of the logits of the image and the coefficient network, the baseline
of the joint one. Writes evaluation/<view>.json and evaluation/<view>-scores.npz below results/<study>/.
"""

import argparse

from xscatter.commands import add_study, read_study
from xscatter.paths import VIEWS

EXAMPLE = """example:
  xscatter test config/demo.yaml --view joint
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--view", required=True, choices=(*VIEWS, "mean"), help="which network, or the mean of two")


def run(args: argparse.Namespace) -> int:
    study, paths = read_study(args)
    from xscatter.learn.evaluate import evaluate

    evaluate(study, paths, args.view)
    return 0
