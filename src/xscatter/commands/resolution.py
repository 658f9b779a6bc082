"""Compare image sizes: one study at several sizes and seeds, with equal training budgets.

With --expand, write the study file of every member,
results/<name>/<mode>-<size>-<seed>/study.yaml. Each member is an ordinary study. Without
--expand, read the evaluations of all members and write tables (sizes.csv, differences.csv,
tags.csv) and figures (sizes.png, tags.png). The workflow runs both, and all that is between them.
"""

import argparse
from pathlib import Path

EXAMPLE = """examples:
  snakemake --cores 2 --configfile config/study-resolution.yaml    # everything
  xscatter resolution config/study-resolution.yaml --expand        # only the members' study files
  xscatter resolution config/study-resolution.yaml                 # only the tables and figures"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "study",
        type=Path,
        metavar="STUDY",
        help="file of the comparison, for example config/study-resolution.yaml",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="folder of the results (default: results/<name>)"
    )
    parser.add_argument(
        "--expand", action="store_true", help="only write the study files of the members"
    )


def run(args: argparse.Namespace) -> None:
    from xscatter.resolution.description import expand, load_resolution
    from xscatter.store.paths import ResolutionPaths

    comparison = load_resolution(args.study)
    paths = ResolutionPaths(args.output or Path("results") / comparison.name)
    if args.expand:
        expand(comparison, paths)
        print(f"{paths.root}: {len(comparison.members())} studies")
    else:
        from xscatter.resolution.collect import collect
        from xscatter.resolution.tables import text_table

        print(text_table(collect(comparison, paths)))
        print("\n".join(str(path) for path in (*paths.tables.values(), *paths.figures.values())))
