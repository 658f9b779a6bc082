"""One file a verb: its docstring is the help, EXAMPLE the epilogue, then add_arguments and run."""

import argparse
from pathlib import Path

from xscatter.paths import StudyPaths
from xscatter.study import Study, load_study


def add_study(parser: argparse.ArgumentParser) -> None:
    """The two arguments that every stage takes: the study file and the folder of its results."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="study file (YAML), such as config/demo.yaml")
    parser.add_argument("-o", "--output", type=Path, help="folder of the study (default: results/<name of the study>)")


def read_study(args: argparse.Namespace) -> tuple[Study, StudyPaths]:
    """The study and the paths that the arguments of :func:`add_study` name."""
    study = load_study(args.study)
    return study, StudyPaths(args.output or Path("results") / study.name)


def number_list(text: str) -> list[int]:
    """Numbers from text such as ``0,3,10-19``."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        good = first.isdecimal() and (last.isdecimal() or not dash) and len(first + last) < 20
        if not good or int(last or first) < int(first):
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0,3,10-19")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
