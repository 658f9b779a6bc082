"""Simulate experiments and sequences: detector images with their tags, frames with processes.

Each experiment and each sequence of frames is one HDF5 file. Files that are complete and belong to
this study are skipped. An image depends only on the seed, the experiment and its number, so the
work can be divided in any way. The study is written beside the results as study.yaml, with every
key.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from xscatter.commands.arguments import add_study, belongs, keep_study, number_list, read_study
from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.core.shards import problem
from xscatter.study import FIRST_SEQUENCE, Study

EXAMPLE = """examples:
  xscatter simulate config/demo.yaml --experiments 0-9
  xscatter simulate config/demo.yaml --sequences 0-9"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--experiments",
        type=number_list,
        help="which experiments, such as 0,3,10-19, and no sequences (default: all of both)",
    )
    parser.add_argument(
        "--sequences",
        type=number_list,
        help="which sequences, such as 0-9, and no experiments",
    )


def run(args: argparse.Namespace) -> None:
    study, paths = read_study(args)
    both = args.experiments is None and args.sequences is None
    experiments = _numbers("experiment", args.experiments, study.simulate.experiments, both, args)
    sequences = _numbers("sequence", args.sequences, study.sequence.sequences, both, args)
    from xscatter.simulate.law_registry import chosen_laws
    from xscatter.simulate.limits import check_study

    check_study(study)
    if sequences:
        chosen_laws(study.sequence.laws)
    belongs(args.study, study, paths)
    shards = {"study_hash": study.fingerprint("simulate")}
    missing = _missing(experiments, paths.experiment, shards)
    frames = {"study_hash": study.fingerprint("sequence")}
    unmade = _missing(sequences, paths.sequence, frames)
    _check_drawing(study, missing, unmade)
    keep_study(args.study, study, paths)
    if not missing and not unmade:
        parts = [f"{len(experiments)} experiments"] if experiments else []
        parts += [f"{len(sequences)} sequences"] if sequences else []
        print(f"nothing to do: {' and '.join(parts) or 'no files'} are complete")
        return
    from xscatter.simulate import simulate_experiment, simulate_sequence

    for number in track(missing, "experiments") if missing else ():
        simulate_experiment(study, number, paths.experiment(number))
    for number in track(unmade, "sequences") if unmade else ():
        simulate_sequence(study, number, paths.sequence(number))


def _numbers(
    what: str, asked: list[int] | None, total: int, both: bool, args: argparse.Namespace
) -> list[int]:
    """Return the numbers to make; refuse those that the study does not have."""
    if asked is None:
        return list(range(total)) if both else []
    for number in asked:
        if number >= total:
            numbers = f"give numbers from 0 to {total - 1}" if total else f"it has no {what}s"
            if not total:
                numbers += f"; raise {what}.{what}s"
            raise UserError(f"--{what}s: there is no {what} {number} in {args.study}; {numbers}")
    return asked


def _missing(numbers: list[int], path: Callable[[int], Path], wanted: dict[str, str]) -> list[int]:
    """Return the numbers whose files are not complete; refuse files of another study."""
    missing = []
    for number in numbers:
        wrong = problem(path(number), deep=False, **wanted)
        if wrong and wrong.startswith("foreign"):
            raise UserError(
                f"{path(number)}: {wrong}; delete the results of other settings, or choose another "
                "folder with -o"
            )
        if wrong:
            missing.append(number)
    return missing


def _check_drawing(study: Study, experiments: list[int], sequences: list[int]) -> None:
    """Fail, before anything is written, if no experiment can be drawn."""
    from xscatter.simulate.setup import draw_setup

    first = experiments[:1] or [FIRST_SEQUENCE + number for number in sequences[:1]]
    for number in first:
        draw_setup(study, number)
