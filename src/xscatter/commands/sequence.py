"""Find processes in a sequence of frames or of one-dimensional profiles.

Files are taken in the order of the numbers in their names; numbers that are missing are named. The
scan needs no network and no training: it compares frames with the quiet frames before them, and
names the family of a change (position, intensity, width, order, instrument). A frame of another
size, geometry or after a long pause begins a new sequence.

Writes OUT/processes.csv (one row a process), OUT/frames.csv (one row a frame) and
OUT/sequence.json; with --html a page with pictures.

Exit status 0: done; 1: some files could not be read or some rows not be written back, the others
are in the tables; 2: no file could be read or an argument is wrong, and nothing is written.
"""

import argparse
import math
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from xscatter.commands.predict import add_reading, add_run, listed, opened_server, read_options
from xscatter.core.errors import UserError

if TYPE_CHECKING:
    from xscatter.sequences.covariates import Covariates
    from xscatter.tagging.sequence import Item, SequenceTagger, TaggedSequence

_GAPS = 10  # gaps of missing numbers that are named

EXAMPLE = """example:
  xscatter sequence melt/*.cbf -o melt --covariates temperature.csv --html"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="file, folder (all files in it), file.h5::/path/to/dataset, or address of a node of a "
        "Tiled server",
    )
    add_run(parser)
    parser.add_argument(
        "--write-back",
        action="store_true",
        help="also write processes and quantities to the Tiled server, into tables beside the "
        "frames",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("sequence"),
        metavar="OUT",
        help="folder of the tables (default: sequence)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the tables in OUT")
    parser.add_argument(
        "--time",
        metavar="FROM",
        help="time of each frame: mtime (of its file), header (in an HDF5 file), or a CSV table "
        "with a column time, in seconds (default: the column time of --covariates, or what the "
        "metadata on a server tell, if any)",
    )
    parser.add_argument(
        "--covariates",
        type=Path,
        metavar="CSV",
        help="table with one row a frame, or one row a file with a column file",
    )
    parser.add_argument(
        "--new-after",
        type=float,
        metavar="SECONDS",
        help="a pause of so many seconds begins a new sequence (default: 20 times the median)",
    )
    parser.add_argument(
        "--at-rest",
        action="store_true",
        help="nobody changes the sample on purpose: a change may be beam damage",
    )
    parser.add_argument("--html", action="store_true", help="also write a page with pictures")
    parser.add_argument(
        "--names",
        action="store_true",
        help="also tag each frame and name the processes, with the tagger that comes with xscatter",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="the same with the networks of another tagger"
    )
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    from xscatter.core.progress import track
    from xscatter.frames import Unreadable
    from xscatter.frames.reading import check_options
    from xscatter.sequences import order
    from xscatter.sequences.covariates import TIME, read_covariates
    from xscatter.sources.source import SourceOptions
    from xscatter.tagging.sequence import SequenceTagger, read_items
    from xscatter.tagging.tagger import Tagger
    from xscatter.tagging.write_back import SequenceBack

    names = order.in_order(listed(args.files))
    options = SourceOptions(
        read=read_options(args), stream=args.stream, field=args.field, report=_print
    )
    check_options(**options.read)
    outputs = ["processes.csv", "frames.csv", "sequence.json", *(["sequence.html"] * args.html)]
    for name in outputs:
        if (args.output / name).exists() and not args.force:
            raise UserError(
                f"{args.output / name}: exists already; choose another folder with -o, or add "
                "--force"
            )
    covariates = read_covariates(args.covariates) if args.covariates else None
    times = _times(args.time, covariates)
    if gaps := order.missing(names):
        more = f" and {len(gaps) - _GAPS} more gaps" if len(gaps) > _GAPS else ""
        _print(f"missing frames: {', '.join(gaps[:_GAPS])}{more}")
    tagger = SequenceTagger(
        Tagger.load(args.model) if args.names or args.model else None, args.at_rest, args.new_after
    )
    failed = read = 0
    with ExitStack() as stack:
        back = None
        if args.write_back:
            server = stack.enter_context(opened_server(args.files, options))
            folder = Path(stack.enter_context(TemporaryDirectory()))
            back = SequenceBack(server, folder, _print)
        shown: Iterator[str] = track(names, "sequence", end=False)
        for number, item in enumerate(read_items(shown, options)):
            values = covariates.of(item.source, number) if covariates else {}
            time = times(item, number)
            tagger.push(item, time, **{n: v for n, v in values.items() if n != TIME})
            failed += isinstance(item, Unreadable)
            read += not isinstance(item, Unreadable)
        result = tagger.finish()
        for message in result.messages:
            _print(message)
        if not read:
            why = f"none of the {len(names)} files can be read" if failed else "no frame is there"
            raise UserError(f"{', '.join(args.files[:3])}: {why}, so nothing is written")
        _write(args, tagger, result)
        kept = back is None or back.write(result)
    for sequence, span in result.processes:
        print(
            f"{f'sequence {sequence}, ' if sequence else ''}frame {span.begin} to {span.end}: "
            f"{span.process}, {span.family or 'no family'}: {span.evidence}"
        )
    some = f"{len(result.processes)} process{'es' * (len(result.processes) != 1)}"
    paths = ", ".join(str(args.output / name) for name in outputs)
    print(f"{some} in {read} frames, {failed} could not be read; {paths}")
    return 1 if failed or not kept else 0


def _write(args: argparse.Namespace, tagger: "SequenceTagger", result: "TaggedSequence") -> None:
    """Write the tables, and the page."""
    from xscatter.sequences import tables
    from xscatter.sequences.page import page

    settings = {
        "time": args.time,
        "covariates": None if args.covariates is None else str(args.covariates),
        "at_rest": args.at_rest,
        "new_after": args.new_after,
    }
    weights = tagger.tagger.weights if tagger.tagger else {}
    texts = {
        "processes.csv": tables.processes_csv(result.processes),
        "frames.csv": tables.frames_csv(result.frames),
        "sequence.json": tables.sequence_json(
            settings, weights, result.processes, result.events, result.messages, result.units
        ),
    }
    if args.html:
        title = f"Processes in {sum(not math.isnan(row.total) for row in result.frames)} frames"
        texts["sequence.html"] = page(title, result.records, result.processes, result.messages)
    tables.write_tables(args.output, texts)


def _times(given: str | None, covariates: "Covariates | None") -> Any:
    """Return a function from an item and its number to its time in seconds, or None."""
    from xscatter.sequences.covariates import TIME, read_covariates

    if given == "mtime":
        return lambda item, number: _modified(item)
    if given == "header":
        return _header
    table = read_covariates(given, [TIME]) if given else covariates
    if table is None or TIME not in table.columns:
        return lambda item, number: None
    return lambda item, number: table.of(item.source, number).get(TIME)


def _header(item: "Item", number: int) -> float:
    """The time of a frame as its metadata or its file tell it."""
    from xscatter.sequences.header_time import header_time
    from xscatter.sources.registry import is_url

    known = getattr(item, "time", None)
    if known is None and is_url(item.source):
        raise UserError(
            f"{item.source}: its metadata hold no time of frame {item.index}; use a CSV table with "
            "a column time"
        )
    return header_time(item.source, item.index) if known is None else known


def _modified(item: "Item") -> float | None:
    try:
        return os.stat(item.source.partition("::")[0]).st_mtime
    except OSError:
        return None


def _print(line: str) -> None:
    print(f"xscatter sequence: {line}", file=sys.stderr)
