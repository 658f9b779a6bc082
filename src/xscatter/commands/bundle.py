"""Make the tagger of a study: one folder that `xscatter predict --model` uses without TensorFlow.

The networks must be trained and tested. The folder has each network as ONNX, tagger.json with
calibration, thresholds and scores, and card.md, which says what the tagger can do.
"""

import argparse
from pathlib import Path

from xscatter.views import trained

EXAMPLE = """examples:
  xscatter bundle results/demo
  xscatter bundle results/tagger-128 -o my-tagger
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [-h] [-v] [-o OUTPUT] STUDY [--view VIEW [VIEW ...]]"
    parser.add_argument(
        "study", type=Path, metavar="STUDY", help="folder of a study, for example results/demo"
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="folder of the tagger (default: STUDY/tagger)"
    )
    parser.add_argument(
        "--view",
        nargs="+",
        choices=tuple(trained()),
        help="networks to take (default: image, joint and sequence, where they are trained)",
    )


def run(args: argparse.Namespace) -> None:
    from xscatter.learn.bundle import make_tagger

    make_tagger(args.study, args.output, args.view)
