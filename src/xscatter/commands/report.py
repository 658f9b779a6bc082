"""Write report.html of a finished study: one page that needs no other file and no network."""

import argparse

from xscatter.commands.arguments import add_study, read_study

EXAMPLE = """\
example:
  xscatter report config/demo.yaml
  xscatter report config/demo.yaml --table
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--table",
        action="store_true",
        help="print mean average precision with 95 %% intervals, and the path of the report; write "
        "nothing",
    )


def run(args: argparse.Namespace) -> None:
    from xscatter.report import read_views, score_table, write_report

    study, paths = read_study(args)
    if args.table:
        print(score_table(read_views(paths)))
    else:
        write_report(study, paths)
    if paths.report.exists():
        print(f"{chr(10) if args.table else ''}Report: {paths.report.resolve()}")
