"""Arguments that several verbs share, and the study that they name."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from xscatter.core.errors import UserError
from xscatter.store.paths import StudyPaths

if TYPE_CHECKING:
    from xscatter.study import Study  # verbs that need none start faster
    from xscatter.study.study import Stage


def add_study(parser: argparse.ArgumentParser) -> None:
    """Add the two arguments that every stage takes: the study file and its output folder."""
    parser.add_argument(
        "study", type=Path, metavar="STUDY", help="study file (YAML), for example config/demo.yaml"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="folder of the results (default: results/<name of the study>)",
    )


def read_study(args: argparse.Namespace) -> "tuple[Study, StudyPaths]":
    """Return the study and the paths that the arguments of :func:`add_study` name."""
    from xscatter.study import load_study

    study = load_study(args.study)
    return study, StudyPaths(args.output or Path("results") / study.name)


def keep_study(given: Path, study: "Study", paths: StudyPaths) -> None:
    """Write the resolved study beside the results, as the workflow does at its start.

    Args:
        given: The study file that the user gave. A job of the workflow is given the file that
            would be written, which is then left as it is.
        study: Its content.
        paths: Files of the study.

    Raises:
        UserError: The folder has images of another study, or a workflow is running there with
            other settings.
    """
    # This loads NumPy, and a verb may have to set its number of threads before.
    from xscatter.core.files import write_text
    from xscatter.study import dump_study

    if not belongs(given, study, paths):
        write_text(paths.study, dump_study(study))


def belongs(given: Path, study: "Study", paths: StudyPaths) -> bool:
    """Return whether the study.yaml of the results is `study`.

    A job of the workflow is given the study as it was when it was submitted. Where the results are
    of another study by now, it must not touch them.

    Args:
        given: The study file that the user gave, or that a job was submitted with.
        study: Its content.
        paths: Files of the study.

    Returns:
        False if there is no study.yaml, or if it differs only in keys that do not change images.

    Raises:
        UserError: See :func:`keep_study`.
    """
    from xscatter.jobs import driver
    from xscatter.study import dump_study, load_recorded_study

    if not paths.study.exists():
        return False
    # The usual case of a job, which need not read the study a second time.
    if given.samefile(paths.study) or paths.study.read_text() == dump_study(study):
        return True
    there = load_recorded_study(paths.study)
    if there == study:
        return True
    if given.resolve().parent == paths.submitted.resolve():
        stages: tuple[Stage, ...] = ("simulate", "transform", "sequence")
        if all(there.fingerprint(stage) == study.fingerprint(stage) for stage in stages):
            return True
        raise UserError(
            f"{paths.root}: the study was changed after this job was submitted "
            f"({_difference(there, study)}); run the same command again"
        )
    if there.fingerprint("simulate") != study.fingerprint("simulate"):
        raise UserError(
            f"{paths.root}: has the results of another study ({_difference(there, study)}); "
            "choose another folder with -o, or delete this one"
        )
    if worker := driver.living(paths.root):
        raise UserError(
            f"{paths.root}: {worker} is working there on a study with other settings; wait until "
            "it has finished"
        )
    return False


def _difference(there: "Study", here: "Study") -> str:
    """Return the first key that decides the images and differs, with both values."""
    pairs = [("seed", there.seed, here.seed)]
    for section in ("simulate", "transform", "sequence"):
        before, after = (getattr(study, section).model_dump() for study in (there, here))
        pairs += [
            (f"{section}.{key}", before[key], after[key])
            for key in before
            if key not in ("experiments", "sequences")
        ]
    # If all values are the same, a file of the same name has other content.
    different = (pair for pair in pairs if pair[1] != pair[2])
    key, before, after = next(different, ("simulate.mask", "another file", "not the same"))
    return f"{key} is {before} there, {after} here"


def number_list(text: str) -> list[int]:
    """Return the numbers in a text such as ``0,3,10-19``."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        good = first.isdecimal() and (last.isdecimal() or not dash) and len(first + last) < 20
        if not good or int(last or first) < int(first):
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0,3,10-19")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
