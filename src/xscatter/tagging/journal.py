"""The table that grows while a source is followed, and remembers what is done.

An item whose rows are in the table is done. All rows of an item are added and flushed to disk, or
none: they are first written to a file beside the table, from which the next start completes what a
crash has cut off. Only one process at a time may add to a table.
"""

import contextlib
import csv
import fcntl
import io
import os
from collections.abc import Container
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file
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
        self._part = path.with_name(f".{path.name}.adding")
        self._frames: dict[str, int] = {}  # by source: the number after the last that was read
        self._failed: dict[str, set[int]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - stays open for long
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
        """Return those `frames` of the item `name` that have no row yet, or one that failed."""
        if name not in self:
            return frames
        return [tagged for tagged in frames if not tagged.failed and not self._has(tagged)]

    def _has(self, tagged: Tagged) -> bool:
        source = table.printable(tagged.source)
        failed = self._failed.get(source, set())
        return tagged.index < self._frames.get(source, 0) and tagged.index not in failed

    def add(self, frames: list[Tagged]) -> None:
        """Append the rows of complete items."""
        lines = [table.csv_line(table.row(tagged, self.tags)) for tagged in frames]
        self._write("".join(lines).encode())
        for tagged in frames:
            self._remember(tagged.source, tagged.index, tagged.failed)

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
        content = self._recovered()
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
        # The names of files may contain any end of a line.
        for row in csv.DictReader(io.StringIO(complete.decode(), newline="")):
            # A row without a source of the beam centre is of an item that could not be read.
            self._remember(row["file"], int(row["frame"]), not row["center_from"])

    def _remember(self, name: str, index: int, failed: bool) -> None:
        name = table.printable(name)
        self._items.add(item_of(name))
        # Rows of one file may come in several pieces.
        self._frames[name] = max(0 if failed else index + 1, self._frames.get(name, 0))
        if failed:
            self._failed.setdefault(name, set()).add(index)
        elif name in self._failed:
            self._failed[name].discard(index)

    def _recovered(self) -> bytes:
        """The content of the table, after rows that a crash left half written are complete."""
        self._file.seek(0)
        content = self._file.read()
        if self._part.exists():
            offset, _, data = self._part.read_bytes().partition(b"\n")
            begin = int(offset)
            # The table may be another one by now.
            if begin <= len(content) and data.startswith(content[begin:]):
                self._append(data[len(content) - begin :])
                content = content[:begin] + data
            self._part.unlink()
        return content

    def _write(self, data: bytes) -> None:
        """Add all rows or none, whenever the process is killed and the disk is full."""
        end = self._file.seek(0, os.SEEK_END)
        try:
            # If this process ends in between, the next one finds here what is missing.
            with complete_file(self._part) as part:
                part.write_bytes(b"%d\n" % end + data)
            self._append(data)
        except (OSError, UserError) as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            reason = getattr(error, "strerror", None) or "the disk is full"
            raise UserError(
                f"{self.path}: cannot be written ({reason}); free some space, then start again"
            ) from error
        finally:
            self._part.unlink(missing_ok=True)

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        # What is reported as tagged must survive a power failure.
        os.fsync(self._file.fileno())
