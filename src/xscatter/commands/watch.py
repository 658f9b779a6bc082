"""Tag frames as a detector writes them into a folder, and append them to a table.

A file is read once it has come to rest; one that stays unreadable for --patience seconds is entered
as bad. The table (CSV) remembers what is done: started again, watch goes on where it stopped,
nothing is skipped or repeated. Every few seconds it says its rate and how many files wait.
"""

import argparse
import math
import sys
from pathlib import Path

from xscatter.commands.predict import add_model, load_tagger, read_options

EXAMPLE = """example:
  xscatter watch /data/visit42 --pattern '*.cbf' --model results/demo/models -o visit42-tags.csv"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to follow")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="table, .csv (default: tags.csv in the current folder)",
    )
    parser.add_argument(
        "--pattern", default="*", help="names of the frames, such as '*.cbf' (default: all)"
    )
    parser.add_argument(
        "--settle", type=seconds, default=1.0, help="seconds of rest before reading (default: 1)"
    )
    parser.add_argument(
        "--patience",
        type=seconds,
        default=60.0,
        help="seconds until a bad file is given up (default: 60)",
    )
    parser.add_argument(
        "--every",
        type=seconds,
        default=10.0,
        help="seconds between lines of progress (default: 10)",
    )
    parser.add_argument(
        "--once", action="store_true", help="stop when all files that are there are done"
    )
    add_model(parser)


def seconds(text: str) -> float:
    """A time of 0 seconds or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value


def run(args: argparse.Namespace) -> None:
    from xscatter.frames.reading import check_options
    from xscatter.tagging.watching import Folder, Table, follow

    folder = Folder(args.folder, args.pattern, args.settle)
    folder.waiting(
        set()
    )  # a folder that cannot be listed is told before anything is loaded or written
    check_options(**read_options(args))
    print("watch: loads the networks", file=sys.stderr, flush=True)
    tagger, options = load_tagger(args)
    table = Table(args.output or Path("tags.csv"), tagger.tags)
    settings = {"patience": args.patience, "every": args.every, "once": args.once}
    settings |= {"view": args.view, "threads": args.threads}
    if table.done:
        print(f"watch: {table.path} holds {len(table.done)} files already", file=sys.stderr)
    print(
        f"watch: follows {args.folder}, adds to {table.path}; Ctrl-C stops",
        file=sys.stderr,
        flush=True,
    )
    try:
        for rows in follow(
            tagger,
            folder,
            table,
            say=lambda line: print(line, file=sys.stderr, flush=True),
            **settings,
            **options,
        ):
            for tagged in rows:
                print(
                    tagged.note
                    if tagged.failed
                    else f"{tagged.source} [{tagged.index}]: {', '.join(tagged.tags)}"
                )
            if rows:
                sys.stdout.flush()
    finally:
        table.close()
