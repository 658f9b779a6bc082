"""Make experiment shards of synthetic detector images.

A shard that is whole and of this study is left as it is; one of another study is refused. An image
depends on the seed, the experiment and its number alone, not on how the work is divided. The resolved
study is written beside the shards, as study.yaml.
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
        "--experiments", type=number_list, help="numbers such as 0,3,10-19 (default: all)"
    )


def run(args: argparse.Namespace) -> None:
    study, paths = read_study(args)
    total = study.simulate.experiments
    numbers = list(range(total)) if args.experiments is None else args.experiments
    outside = [number for number in numbers if number >= total]
    if outside:
        raise UserError(
            f"--experiments: {outside[0]} is not among the {total} experiments (0 to {total - 1}) of {args.study}"
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
                f"{where}: {wrong}; delete what was made with other settings, or choose another folder with -o"
            )
        if wrong:
            missing.append(number)
    if missing:
        from xscatter.simulate.setup import draw_setup

        draw_setup(study, missing[0])  # refuse what cannot be drawn before anything is written
    keep_study(args.study, study, paths)
    if not missing:
        print(f"nothing to do: {len(numbers)} experiments are whole")
        return
    from xscatter.simulate import simulate_experiment

    for number in track(missing, "experiments"):
        simulate_experiment(study, number, paths.experiment(number))
