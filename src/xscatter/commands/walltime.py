"""Compare requested with used time and memory, rule by rule, and propose better values.

Reads the benchmark files of the study, and Slurm's accounting (sacct) where there is one; of two
figures for memory, the larger counts. Prints the waste, the jobs that came close to their limits,
and a `set-resources` block as a diff of the profile.
"""

import argparse
import math
import sys
from pathlib import Path

EXAMPLE = """examples:
  xscatter walltime results/report-1000
  xscatter walltime results/report-1000 --diff | patch -p0"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        type=Path,
        metavar="RESULTS",
        help="folder of the results, for example results/demo",
    )
    parser.add_argument(
        "--profile",
        type=Path,
        default=Path("profiles/slurm/config.yaml"),
        help="profile to change (default: profiles/slurm/config.yaml)",
    )
    parser.add_argument("--diff", action="store_true", help="print only the diff")


def run(args: argparse.Namespace) -> None:
    from xscatter.core.errors import UserError
    from xscatter.jobs import profile, usage
    from xscatter.store.paths import StudyPaths
    from xscatter.store.verify import study_of_results

    study = study_of_results(args.results)
    uses = usage.read(StudyPaths(args.results))
    if not args.diff:
        print(usage.table(uses))
    if not args.profile.exists():
        raise UserError(f"{args.profile}: no such profile; name one with --profile")
    limit = int(60 * study.walltime.limit_hours)
    # A training job stops by itself when its requested time is over, so the time that it used says
    # nothing about the time that it needs.
    wanted = {use.rule: use.proposal(study.walltime.safety, limit) for use in uses}
    for rule in wanted:
        if rule.startswith("train"):
            wanted[rule].pop("runtime", None)
    if all(math.isnan(use.asked_minutes) for use in uses):
        print(
            "no proposal: these jobs requested no time and memory, so they did not run on Slurm",
            file=sys.stderr,
        )
        return
    size = study.simulate
    print(
        f"note: this study has {size.images} images of {size.size} x {size.size} pixels in an "
        "experiment; values in the profile replace the cost model for every study, so keep only "
        "those that suit the largest one",
        file=sys.stderr,
    )
    change = profile.difference(args.profile, profile.proposed(args.profile, wanted))
    if not args.diff:
        print("\nproposed:" if change else f"\nnothing to change in {args.profile}")
    print(change, end="")
