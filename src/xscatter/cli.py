"""The `xscatter` command: parse, call, report. Each verb lives in `commands/<verb>.py`."""

import argparse
import difflib
import importlib
import io
import os
import re
import sys
import traceback

from xscatter.core.errors import UserError
from xscatter.core.version import __version__

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
    """Run one verb; return the exit status: 0 done, 2 the input is wrong, 130 interrupted, 1 anything else."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    wanted = next((word for word in arguments if not word.startswith("-")), "")
    verbose = "-v" in arguments or "--verbose" in arguments
    try:
        args, unknown = _parser(wanted).parse_known_args(arguments)
        if unknown:
            raise UserError(_unknown(unknown[0], args))
        return args.run(args) or 0
    except UserError as error:
        return _fail(wanted, f"{error}", 2, verbose)
    except KeyboardInterrupt:
        return _fail(
            wanted, "interrupted; run the same command again to finish the rest", 130, verbose
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _fail(
            wanted, f"{type(error).__name__}: {error} (run with -v for the traceback)", 1, verbose
        )


def _parser(wanted: str) -> argparse.ArgumentParser:
    """The parser of all verbs; only `wanted` is imported, so that --help and simulate stay quick."""
    parser = argparse.ArgumentParser(
        prog="xscatter",
        description=sys.modules["xscatter"].__doc__,
        epilog="`xscatter VERB -h` explains one verb, with an example.",
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
            "-v", "--verbose", action="store_true", help="on failure, show the traceback"
        )
        if command:
            command.add_arguments(child)
            child.set_defaults(run=command.run, usage=child.format_usage)
    return parser


def _unknown(word: str, args: argparse.Namespace) -> str:
    """What to say of an argument that a verb does not take: the option that is spelt most like it."""
    options = re.findall(r"--[a-z][a-z-]*", args.usage())
    near = difflib.get_close_matches(word.partition("=")[0], options, 1)
    return f"{word}: is no argument of this verb; {f'is {near[0]} meant?' if near else f'see xscatter {args.verb} -h'}"


def _fail(verb: str, message: str, status: int, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    print(f"{' '.join(filter(None, ('xscatter', verb)))}: {message}", file=sys.stderr)
    return status
