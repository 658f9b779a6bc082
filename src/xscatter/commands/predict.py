"""Tag detector frames: TIFF, CBF, EDF, mar345, Bruker, HDF5, NeXus or .npy, plain, gz or bz2.

Writes OUT/tags.csv and OUT/tags.json with calibrated probabilities, the network that was used, and
the beam centre with its confidence. OUT/legend.csv has the meaning of each tag and its precision on
the test set. With --html, OUT/tags.html shows each frame and highlights the evidence for its tags;
of more than 50 frames it is an index of the pages in OUT/tags-pages.
A file that cannot be read is reported, and the others are tagged.

Exit status 0: every file was tagged; 1: some files could not be read, or some rows not be written
back: the others are tagged and the tables are written; 2: no file could be read or an argument is
wrong, and nothing is written.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xscatter.commands.arguments import positive
from xscatter.core.errors import UserError
from xscatter.views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xscatter.frames import Frame, Unreadable
    from xscatter.sources.source import SourceOptions
    from xscatter.sources.tiled import TiledFrames
    from xscatter.tagging import Tagger

EXAMPLE = """examples:
  xscatter predict frames/*.cbf scan.h5::/entry/data/data -o tags --html
  xscatter predict frames --model results/demo"""


_SHOWN = 5  # frames whose tags are also printed, if there are no more


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
        "-o",
        "--output",
        type=Path,
        default=Path("tags"),
        metavar="OUT",
        help="folder of the tables (default: tags)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the tables in OUT")
    parser.add_argument(
        "--write-back",
        action="store_true",
        help="also write the tags to the Tiled server, into a table beside the frames",
    )
    parser.add_argument(
        "--html", action="store_true", help="also write a page with each frame and its evidence"
    )
    add_model(parser)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which frames of a Bluesky run are meant."""
    parser.add_argument(
        "--stream",
        metavar="NAME",
        help="stream of a Bluesky run on a Tiled server (default: primary, if it has frames)",
    )
    parser.add_argument(
        "--field", metavar="NAME", help="name of the frames in a run (default: the only image)"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which networks are used, and how frames are read."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="folder of a study, such as results/demo, or of a tagger (default: the tagger that "
        "comes with xscatter)",
    )
    parser.add_argument(
        "--view", choices=tuple(VIEWS), help="network to use (default: the best one for each frame)"
    )
    add_reading(parser)
    parser.add_argument(
        "--threads",
        type=positive,
        default=1,
        help="number of frames that are read at the same time (default: 1)",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say how frames are read."""
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="mask in any format of frames; non-zero = not usable",
    )
    parser.add_argument(
        "--poni", type=Path, metavar="FILE", help="PONI file (pyFAI) with the geometry"
    )
    parser.add_argument(
        "--center",
        type=float,
        nargs=2,
        metavar=("ROW", "COL"),
        help="beam centre in pixels: row (y) first",
    )


def load_tagger(args: argparse.Namespace) -> "Tagger":
    """Return the tagger that the arguments of :func:`add_model` name, and report which it is."""
    from xscatter.tagging import Tagger

    tagger = Tagger.load(args.model)
    which = f"the tagger {tagger.name} in {tagger.folder}"
    if args.model is None:
        which = f"the shipped tagger ({tagger.name}); --model uses another"
    print(f"xscatter {args.verb}: uses {which}", file=sys.stderr)
    return tagger


def read_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of :func:`xscatter.frames.read` from the arguments of `add_model`."""
    return {
        "mask": args.mask,
        "poni": args.poni,
        "center": tuple(args.center) if args.center else None,
    }


def run(args: argparse.Namespace) -> int:
    from xscatter.core.progress import track
    from xscatter.sources.source import SourceOptions
    from xscatter.tagging.tables import Tables
    from xscatter.tagging.tree import summary
    from xscatter.tagging.write_back import TagsBack

    names, read = listed(args.files), read_options(args)
    options = SourceOptions(read=read, stream=args.stream, field=args.field, report=_tell)
    tables = Tables(args.output, html=args.html)
    for path in tables.paths.values():
        if path.exists() and not args.force:
            raise UserError(
                f"{path}: exists already; choose another folder with -o, or add --force"
            )
    _check_readable(names, options)
    _check_writable(args.output)
    tagger = load_tagger(args)
    lines: list[str] = []
    with ExitStack() as stack:
        back = None
        if args.write_back:
            server = stack.enter_context(opened_server(args.files, options))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            back = stack.enter_context(closing(TagsBack(server, tagger, folder, _tell)))
        stack.enter_context(tables.written(tagger))
        frames = _Frames(names, options)
        shown = track(frames, "predict", lambda: frames.total, end=False)
        for batch in tagger.batches(shown, args.view, args.threads):
            answers = tagger.tag(batch, args.view)
            for item, tagged in zip(batch, answers, strict=True):
                tables.add(item, tagged)
                if tagged.failed:
                    print(f"xscatter predict: {tagged.note}", file=sys.stderr)
                elif len(lines) <= _SHOWN:
                    lines.append(f"{tagged.source} [{tagged.index}]: {summary(tagger, tagged)}")
            if back is not None:
                back.add(batch, answers)
        kept = back is None or back.finish()
    # The tags of many frames are for the table, those of a few are also for the terminal.
    if len(lines) <= _SHOWN:
        print(*lines, sep="\n")
    some = f"{tables.tagged} frame{'s' * (tables.tagged != 1)}"
    paths = ", ".join(map(str, tables.paths.values()))
    print(f"{some} tagged, {tables.failed} could not be read; {paths}")
    return 1 if tables.failed or not kept else 0


@contextmanager
def opened_server(words: list[str], options: "SourceOptions") -> "Iterator[TiledFrames]":
    """Open the node of a Tiled server to which rows are written back.

    Args:
        words: names of what is read: the node alone.
        options: how it is read.

    Raises:
        UserError: it is no such node, or not alone.
    """
    from xscatter.sources.registry import is_source, open_source
    from xscatter.sources.tiled import TiledFrames

    other = next((word for word in words if not is_source(word)), None)
    if other is not None:
        raise UserError(f"{other}: is no node of a Tiled server; leave out --write-back")
    if len(words) > 1:
        raise UserError(f"{words[1]}: --write-back takes one node at a time; name one")
    with closing(open_source(words[0], options)) as source:
        assert isinstance(source, TiledFrames)
        yield source


def _tell(line: str) -> None:
    print(f"xscatter predict: {line}", file=sys.stderr)


class _Frames:
    """The frames of all files, and how many there are; a file not yet opened counts as one."""

    def __init__(self, names: list[str], options: "SourceOptions"):
        self._names, self._options, self.total = names, options, len(names)

    def __iter__(self) -> "Iterator[Frame | Unreadable]":
        from xscatter.frames import Frame
        from xscatter.sources.registry import read_address

        for name in self._names:
            counted = 1
            for item in read_address(name, self._options):
                if isinstance(item, Frame) and item.index == 0:
                    self.total += item.frames - counted
                    counted = 0  # the next series of the file was not counted at all
                yield item


def _check_readable(names: list[str], options: "SourceOptions") -> None:
    """Find one frame that can be read before networks are loaded and tables begun.

    Raises:
        UserError: there is none, or the mask or the PONI file cannot be read.
    """
    from xscatter.frames import Unreadable
    from xscatter.frames.reading import check_options
    from xscatter.sources.registry import read_address

    check_options(**options.read)
    errors = []
    for name in names:
        reasons = []
        for frame in read_address(name, options):
            if not isinstance(frame, Unreadable):
                return
            reasons.append(frame.reason)
        errors.append(reasons[0] if reasons else f"{name}: holds no frame")
    for earlier in errors[:-1]:
        print(f"xscatter predict: {earlier}", file=sys.stderr)
    more = f"; none of the {len(names)} files can be read, so nothing is written"
    raise UserError(f"{errors[-1]}{more if len(names) > 1 else ''}")


def _check_writable(folder: Path) -> None:
    """Check that the tables can be written before networks are loaded; leave nothing there."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written to ({error.strerror}); choose another folder with -o"
        ) from error


def listed(words: list[str]) -> list[str]:
    """Return names of files, with the files in a folder, in order, for its name."""
    names: list[str] = []
    for word in words:
        path = Path(word)
        try:
            if not path.is_dir():
                names.append(word)
                continue
            inside = sorted(str(p) for p in path.iterdir() if p.is_file() and p.name[0] != ".")
        except OSError as error:
            raise UserError(
                f"{path}: cannot be listed ({error.strerror}); ask its owner for permission"
            ) from error
        names.extend(inside)
        if not inside and len(words) > 1:
            print(f"xscatter predict: {path}: no file in it", file=sys.stderr)
    if not names:
        raise UserError(f"{' '.join(words)}: no file in it")
    return names
