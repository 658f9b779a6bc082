"""Expand every image into Fourier-Bessel coefficients.

Each experiment gets one coefficient file. Coefficient files that are complete and up to date are
skipped. Under mpiexec or srun the processes share the work. The content of the files does not
depend on the number of processes.
"""

import argparse
import os
import sys
from pathlib import Path

# One thread a process, because MPI ranks already use all cores. It must be set before NumPy loads.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    if "numpy" not in sys.modules:
        os.environ.setdefault(_name, "1")

from xscatter.commands.arguments import add_study, keep_study, number_list, read_study  # noqa: E402
from xscatter.core.errors import UserError  # noqa: E402

EXAMPLE = """examples:
  xscatter transform config/demo.yaml
  mpiexec -n 8 xscatter transform config/demo.yaml --experiments 0-9"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument(
        "--experiments", type=number_list, help="which ones, such as 0,3,10-19 (default: all)"
    )


def run(args: argparse.Namespace) -> int:
    from xscatter.transform.ranks import world

    ranks = world()
    try:
        return _transform(args, ranks)
    except UserError as error:
        if ranks.size == 1:
            raise
        _say(args, ranks.rank, str(error))
        ranks.abort(2)
    except BaseException as error:
        if ranks.size == 1:
            raise
        # Without abort, the other ranks would wait for this one and never end.
        if args.verbose:
            import traceback

            traceback.print_exc()
        _say(args, ranks.rank, f"{type(error).__name__}: {error} (run with -v for the traceback)")
        ranks.abort(1)


def _say(args: argparse.Namespace, rank: int, message: str) -> None:
    print(f"xscatter {args.verb}: rank {rank}: {message}", file=sys.stderr, flush=True)


def _transform(args: argparse.Namespace, ranks) -> int:
    from xscatter.transform.parallel import transform_files

    study, pairs = ranks.share(_plan(args) if ranks.rank == 0 else None)
    if isinstance(study, UserError):  # one line is enough, and all ranks leave together
        if ranks.rank == 0:
            raise study
        return 2
    problems = transform_files(study, pairs, ranks)
    for problem in problems:
        print(f"xscatter {args.verb}: {problem}", file=sys.stderr)
    if problems:
        count = f"{len(problems)} of {len(pairs)} files have errors; the others are done"
        print(f"xscatter {args.verb}: {count}", file=sys.stderr)
    return 2 if problems else 0


def _plan(args: argparse.Namespace) -> tuple[object, list[tuple[Path, Path]]]:
    """The study, and pairs of experiment shard and coefficient file; or the error."""
    try:
        study, paths = read_study(args)
        total = study.simulate.experiments
        numbers = range(total) if args.experiments is None else args.experiments
        outside = [number for number in numbers if number >= total]
        if outside:
            raise UserError(
                f"--experiments: there is no experiment {outside[0]} in {args.study}; give numbers "
                f"from 0 to {total - 1}"
            )
        if paths.root.is_dir():
            keep_study(args.study, study, paths)
    except UserError as error:
        return error, []
    return study, [(paths.experiment(number), paths.coefficients(number)) for number in numbers]
