"""Train one network on the record batches of a study until it converges.

If a training is interrupted, run the same command again: it resumes from its last checkpoint, and
the result is identical to that of an uninterrupted run with the same number of threads on the
same kind of CPU. The joint network starts from the image and the coefficient network, so train
these first. The temporal network, `sequence`, learns from the features of sequences, which
`xscatter embed` makes. Writes model.keras, calibration.json, history.csv, timings.csv,
training.json and tensorboard/ to results/<study>/models/<view>/.
"""

import argparse
import time
from pathlib import Path

from xscatter.commands.arguments import add_study, belongs, keep_study, read_study
from xscatter.core.files import write_json
from xscatter.views import SEQUENCE, trained

EXAMPLE = """examples:
  xscatter train config/demo.yaml --view image
  xscatter train config/demo.yaml --view joint --leg-minutes 55 --leg-file leg.json
  xscatter train config/demo.yaml --view image --continue    # after experiments were added
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--view", required=True, choices=tuple(trained()), help="network to train")
    parser.add_argument(
        "--continue",
        dest="carry_on",
        action="store_true",
        help="after batches were added: continue from the earlier weights with all batches",
    )
    parser.add_argument(
        "--leg-minutes",
        type=float,
        metavar="M",
        help="stop after M minutes with a checkpoint and exit status 0; the same command resumes",
    )
    parser.add_argument(
        "--leg-file",
        type=Path,
        metavar="JSON",
        help="write to this file whether the training has converged",
    )


def run(args: argparse.Namespace) -> int:
    deadline = None if args.leg_minutes is None else time.monotonic() + 60 * args.leg_minutes
    study, paths = read_study(args)
    belongs(args.study, study, paths)
    from xscatter.learn.identity import open_records_of
    from xscatter.learn.sequences import open_sequences_of
    from xscatter.learn.train import train

    # Before anything is written, so that a wrong study leaves no files.
    opened = open_sequences_of if args.view == SEQUENCE.name else open_records_of
    source = opened(study, paths)
    keep_study(args.study, study, paths)
    converged = train(study, paths, source, args.view, deadline, args.carry_on)
    if args.leg_file:
        write_json(args.leg_file, {"view": args.view, "converged": converged})
    return 0
