"""Simulate experiments: detector images with their tags.

Each experiment is one HDF5 file. Experiments that are complete and belong to this study are
skipped. An image depends only on the seed, the experiment and its number, so the work can be
divided in any way. The study is written beside the results as study.yaml, with every key.
"""

import argparse

from xscatter.commands import add_study, belongs, keep_study, number_list, read_study
from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.core.shards import problem

EXAMPLE = """example:
  xscatter simulate config/demo.yaml --experiments 0-9"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--experiments", type=number_list, help="which ones, such as 0,3,10-19 (default: all)"
    )


def run(args: argparse.Namespace) -> None:
    study, paths = read_study(args)
    total = study.simulate.experiments
    numbers = list(range(total)) if args.experiments is None else args.experiments
    outside = [number for number in numbers if number >= total]
    if outside:
        raise UserError(
            f"--experiments: there is no experiment {outside[0]} in {args.study}; give numbers "
            f"from 0 to {total - 1}"
        )
    from xscatter.simulate.limits import check_study

    check_study(study)
    belongs(args.study, study, paths)
    wanted = {"study_hash": study.fingerprint("simulate")}
    missing = []
    for number in numbers:
        wrong = problem(paths.experiment(number), deep=False, **wanted)
        if wrong and wrong.startswith("foreign"):
            where = paths.experiment(number)
            raise UserError(
                f"{where}: {wrong}; delete the results of other settings, or choose another folder "
                "with -o"
            )
        if wrong:
            missing.append(number)
    if missing:
        from xscatter.simulate.setup import draw_setup

        # This fails, before anything is written, if no experiment can be drawn.
        draw_setup(study, missing[0])
    keep_study(args.study, study, paths)
    if not missing:
        print(f"nothing to do: {len(numbers)} experiments are complete")
        return
    from xscatter.simulate import simulate_experiment

    for number in track(missing, "experiments"):
        simulate_experiment(study, number, paths.experiment(number))
