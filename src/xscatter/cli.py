"""The `xscatter` command: parse, call, report. Each verb lives in `commands/<verb>.py`."""

import argparse
import importlib
import os
import sys
import traceback

from xscatter import __version__
from xscatter.errors import UserError

VERBS = {
    "plan": "what a study will run, how long it takes, what it costs",
    "simulate": "make experiment shards of synthetic detector images",
    "transform": "expand every image into Fourier-Bessel coefficients",
    "pack": "write tags, images and coefficients into record batches",
    "train": "train the image, coefficient or joint network",
    "test": "score a trained network on the test batch",
    "resolution": "compare image sizes: one study at several sizes and seeds, under equal budgets",
    "report": "write the self-contained HTML report of a study",
    "predict": "tag detector frames",
    "watch": "tag detector frames as they appear in a folder",
    "verify": "check every file of a study, list what is missing or broken",
    "walltime": "compare requested with used time and memory, propose better values",
    "profile": "install or detect the Slurm profile",
    "view": "show a shard, an image or its expansion as PNG",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; return the exit status: 0 done, 2 the input is wrong, 1 anything else."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="xscatter",
        description=sys.modules["xscatter"].__doc__,
        epilog="`xscatter VERB -h` explains one verb, with an example.",
    )
    parser.add_argument("--version", action="version", version=f"xscatter {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for verb, summary in VERBS.items():
        # Only the verb that was typed is imported: --help and simulate stay quick.
        command = importlib.import_module(f"xscatter.commands.{verb}") if verb == wanted else None
        child = verbs.add_parser(
            verb,
            help=summary,
            description=(command.__doc__ if command else None) or summary,
            epilog=getattr(command, "EXAMPLE", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        child.add_argument("-v", "--verbose", action="store_true", help="on failure, show the traceback")
        if command:
            command.add_arguments(child)
            child.set_defaults(run=command.run)
    args = parser.parse_args(arguments)
    try:
        return args.run(args) or 0
    except UserError as error:
        return _fail(args, f"{error}", 2)
    except KeyboardInterrupt:
        return _fail(args, "interrupted; run the same command again to finish the rest", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _fail(args, f"{type(error).__name__}: {error} (run with -v for the traceback)", 1)


def _fail(args: argparse.Namespace, message: str, status: int) -> int:
    if args.verbose:
        traceback.print_exc()
    print(f"xscatter {args.verb}: {message}", file=sys.stderr)
    return status
