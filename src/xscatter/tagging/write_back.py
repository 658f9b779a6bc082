"""Write the tags and processes of a followed server back to it, into tables beside the frames.

The journal and the file of events are read, not the frames: what they hold is written, at once or
when the server is back, and how far that came is kept in a hidden file beside each. After a crash
or a lost answer the server is asked which rows it has, so that none is written twice.
"""

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.core.version import __version__
from xscatter.sources.source import AwayError
from xscatter.sources.tiled import TiledFrames
from xscatter.sources.tiled.tables import NodeTable, Row
from xscatter.tagging.tagger import Tagger

_FIXED: dict[str, type] = {
    "frame": int,
    "time": float,
    "view": str,
    "model": str,
    "tags": str,
    "center_row": float,
    "center_column": float,
    "center_from": str,
    "center_confidence": float,
    "note": str,
    "version": int,
    "hash": str,
}
_EVENT: dict[str, type] = {
    "sequence": int,
    "frame": int,
    "kind": str,
    "process": str,
    "probability": float,
    "begin_low": int,
    "begin_high": int,
    "advice": str,
    "why": str,
    "model": str,
    "time": float,
}
_LONGEST = 60.0  # seconds between two attempts
_PIECE = 2**20  # bytes of a file that are read at once


class WriteBack:
    """The tables of a server that get the rows of a journal.

    Args:
        source: the server's frames.
        journal: file of the journal.
        tagger: whose tags it holds.
        events: file of the events; None: there are none.
        report: where lines about failures go.

    Raises:
        UserError: the user may not write beside the array that is followed.
    """

    def __init__(
        self,
        source: TiledFrames,
        journal: Path,
        tagger: Tagger,
        events: Path | None = None,
        report: Callable[[str], None] = print,
    ):
        self._server, self._tagger, self._report = source.server, tagger, report
        self._columns = {f"p({tag})": column(tag) for tag in tagger.tags}
        self._tables: dict[tuple[str, str], NodeTable] = {}
        self._refused: set[tuple[str, str]] = set()
        tags = _Lines(journal, partial(self._lines_of_tags, journal))
        self._files: list[tuple[_Lines, str, Callable[[dict[str, Any]], Row]]] = [
            (tags, "tags", self._tag_row)
        ]
        if events is not None:
            self._files.append((_Lines(events, _json_lines), "processes", _event_row))
        self._pause, self._next = 0.0, 0.0
        if source.array is not None:
            self._table(source.array, "tags").make(self._metadata)

    def update(self) -> bool:
        """Write what is new; return whether nothing is left to write."""
        if time.monotonic() < self._next:
            return False
        try:
            for file, ending, row in self._files:
                for lines in file.new():
                    self._write(lines, ending, row)
                    file.keep()
        except AwayError as error:
            self._pause = min(2 * self._pause, _LONGEST) if self._pause else 0.5
            self._next = time.monotonic() + self._pause
            self._report(f"{error}; tags are written back later")
            return False
        self._pause = 0.0
        return True

    def _write(
        self, lines: list[dict[str, Any]], ending: str, row: Callable[[dict[str, Any]], Row]
    ) -> None:
        """Add rows to the tables of their arrays."""
        by_array: dict[str, list[Row]] = {}
        for line in lines:
            # A journal may also hold files, or arrays of another server.
            if line["file"].startswith(self._server.name(()) + "/"):
                by_array.setdefault(line["file"], []).append(row(line))
        for name, rows in by_array.items():
            if (name, ending) in self._refused:
                continue
            try:
                self._table(name, ending).add(rows, self._metadata)
            except AwayError:
                raise
            except UserError as error:
                self._refused.add((name, ending))
                self._report(f"{error}; its rows are in the local table alone")

    def _table(self, name: str, ending: str) -> NodeTable:
        columns, key = (
            (_FIXED | dict.fromkeys(self._columns.values(), float), _TAG_KEY)
            if ending == "tags"
            else (_EVENT, _EVENT_KEY)
        )
        if (name, ending) not in self._tables:
            path = self._server.path(name)
            self._tables[name, ending] = NodeTable(self._server, path, ending, columns, key)
        return self._tables[name, ending]

    def _metadata(self) -> dict[str, Any]:
        tagger = self._tagger
        return {
            "xscatter": __version__,
            "tagger": tagger.name,
            "networks": tagger.weights,
            "columns": {column(tag): tag for tag in tagger.tags},
            "current": "the row of the highest version of a frame",
        }

    def _lines_of_tags(self, journal: Path, text: str) -> list[dict[str, Any]]:
        with open(journal, newline="", encoding="utf-8") as file:
            header = next(csv.reader(file))
        return list(csv.DictReader(io.StringIO(text, newline=""), header))

    def _tag_row(self, line: dict[str, Any]) -> Row:
        row: Row = {name: _value(line[name], kind) for name, kind in _FIXED.items() if name in line}
        row |= {col: _value(line[name], float) for name, col in self._columns.items()}
        return row | {"time": time.time()}


_TAG_KEY = ("frame", "version", "hash", "model")
_EVENT_KEY = ("sequence", "frame", "kind", "process", "begin_low")


def column(tag: str) -> str:
    """Return the name of the column of a tag, as databases allow it.

    Example:
        >>> column("4-fold ring")
        'p_4_fold_ring'
    """
    return "p_" + re.sub(r"\W+", "_", tag, flags=re.ASCII).strip("_")


def _value(text: str, kind: type) -> Any:
    if kind is str:
        return text
    return kind(text) if text else None


def _json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _event_row(event: dict[str, Any]) -> Row:
    low, high = event["begin"]
    values = {**event, "begin_low": low, "begin_high": high}
    return {name: values.get(name) for name in _EVENT}


class _Lines:
    """A file of lines that grows, and how much of it was written back."""

    def __init__(self, path: Path, parse: Callable[[str], list[dict[str, Any]]]):
        self._path, self._parse = path, parse
        self._state = path.with_name(f".{path.name}.written-back")
        self._kept = int(self._state.read_text()) if self._state.exists() else 0
        self._read = self._kept

    def new(self) -> Iterator[list[dict[str, Any]]]:
        """Yield complete lines that were not written back, in pieces."""
        self._read = self._kept
        while self._path.exists():
            with open(self._path, "rb") as file:
                if self._read > file.seek(0, 2):
                    self._read = 0  # it was begun again
                file.seek(self._read)
                piece = file.read(_PIECE)
            end = piece.rfind(b"\n") + 1
            if not end:
                return
            first, self._read = self._read, self._read + end
            lines = self._parse(piece[:end].decode())
            # The first line of a table is its header.
            yield lines[1:] if first == 0 and self._path.suffix == ".csv" else lines

    def keep(self) -> None:
        """Note that all that :meth:`new` has yielded was written back."""
        self._kept = self._read
        write_text(self._state, f"{self._kept}")
