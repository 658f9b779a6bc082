"""The local tables of a service as rows of a table on a server: tags, events and quantities."""

import csv
import hashlib
import io
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from xscatter.core.version import __version__
from xscatter.sequences.quantities import all_quantities, units_on
from xscatter.sources.tiled.tables import Row
from xscatter.tagging.tagger import Tagger

Line = dict[str, Any]


class LocalTable(Protocol):
    """The lines of a local file as rows on a server.

    Attributes:
        ending: of the name of the server's table.
        columns: types by name.
        key: columns that together tell a row from every other.
    """

    ending: str
    key: tuple[str, ...]
    columns: dict[str, type]

    def lines(self, text: str) -> list[Line]:
        """Return the values of each line; `file` is the array that it is about."""

    def row(self, line: Line) -> Row:
        """Return the row of a line."""

    def about(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the metadata of the table.

        Args:
            rows: the first ones; may be empty.
        """


class TagLines:
    """The tags of frames, from a journal.

    Args:
        path: of the journal.
        tagger: whose tags it holds.
    """

    ending = "tags"
    key: tuple[str, ...] = ("frame", "version", "hash", "model")
    _FIXED: ClassVar[dict[str, type]] = {
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

    def __init__(self, path: Path, tagger: Tagger):
        self._path, self._tagger = path, tagger
        self._names = {f"p({tag})": column(tag) for tag in tagger.tags}
        self.columns: dict[str, type] = self._FIXED | dict.fromkeys(self._names.values(), float)

    def lines(self, text: str) -> list[Line]:
        """Return the values of each line."""
        return _csv_lines(self._path, text)

    def row(self, line: Line) -> Row:
        """Return the row of a line, with the time of now."""
        row = {name: _value(line[name], kind) for name, kind in self._FIXED.items() if name in line}
        row |= {name: _value(line[of], float) for of, name in self._names.items()}
        return row | {"time": time.time()}

    def about(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return which model gave the tags."""
        return {
            "xscatter": __version__,
            "tagger": self._tagger.name,
            "networks": self._tagger.weights,
            "columns": {name: of[2:-1] for of, name in self._names.items()},
            "current": "the row of a frame with the highest version, the last of these",
        }


class EventLines:
    """The events of processes, from a file of JSON lines."""

    ending = "processes"
    key: tuple[str, ...] = ("hash",)

    def __init__(self) -> None:
        self.columns: dict[str, type] = {
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
            "hash": str,
        }

    def lines(self, text: str) -> list[Line]:
        """Return the values of each line."""
        return [json.loads(line) for line in text.splitlines()]

    def row(self, line: Line) -> Row:
        """Return the row of an event."""
        low, high = line["begin"]
        values = {**line, "begin_low": low, "begin_high": high, "hash": _digest(line)}
        return {name: values.get(name) for name in self.columns}

    def about(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return how frames are counted."""
        return {"xscatter": __version__, "frame": "number of the frame in its sequence, from 0"}


class QuantityLines:
    """The quantities of frames with their errors, from the table of frames.

    Args:
        path: of the table.
    """

    ending = "quantities"
    key: tuple[str, ...] = ("frame", "hash")

    def __init__(self, path: Path):
        self._path = path
        self._measured = [name + end for name in all_quantities() for end in ("", "_sd")]
        self.columns: dict[str, type] = {
            "frame": int,
            "sequence": int,
            "frame_in_sequence": int,
            "time": float,
            "p_change": float,
            "change_z": float,
            **dict.fromkeys(self._measured, float),
            "q_unit": str,
            "note": str,
            "written": float,
            "hash": str,
        }

    def lines(self, text: str) -> list[Line]:
        """Return the values of each line."""
        return _csv_lines(self._path, text)

    def row(self, line: Line) -> Row:
        """Return the row of a line: `frame` is its number in the array, as for its tags."""
        values = {**line, "frame_in_sequence": line["frame"], "frame": line["index"]}
        values |= {"p_change": line["p(change)"], "hash": _digest(line), "written": time.time()}
        return {name: _value(str(values[name]), kind) for name, kind in self.columns.items()}

    def about(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the units; without a geometry there are pixels in place of nm⁻¹."""
        axis = next((row["q_unit"] for row in rows if row["q_unit"]), "see column q_unit")
        return {
            "xscatter": __version__,
            "units": {"time": "s", **units_on(axis)},
            "errors": "column NAME_sd is the standard deviation of column NAME",
            "current": "the row of a frame that was written last",
        }


def column(tag: str) -> str:
    """Return the name of the column of a tag, as databases allow it.

    Example:
        >>> column("4-fold ring")
        'p_4_fold_ring'
    """
    return "p_" + re.sub(r"\W+", "_", tag, flags=re.ASCII).strip("_")


def _csv_lines(path: Path, text: str) -> list[Line]:
    with open(path, newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    return list(csv.DictReader(io.StringIO(text, newline=""), header))


def _value(text: str, kind: type) -> Any:
    if kind is str:
        return text
    return kind(text) if text else None


def _digest(line: Line) -> str:
    """A hash of a line, by which it is known again."""
    return hashlib.blake2b(json.dumps(line, sort_keys=True).encode(), digest_size=8).hexdigest()
