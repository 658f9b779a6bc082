"""The table that grows while a source is followed, and remembers what is done.

An item whose rows are in the table is done. All rows of an item are written at once and flushed to
disk; a line that a crash cut off is dropped at the next start. Only one process at a time may add
to a table.
"""

import csv
import fcntl
import os
from collections.abc import Container
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.tagging import table
from xscatter.tagging.tagger import Tagged


def item_of(source: str, items: Container[str] = ()) -> str:
    """Return the name of the item that a frame is of: its source without ``::/scan``.

    Args:
        source: of the frame.
        items: names that are complete.
    """
    return source if source in items else source.rpartition("::/")[0] or source


class Journal:
    """A CSV table that grows by complete items.

    Attributes:
        path: the file.
        tags: names of the tags, one column each.
        changed: when an earlier process last added to it, in seconds since 1970.

    Raises:
        UserError: the table belongs to a model of other tags, is in use, or cannot be written.
    """

    def __init__(self, path: Path, tags: list[str]):
        self.path, self.tags, self.changed = path, tags, 0.0
        self._items: set[str] = set()
        self._frames: dict[str, int] = {}  # by source; 0 of one that could not be read
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b")  # noqa: SIM115 - stays open while a source is followed
            self._lock()
            self._read()
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written ({error.strerror}); choose another table with -o"
            ) from error

    def __contains__(self, name: object) -> bool:
        return (
            table.printable(str(name)) in self._items or table.printable(str(name)) in self._frames
        )

    def __len__(self) -> int:
        return len(self._items)

    def lacking(self, name: str, frames: list[Tagged]) -> list[Tagged]:
        """Return those `frames` of the item `name` that have no row yet."""
        if name not in self:
            return frames
        known = [self._frames.get(table.printable(tagged.source), 0) for tagged in frames]
        return [
            tagged
            for tagged, rows in zip(frames, known, strict=True)
            if not tagged.failed and tagged.index >= rows
        ]

    def add(self, frames: list[Tagged]) -> None:
        """Append the rows of complete items."""
        lines = [table.csv_line(table.row(tagged, self.tags)) for tagged in frames]
        self._write("".join(lines).encode())
        for tagged in frames:
            self._remember(tagged.source, 0 if tagged.failed else tagged.index + 1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _lock(self) -> None:
        try:
            # The lock ends with the process, so a killed one leaves nothing to clean up.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise UserError(
                f"{self.path}: another `xscatter watch` adds to it; stop that one, or choose "
                "another table with -o"
            ) from error

    def _read(self) -> None:
        header = table.csv_header(self.tags).encode()
        self._file.seek(0)
        content = self._file.read()
        # A crash may have cut off the header itself.
        if not (content.startswith(header) or header.startswith(content)):
            self._file.close()
            raise UserError(
                f"{self.path}: is no table of this model's tags; choose another table with -o"
            )
        self.changed = os.stat(self.path).st_mtime_ns / 1e9
        # What follows the last end of line was cut off by a crash.
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            self._file.truncate(len(complete))
        if not complete:
            self._write(header)
        for row in csv.DictReader(complete.decode().splitlines()):
            # A row without a source of the beam centre is of an item that could not be read.
            self._remember(row["file"], int(row["frame"]) + 1 if row["center_from"] else 0)

    def _remember(self, name: str, frames: int) -> None:
        name = table.printable(name)
        self._items.add(item_of(name))
        # Rows of one file may come in several pieces.
        self._frames[name] = max(frames, self._frames.get(name, 0))

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
            # What is reported as tagged must survive a power failure.
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); free some space, then start "
                "again"
            ) from error
