"""Write what is found in a server's frames back to it, into tables beside the frames.

Tags, events of processes and quantities are read from the local files of a service, not from the
frames: what these hold is written, at once or when the server is back, and how far that came is
kept in a hidden file beside each. After a crash or a lost answer the server is asked which rows it
has, so that none is written twice.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.frames import Unreadable
from xscatter.sequences.tables import event_line, frames_csv
from xscatter.sources.source import AwayError
from xscatter.sources.tiled import TiledFrames
from xscatter.sources.tiled.tables import NodeTable, Row
from xscatter.tagging.follow import content_of
from xscatter.tagging.journal import Journal
from xscatter.tagging.local_tables import EventLines, LocalTable, QuantityLines, TagLines
from xscatter.tagging.sequence import TaggedSequence
from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Ready, Tagger

_LONGEST = 60.0  # seconds between two attempts
_LAST = 30.0  # seconds for which a server is waited for at the end
_PIECE = 2**20  # bytes of a file that are read at once


class WriteBack:
    """The tables of a server that get the rows of local files.

    Args:
        source: the server's frames.
        journal: file of the tags; None: there are none.
        tagger: whose tags it holds; None: there are none.
        events: file of the events of processes; None: there are none.
        quantities: file of the frames with their quantities; None: there are none.
        renumber: the journal is a new one, which does not know earlier versions of a frame: the
            versions of its rows follow from those that the server has.
        report: where lines about failures go.

    Raises:
        UserError: the user may not write beside the array that is followed.
    """

    def __init__(
        self,
        source: TiledFrames,
        journal: Path | None = None,
        tagger: Tagger | None = None,
        events: Path | None = None,
        quantities: Path | None = None,
        renumber: bool = False,
        report: Callable[[str], None] = print,
    ):
        self._server, self._report, self._renumber = source.server, report, renumber
        self._tables: dict[tuple[str, str], NodeTable] = {}
        self._refused: set[tuple[str, str]] = set()
        self._latest: dict[str, dict[int, Row]] = {}  # by array and frame, if rows are renumbered
        self._files: list[tuple[_Lines, LocalTable]] = []
        if journal is not None and tagger is not None:
            self._files.append((_Lines(journal), TagLines(journal, tagger)))
        if events is not None:
            self._files.append((_Lines(events), EventLines()))
        if quantities is not None:
            self._files.append((_Lines(quantities), QuantityLines(quantities)))
        self._pause, self._next = 0.0, 0.0
        if source.array is not None:
            first = self._files[0][1]
            self._table(source.array, first).make(partial(first.about, []))

    @property
    def refused(self) -> bool:
        """Whether some rows may not be written."""
        return bool(self._refused)

    def update(self) -> bool:
        """Write what is new; return whether nothing is left to write."""
        if time.monotonic() < self._next:
            return False
        try:
            for file, local in self._files:
                for text, header in file.new():
                    self._write(local.lines(text)[header:], local)
                    file.keep()
        except AwayError as error:
            self._pause = min(2 * self._pause, _LONGEST) if self._pause else 0.5
            self._next = time.monotonic() + self._pause
            self._report(f"{error}; rows are written back later")
            return False
        self._pause = 0.0
        return True

    def finish(self) -> bool:
        """Write the last rows, and wait for a server that is away, but not for ever.

        Returns:
            Whether all rows are written.
        """
        end = time.monotonic() + _LAST
        while not self.update():
            if time.monotonic() > end:
                self._report("some rows are not written back; run the same command again")
                return False
            time.sleep(0.1)
        return not self.refused

    def _write(self, lines: list[dict[str, Any]], local: LocalTable) -> None:
        """Add rows to the tables of their arrays."""
        by_array: dict[str, list[Row]] = {}
        for line in lines:
            # A journal may also hold files, or arrays of another server.
            if line["file"].startswith(self._server.name(()) + "/"):
                by_array.setdefault(line["file"], []).append(local.row(line))
        for name, rows in by_array.items():
            if (name, local.ending) in self._refused:
                continue
            table, about = self._table(name, local), partial(local.about, rows)
            try:
                if self._renumber and local.ending == TagLines.ending:
                    table.make(about)
                    self._number(name, table, rows)
                table.add(rows, about)
            except AwayError:
                raise
            except UserError as error:
                self._refused.add((name, local.ending))
                self._report(f"{error}; its rows are in the local table alone")

    def _number(self, name: str, table: NodeTable, rows: list[Row]) -> None:
        """Give rows the version of the same row at the server, or one more than the latest."""
        if name not in self._latest:
            self._latest[name] = {row["frame"]: row for row in table.key_rows()}
        latest = self._latest[name]
        for row in rows:
            before = latest.get(row["frame"])
            if before is not None:
                same = all(before[key] == row[key] for key in ("hash", "model"))
                row["version"] = before["version"] + (not same)
            latest[row["frame"]] = {key: row[key] for key in TagLines.key}

    def _table(self, name: str, local: LocalTable) -> NodeTable:
        key = (name, local.ending)
        if key not in self._tables:
            self._tables[key] = NodeTable(
                self._server, self._server.path(name), local.ending, local.columns, local.key
            )
        return self._tables[key]


class TagsBack:
    """The tags of frames that are read once, written back by way of a journal of their own.

    Args:
        source: the server's frames.
        tagger: that tags them.
        folder: of the journal: an empty one.
        report: where lines about failures go.

    Raises:
        UserError: the user may not write beside the array.
    """

    def __init__(
        self, source: TiledFrames, tagger: Tagger, folder: Path, report: Callable[[str], None]
    ):
        path = folder / "tags.csv"
        self._back = WriteBack(source, path, tagger, renumber=True, report=report)
        self._journal = Journal(path, tagger.tags)

    def add(self, batch: Sequence[Ready | Unreadable], answers: Sequence[Tagged]) -> None:
        """Write rows back, or keep them until the server is there again.

        Args:
            batch: frames.
            answers: their tags.
        """
        pairs = zip(batch, answers, strict=True)
        self._journal.add([replace(tagged, content=content_of(item)) for item, tagged in pairs])
        self._back.update()

    def finish(self) -> bool:
        """Write the last rows; return whether all rows are written."""
        return self._back.finish()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


class SequenceBack:
    """The processes and quantities of a finished sequence, written back by way of their files.

    Args:
        source: the server's frames.
        folder: of the files: an empty one.
        report: where lines about failures go.

    Raises:
        UserError: the user may not write beside the array.
    """

    def __init__(self, source: TiledFrames, folder: Path, report: Callable[[str], None]):
        self._events, self._frames = folder / "events.jsonl", folder / "frames.csv"
        self._back = WriteBack(source, events=self._events, quantities=self._frames, report=report)

    def write(self, result: TaggedSequence) -> bool:
        """Write all rows; return whether all are written."""
        write_text(self._events, "".join(event_line(*event) for event in result.events))
        write_text(self._frames, frames_csv(result.frames))
        return self._back.finish()


class _Lines:
    """A file of lines that grows, and how much of it was written back."""

    def __init__(self, path: Path):
        self._path = path
        self._state = path.with_name(f".{path.name}.written-back")
        # Bytes that were written back, and their check sum: a file that was begun anew has another.
        self._kept = self._resumed()
        self._read = self._kept

    def _resumed(self) -> tuple[int, int]:
        if not (self._state.exists() and self._path.exists()):
            return 0, 0
        size, _, known = self._state.read_text().partition(" ")
        rest, crc = int(size), 0
        with open(self._path, "rb") as file:
            while rest and (piece := file.read(min(_PIECE, rest))):
                rest, crc = rest - len(piece), crc32(piece, crc)
        return (int(size), crc) if f"{crc}" == known and not rest else (0, 0)

    def new(self) -> Iterator[tuple[str, int]]:
        """Yield complete lines that were not written back, in pieces, and how many are headers."""
        self._read = self._kept
        while self._path.exists():
            with open(self._path, "rb") as file:
                if self._read[0] > file.seek(0, 2):
                    self._read = 0, 0
                file.seek(self._read[0])
                piece = file.read(_PIECE)
            end = piece.rfind(b"\n") + 1
            if not end:
                return
            first, crc = self._read
            self._read = first + end, crc32(piece[:end], crc)
            yield piece[:end].decode(), int(first == 0 and self._path.suffix == ".csv")

    def keep(self) -> None:
        """Note that all that :meth:`new` has yielded was written back."""
        self._kept = self._read
        write_text(self._state, "{} {}".format(*self._kept))
