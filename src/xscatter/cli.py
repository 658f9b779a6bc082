"""The `xscatter` command. Each verb is one file, `commands/<verb>.py`."""

import argparse
import difflib
import importlib
import io
import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

from xscatter.core.errors import UserError
from xscatter.core.version import __version__

VERBS = {
    "plan": "show what a study will run, how long it takes and what it costs",
    "simulate": "simulate experiments: detector images with tags",
    "transform": "expand every image into Fourier-Bessel coefficients",
    "pack": "write tags, images and coefficients into record batches",
    "train": "train the image, coefficient or joint network",
    "test": "score a trained network on the test set",
    "bundle": "make the tagger of a study, which needs no TensorFlow",
    "resolution": "compare image sizes: one study at several sizes, with equal training budgets",
    "report": "write the HTML report of a study",
    "predict": "tag detector frames",
    "watch": "tag detector frames as they appear in a folder",
    "embed": "write features of every frame of sequences",
    "sequence": "find processes in a sequence of frames or profiles",
    "trend": "fit laws to a quantity of a table, and predict how it continues",
    "next": "propose the next points to measure",
    "verify": "check every file of a study and list what is missing or damaged",
    "walltime": "compare requested with used time and memory, and propose better values",
    "profile": "install the Slurm profile, or adapt it to a cluster",
    "view": "draw an experiment, an image or its expansion as PNG",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit status.

    0: done; 1: an error that is not the user's, or files that could not be read; 2: the input is
    wrong; 130: interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    wanted = _verb(arguments)
    verbose = "-v" in arguments or "--verbose" in arguments
    try:
        args = parsed(arguments)
        return args.run(args) or 0
    except UserError as error:
        _tell_scheduler(f"{error}")
        return _fail(wanted, f"{error}", 2, verbose)
    except KeyboardInterrupt:
        return _fail(wanted, "interrupted; run the same command again to finish", 130, verbose)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _fail(
            wanted, f"{type(error).__name__}: {error} (run with -v for the traceback)", 1, verbose
        )


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of one verb; its function is `run`.

    Raises:
        UserError: one is unknown.
    """
    args, unknown = _parser(_verb(arguments)).parse_known_args(arguments)
    if unknown:
        raise UserError(_unknown(unknown[0], args))
    return args


def _verb(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "")


def _parser(wanted: str) -> argparse.ArgumentParser:
    """Return the parser of all verbs.

    Only the module of the verb `wanted` is imported: the others would load NumPy and TensorFlow.
    """
    parser = argparse.ArgumentParser(
        prog="xscatter",
        description="Simulate x-ray scattering images, and train taggers that recognise what they "
        "show.",
        epilog="`xscatter VERB -h` explains one verb and gives an example.",
    )
    parser.add_argument("--version", action="version", version=f"xscatter {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, summary in VERBS.items():
        command = importlib.import_module(f"xscatter.commands.{verb}") if verb == wanted else None
        child = verbs.add_parser(
            verb,
            help=summary,
            description=(command.__doc__ if command else None) or summary,
            epilog=getattr(command, "EXAMPLE", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        child.add_argument(
            "-v", "--verbose", action="store_true", help="show the traceback of an error"
        )
        if command:
            command.add_arguments(child)
            child.set_defaults(run=command.run, usage=child.format_usage)
    return parser


def _unknown(word: str, args: argparse.Namespace) -> str:
    """Return the error for an unknown argument, with the option whose spelling is closest."""
    options = re.findall(r"--[a-z][a-z-]*", args.usage())
    near = difflib.get_close_matches(word.partition("=")[0], options, 1)
    advice = f"did you mean {near[0]}?" if near else f"see xscatter {args.verb} -h"
    return f"{word}: unknown argument; {advice}"


def _tell_scheduler(message: str) -> None:
    """Write why the input is wrong to the file that the cluster's executor names, if it does.

    Exit status 2 does not reach it through Snakemake, and a job with a wrong input is not retried.
    """
    place = os.environ.get("XSCATTER_REFUSAL")
    if place:
        with suppress(OSError), open(place, "w") as stream:
            stream.write(message)


def _fail(verb: str, message: str, status: int, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    print(f"{' '.join(filter(None, ('xscatter', verb)))}: {message}", file=sys.stderr)
    return status
