"""Print what a study will run, how long it takes, and its core hours, GPU hours and disk space.

Nothing is submitted. With --pilot, a few images are simulated and transformed here first. The
measured times are kept in plan.json, and jobs request walltime and memory accordingly. Run it on
the kind of node that the jobs will use (`srun xscatter plan ... --pilot`).
"""

import argparse
import json
import sys

from xscatter.commands.arguments import add_study, positive, read_study
from xscatter.core import provenance
from xscatter.core.files import write_json

EXAMPLE = """examples:
  xscatter plan config/report-1000.yaml
  xscatter plan config/report-1000.yaml --pilot --cores 500"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--pilot",
        action="store_true",
        help="measure the time of a few images here, and keep it in plan.json",
    )
    parser.add_argument(
        "--cores",
        type=positive,
        default=100,
        help="number of cores in use at the same time (default: 100)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> None:
    from xscatter.jobs import budget, cost

    study, paths = read_study(args)
    measured = cost.read_pilot(paths.plan)
    if args.pilot:
        from xscatter.jobs import pilot

        measured = pilot.measure(study)
        write_json(paths.plan, {"measured": measured, **provenance.run_record()})
    price = cost.of(study, paths.plan)
    price.check()
    for warning in filter(None, (budget.warning(price), budget.lack_of_space(price, paths.root))):
        print(f"xscatter plan: warning: {warning}", file=sys.stderr)
    if args.json:
        print(
            json.dumps(
                {"study": study.name, "measured": measured, **budget.summary(price, args.cores)},
                indent=1,
            )
        )
    else:
        print(budget.text(price, args.cores, bool(measured), paths.root))
