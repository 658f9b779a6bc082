"""Write tags, images and coefficients into record batches, from which networks are trained.

Without an option, all three steps run: assign each image to a batch (--assign), write the batches
(--batch), and list them with their checksums in records.json (--index). On a cluster, each step
is a job, and each batch is one. Experiments that were added later fill new batches; existing
batches and the test set do not change.
"""

import argparse

from xscatter.commands.arguments import add_study, keep_study, number_list, read_study

EXAMPLE = """example:
  xscatter pack config/demo.yaml
  xscatter pack config/demo.yaml --assign && xscatter pack config/demo.yaml --batch 0-9 \\
    && xscatter pack config/demo.yaml --index"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument(
        "--assign", action="store_true", help="only check the experiments and write assignment.json"
    )
    steps.add_argument(
        "--batch", type=number_list, metavar="N", help="only write these batches, such as 3 or 0-4"
    )
    steps.add_argument(
        "--index", action="store_true", help="only write records.json from the existing batches"
    )


def run(args: argparse.Namespace) -> None:
    from xscatter.records import assign, pack

    study, paths = read_study(args)
    if paths.root.is_dir():
        keep_study(args.study, study, paths)
    if args.assign:
        assign.assign(study, paths)
    elif args.batch is not None:
        for batch in args.batch:
            if not pack.write_batch(study, paths, batch):
                print(f"{paths.batch(batch)}: already complete")
    elif args.index:
        pack.index(study, paths)
    else:
        pack.pack(study, paths)
