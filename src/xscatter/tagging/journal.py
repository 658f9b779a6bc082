"""The table that grows while a source is followed, and remembers what is done.

Each row names the state in which its item was read (size and time of a file, and of the files that
it links to) and a hash of the frame. An item is done as long as it is in that state. When it is
read again, only frames whose hash differs get a new row, of the next version: the row of the
highest version is the current one of its frame. All rows of an item are added and flushed to disk,
or none: they are first written to a file beside the table, from which the next start completes what
a crash has cut off. Only one process at a time may add to a table.
"""

import contextlib
import csv
import errno
import fcntl
import io
import os
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file
from xscatter.tagging import table
from xscatter.tagging.tagged import Tagged

GONE = "is no longer in the file"
_FAILED = "failed"  # in place of the hash of a frame, as is GONE


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

    Raises:
        UserError: the table belongs to a model of other tags, is in use, or cannot be written.
    """

    def __init__(self, path: Path, tags: list[str]):
        self.path, self.tags = path, tags
        self._states: dict[str, str] = {}  # by item
        self._sources: dict[str, list[str]] = {}  # by item, where they have other names
        self._hashes: dict[str, dict[int, str]] = {}  # by source and frame, of the current rows
        self._versions: dict[tuple[str, int], int] = {}  # those above 1
        self._counts: dict[str, int] = {}  # by source: see `count`
        self._part = path.with_name(f".{path.name}.adding")
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
        return table.printable(str(name)) in self._states

    def __len__(self) -> int:
        return len(self._states)

    def state(self, name: str) -> str | None:
        """Return the state in which the item `name` was read last; None if it never was."""
        return self._states.get(table.printable(name))

    def count(self, name: str) -> int:
        """Return how many frames, from the first on, have rows of the item's present state."""
        return self._counts.get(table.printable(name), 0)

    def hashes(self, name: str) -> Mapping[int, str]:
        """Return the hash of each frame of the item `name` that is still there, by its number."""
        known = self._hashes.get(table.printable(name), {})
        return {index: content for index, content in known.items() if content != GONE}

    def lacking(
        self, name: str, frames: Sequence[Tagged], part: range | None = None
    ) -> list[Tagged]:
        """Return those `frames` of an item whose row is missing or no longer true.

        A frame of the table that is not among `frames` any more gets a row that says so.

        Args:
            name: of the item.
            frames: of it, as they were read.
            part: numbers of the frames that were asked for; None: all.
        """
        item = table.printable(name)
        rows = [tagged for tagged in frames if _hash(tagged) != self._known(tagged)]
        there = {(table.printable(tagged.source), tagged.index) for tagged in frames}
        for source in self._sources.get(item, [item]):
            hashes = self._hashes.get(source, {})
            for index in list(hashes) if part is None else part:
                if hashes.get(index, GONE) != GONE and (source, index) not in there:
                    note = f"{source}: frame {index} {GONE}"
                    rows.append(Tagged(source, index, note=note, failed=True))
        return rows

    def _known(self, tagged: Tagged) -> str | None:
        return self._hashes.get(table.printable(tagged.source), {}).get(tagged.index)

    def add(self, frames: Sequence[Tagged], states: Mapping[str, str] | None = None) -> None:
        """Append the rows of complete items.

        Args:
            frames: of :meth:`lacking`.
            states: by name of an item: the state in which it was read.
        """
        states, lines = states or {}, []
        for tagged in frames:
            state = states.get(item_of(tagged.source, states), "")
            row = table.row(tagged, self.tags)
            row["version"] = self._version(row["file"], tagged.index) + 1
            row |= {"hash": tagged.content, "state": state}
            lines.append(table.csv_line(row, table.WATCHED))
        if lines:
            self._write("".join(lines).encode())
        for name, state in states.items():
            self._enter(table.printable(name), state)
        for tagged in frames:
            state = states.get(item_of(tagged.source, states), "")
            self._remember(table.printable(tagged.source), tagged.index, _hash(tagged), state)

    def _enter(self, item: str, state: str) -> None:
        """Note the state of an item, also of one that only got a new time and has no new rows."""
        if self._states.get(item) != state:
            self._states[item] = state
            self._counts.pop(item, None)

    def _version(self, source: str, index: int) -> int:
        """Number of rows of a frame."""
        return self._versions.get((source, index), int(index in self._hashes.get(source, {})))

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
        header = table.csv_header(self.tags, table.WATCHED).encode()
        content = self._recovered()
        # A crash may have cut off the header itself.
        if not (content.startswith(header) or header.startswith(content)):
            self._file.close()
            raise UserError(
                f"{self.path}: is no table of this model's tags; choose another table with -o"
            )
        # What follows the last end of line was cut off by a crash.
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            self._file.truncate(len(complete))
        if not complete:
            self._write(header)
        # The names of files may contain any end of a line.
        for row in csv.DictReader(io.StringIO(complete.decode(), newline="")):
            without = GONE if row["note"].endswith(GONE) else _FAILED
            self._remember(row["file"], int(row["frame"]), row["hash"] or without, row["state"])

    def _remember(self, source: str, index: int, content: str, state: str) -> None:
        version = self._version(source, index) + 1
        if version > 1:
            self._versions[source, index] = version
        item = item_of(source)
        if item != source and source not in self._sources.setdefault(item, []):
            self._sources[item].append(source)
        self._enter(item, state)
        count = self._counts.get(source, 0)
        self._counts[source] = count + (index == count)
        # Rows of one file may come in several pieces.
        self._hashes.setdefault(source, {})[index] = content

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
            # Rows added to a table that was removed would be lost with it.
            if not self._is_there():
                raise FileNotFoundError(errno.ENOENT, "it was removed or replaced")
            # If this process ends in between, the next one finds here what is missing.
            with complete_file(self._part) as part:
                part.write_bytes(b"%d\n" % end + data)
            self._append(data)
        except (OSError, UserError) as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            reason = getattr(error, "strerror", None) or "no space left on the disk"
            fix = "free some space, then start again" if "space" in reason else "start again"
            raise UserError(f"{self.path}: cannot be written ({reason}); {fix}") from error
        finally:
            self._part.unlink(missing_ok=True)

    def _is_there(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        return False

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        # What is reported as tagged must survive a power failure.
        os.fsync(self._file.fileno())


def _hash(tagged: Tagged) -> str:
    return _FAILED if tagged.failed else tagged.content
