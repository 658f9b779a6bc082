"""Tag frames as they are written into a folder or on a Tiled server, and append tags to a table.

A file is read when it has not changed for --settle seconds. A file that is still unreadable after
--patience seconds is entered as bad. The table (CSV) also records which files are done: if watch is
interrupted, run the same command again, and it resumes without skipping or repeating a file. Every
few seconds it prints its rate and the number of files that wait.
"""

import argparse
import math
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xscatter.commands.predict import add_model, add_run, load_tagger, read_options
from xscatter.core.errors import UserError

if TYPE_CHECKING:
    from xscatter.sources.source import Source

EXAMPLE = """examples:
  xscatter watch /data/visit42 --pattern '*.cbf' -o visit42-tags.csv
  xscatter watch https://server/api/v1/visit42 --field saxs --write-back -o visit42-tags.csv"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="DIR",
        help="folder to follow, address of a node of a Tiled server, or scheme:address of another "
        "source",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("tags.csv"),
        metavar="OUT",
        help="table, .csv (default: tags.csv in the current folder)",
    )
    parser.add_argument(
        "--pattern", default="*", help="names of the frames, such as '*.cbf' (default: all)"
    )
    add_run(parser)
    parser.add_argument(
        "--write-back",
        action="store_true",
        help="also write tags, processes and quantities to the Tiled server, into tables beside "
        "the frames",
    )
    parser.add_argument("--recursive", action="store_true", help="also search folders in DIR")
    parser.add_argument(
        "--settle",
        type=seconds,
        default=1.0,
        help="read a file when it has not changed for this many seconds (default: 1)",
    )
    parser.add_argument(
        "--patience",
        type=seconds,
        default=60.0,
        help="give up an unreadable file after this many seconds (default: 60)",
    )
    parser.add_argument(
        "--every",
        type=seconds,
        default=10.0,
        help="seconds between two lines of progress (default: 10)",
    )
    parser.add_argument(
        "--processes",
        type=Path,
        metavar="FILE",
        help="also find changes in time, and append their events (JSON lines) to this file",
    )
    parser.add_argument(
        "--at-rest",
        action="store_true",
        help="nobody changes the sample on purpose: a change may be beam damage",
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="also write a page with the last frames, which refreshes itself",
    )
    parser.add_argument(
        "--frames",
        type=Path,
        metavar="FILE",
        help="with --processes: also write each frame's quantities to this table, for "
        "`xscatter trend`",
    )
    parser.add_argument(
        "--advise",
        action="store_true",
        help="with --processes: also advise: stop, move, pause, expose, look",
    )
    parser.add_argument(
        "--until",
        choices=["finished"],
        help="with --processes: advise, and end with status 0 when a process is finished",
    )
    parser.add_argument("--once", action="store_true", help="stop when all present files are done")
    add_model(parser)


def seconds(text: str) -> float:
    """Return a time of 0 seconds or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value


def run(args: argparse.Namespace) -> int:
    from xscatter.sources.registry import open_source
    from xscatter.sources.source import SourceOptions
    from xscatter.tagging.live import check_page

    read = read_options(args)
    _check_processes(args)
    if args.html:
        check_page(args.html, args.source)
    following = SourceOptions(
        args.pattern, args.settle, read, args.recursive, args.stream, args.field, _tell
    )
    with closing(open_source(args.source, following)) as source:
        return _watch(args, source, read)


def _watch(args: argparse.Namespace, source: "Source", read: dict[str, Any]) -> int:
    from xscatter.advice.advisor import Advisor
    from xscatter.frames.reading import check_options
    from xscatter.sequences.stream import FrameStream
    from xscatter.sources.tiled import TiledFrames
    from xscatter.tagging.follow import FollowOptions, follow
    from xscatter.tagging.journal import Journal
    from xscatter.tagging.live import LivePage
    from xscatter.tagging.process_log import ProcessLog
    from xscatter.tagging.temporal import TemporalNamer
    from xscatter.tagging.tree import summary
    from xscatter.tagging.write_back import WriteBack

    server = source if isinstance(source, TiledFrames) else None
    if args.write_back and server is None:
        raise UserError(f"{args.source}: is no node of a Tiled server; leave out --write-back")
    check_options(**read)
    tagger = load_tagger(args)
    options = FollowOptions(args.patience, args.every, args.once, args.view, args.threads)
    with closing(Journal(args.output, tagger.tags)) as journal, ExitStack() as closing_log:
        if len(journal):
            _print(f"watch: {journal.path} holds {len(journal)} files already")
        _print(f"watch: following {args.source}, adding to {journal.path}; Ctrl-C stops")
        log = None
        advisor = Advisor() if args.advise or args.until else None
        if args.processes:
            stream = FrameStream(args.at_rest, record=False, namer=TemporalNamer.of(tagger))
            log = closing_log.enter_context(
                closing(
                    ProcessLog(
                        args.processes,
                        stream,
                        args.output,
                        source.frame,
                        advisor,
                        args.frames,
                        tagger,
                        args.view,
                    )
                )
            )
        back = None
        if args.write_back and server is not None:
            back = WriteBack(server, args.output, tagger, args.processes, args.frames, report=_tell)
        page = LivePage(args.html, tagger, f"watch {args.source}") if args.html else None
        for rows in follow(tagger, source, journal, options, _print, log, page):
            for tagged in rows:
                name = f"{tagged.source} [{tagged.index}]"
                print(tagged.note if tagged.failed else f"{name}: {summary(tagger, tagged)}")
            if log is not None:
                for message in log.messages:
                    _print(f"watch: {message}")
                log.told()
            if rows:
                sys.stdout.flush()
            if back is not None:
                back.update()
            if args.until and advisor is not None and advisor.finished:
                _print("watch: finished")
                break
    return 0 if back is None or back.finish() else 1


def _check_processes(args: argparse.Namespace) -> None:
    """The file of events must not be taken for a frame; what follows from events needs them."""
    for name in ("frames", "advise", "until"):
        if getattr(args, name) and not args.processes:
            raise UserError(f"--{name}: also needs --processes FILE, where events are written")
    for path in (args.processes, args.frames):
        if path and path.absolute().parent == Path(args.source).absolute():
            raise UserError(
                f"{path}: is in the folder that is followed; choose a file outside of it"
            )


def _tell(line: str) -> None:
    _print(f"watch: {line}")


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
