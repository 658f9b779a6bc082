"""Tag detector frames: TIFF, CBF, EDF, mar345, Bruker, HDF5, NeXus, .npy, packed with gz or bz2 or not.

Writes OUT/tags.csv and OUT/tags.json: calibrated probabilities, the network that answered, the beam
centre and how sure it is; OUT/legend.csv: what each tag means, and how often it was right in the
test; with --html also OUT/tags.html, with each frame and where in it the evidence lies. A file that
cannot be read is reported, and the rest goes on.

Exit status 0: every file was tagged; 1: some could not be read, all others are tagged and the tables
are written; 2: no file could be read, or an argument is wrong, and nothing is written.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from xscatter.commands import positive
from xscatter.core.errors import UserError

EXAMPLE = """example:
  xscatter predict frames/*.cbf scan.h5::/entry/data/data --model results/demo/models -o tags --html"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="file, folder, or file.h5::/path/to/dataset"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("tags"),
        metavar="OUT",
        help="folder (default: tags)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the tables in OUT")
    parser.add_argument(
        "--html", action="store_true", help="also write a page with each frame and its evidence"
    )
    add_model(parser)


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="a study's models (default: the newest below results)",
    )
    parser.add_argument(
        "--view",
        choices=("image", "coefficient", "joint"),
        help="network to use (default: the best)",
    )
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="mask, of any format that frames have: not 0 = not usable",
    )
    parser.add_argument("--poni", type=Path, metavar="FILE", help="PONI file with the geometry")
    parser.add_argument(
        "--center",
        type=float,
        nargs=2,
        metavar=("ROW", "COL"),
        help="beam centre in pixels: row (y) first",
    )
    parser.add_argument(
        "--threads", type=positive, default=1, help="frames read at the same time (default: 1)"
    )


def load_tagger(args: argparse.Namespace):
    """The tagger that the arguments of :func:`add_model` name, and the options of reading."""
    from xscatter.store.models import newest
    from xscatter.tagging.tagger import Tagger

    folder = args.model or newest(Path("results"))
    if not args.model:
        print(f"model: {folder}", file=sys.stderr)
    return Tagger.load(folder), read_options(args)


def read_options(args: argparse.Namespace) -> dict[str, Any]:
    """How frames are to be read, by the arguments of :func:`add_model`."""
    return {
        "mask": args.mask,
        "poni": args.poni,
        "center": tuple(args.center) if args.center else None,
    }


def run(args: argparse.Namespace) -> int:
    from xscatter.core.files import complete_file
    from xscatter.core.progress import track
    from xscatter.tagging import table

    names = listed(args.files)
    outputs = {
        kind: args.output / f"tags.{kind}"
        for kind in ("csv", "json", *(["html"] if args.html else []))
    }
    outputs["legend"] = args.output / "legend.csv"
    for path in outputs.values():
        if path.exists() and not args.force:
            raise UserError(
                f"{path}: exists already; choose another folder with -o, or add --force"
            )
    check(names, read_options(args))
    _writable(args.output)
    tagger, options = load_tagger(args)
    count = bad = 0
    with ExitStack() as stack:
        parts = {kind: stack.enter_context(complete_file(path)) for kind, path in outputs.items()}
        files = {
            kind: stack.enter_context(open(part, "w", encoding="utf-8"))
            for kind, part in parts.items()
        }
        files["csv"].write(table.csv_header(tagger.tags))
        files["json"].write("[\n")
        files["legend"].write(table.legend(tagger))
        if args.html:
            from xscatter.tagging import page

            files["html"].write(page.head(tagger, names))
        for batch in tagger.batches(
            track(names, "predict", end=False), args.view, args.threads, **options
        ):
            for item, tagged in zip(batch, tagger.tag(batch, args.view), strict=True):
                found = table.row(tagged, tagger.tags)
                files["csv"].write(table.csv_line(found))
                files["json"].write((",\n" if count else "") + table.json_item(found))
                if args.html:
                    files["html"].write(page.section(tagger, item, tagged))
                if tagged.failed:
                    bad += 1
                    print(f"xscatter predict: {tagged.note}", file=sys.stderr)
                count += 1
        files["json"].write("\n]\n")
        if args.html:
            files["html"].write(page.FOOT)
        for file in files.values():
            file.close()
    some = f"{count - bad} frame{'s' * (count - bad != 1)}"
    print(f"{some} tagged, {bad} could not be read; {', '.join(map(str, outputs.values()))}")
    return 1 if bad else 0


def check(names: list[str], options: dict[str, Any]) -> None:
    """Find one frame that can be read, before a network is loaded and a table begun.

    Raises:
        UserError: there is none, or the mask or the PONI file cannot be read.
    """
    from xscatter.frames.reading import check_options, read

    check_options(**options)
    wrong = []
    for name in names:
        try:
            read(name, **options)
            return
        except UserError as error:
            wrong.append(error)
    for earlier in wrong[:-1]:
        print(f"xscatter predict: {earlier}", file=sys.stderr)
    more = (
        f"; none of the {len(names)} files can be read, so nothing is written"
        if len(names) > 1
        else ""
    )
    raise UserError(f"{wrong[-1]}{more}")


def _writable(folder: Path) -> None:
    """Look whether the tables can be written, before a network is loaded; leave nothing there."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written to ({error.strerror}); choose another folder with -o"
        ) from error


def listed(words: list[str]) -> list[str]:
    """Names of files; a folder stands for the files in it, in order."""
    names: list[str] = []
    for word in words:
        path = Path(word)
        try:
            inside = (
                sorted(str(p) for p in path.iterdir() if p.is_file() and p.name[0] != ".")
                if path.is_dir()
                else []
            )
        except OSError as error:
            raise UserError(
                f"{path}: cannot be listed ({error.strerror}); ask its owner for permission"
            ) from error
        names.extend(inside if path.is_dir() else [word])
        if path.is_dir() and not inside and len(words) > 1:
            print(f"xscatter predict: {path}: no file in it", file=sys.stderr)
    if not names:
        raise UserError(f"{' '.join(words)}: no file in it")
    return names
