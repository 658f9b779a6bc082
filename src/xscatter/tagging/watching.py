"""Follow a folder in which frames appear: each file is tagged once, whatever stops and starts in between.

The table is the memory: a file whose rows stand in it is done. All rows of a file are written at
once and flushed to disk; a line that a crash cut off is dropped at the next start. Only one process
at a time may add to a table.

When is a file whole? Nobody says, so four signs must agree: its size and time have not changed for
a while, and for longer than the longest pause that any file of the folder has made so far; no
process of this machine has it open for writing; it can be read; and after it was read it is as it
was before. Frames that are added to a file later are tagged when it has come to rest again.
"""

import csv
import errno
import fcntl
import fnmatch
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from xscatter.core.errors import UserError
from xscatter.tagging import table
from xscatter.tagging.tagger import Tagged, Tagger

TOGETHER = 64  # files between two additions to the table
STILL_SEEN = 600.0  # seconds for which a file is looked at again after it was tagged
LONGEST_PAUSE = 60.0  # seconds: a longer one is no pause, the file was changed


class Table:
    """A CSV table that grows by whole files.

    Attributes:
        done: how many frames it holds of each file, by name; 0 of a file that could not be read.
        changed: when the table was last added to, before this process, in seconds since 1970.

    Raises:
        UserError: the table belongs to a model of other tags, is in use, or cannot be written.
    """

    def __init__(self, path: Path, tags: list[str]):
        self.path, self.tags, self.done, self.changed = path, tags, dict[str, int](), 0.0
        header = table.csv_header(tags)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b")  # noqa: SIM115 - stays open while the folder is followed
            self._lock()
            self._file.seek(0)
            content = self._file.read()
            first = header.encode()
            if not (content.startswith(first) or first.startswith(content)):
                self._file.close()
                raise UserError(
                    f"{path}: is no table of this model's tags; choose another table with -o"
                )
            self.changed = os.stat(path).st_mtime
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                self._file.truncate(len(whole))
            if not whole:
                self._write(first)
            for row in csv.DictReader(whole.decode().splitlines()):
                frames = (
                    int(row["frame"]) + 1 if row["center_from"] else 0
                )  # without: it could not be read
                self.done[row["file"]] = max(frames, self.done.get(row["file"], 0))
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written ({error.strerror}); choose another table with -o"
            ) from error

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise UserError(
                f"{self.path}: another watch adds to it; stop that one, or choose another table with -o"
            ) from error

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); free some space, start again"
            ) from error

    def add(self, frames: list[Tagged]) -> None:
        """Append the rows of whole files."""
        self._write(
            "".join(table.csv_line(table.row(tagged, self.tags)) for tagged in frames).encode()
        )
        for tagged in frames:
            name, number = table.printable(tagged.source), 0 if tagged.failed else tagged.index + 1
            self.done[name] = max(number, self.done.get(name, 0))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class State(NamedTuple):
    """What tells whether a file has changed."""

    size: int
    time: int  # nanoseconds

    @classmethod
    def of(cls, path: str) -> "State | None":
        """That of the file now; None where there is none."""
        try:
            found = os.stat(path)
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns)


@dataclass
class Folder:
    """New files of a folder, each once it has come to rest.

    Attributes:
        path: the folder; not the folders in it.
        pattern: of names, such as ``*.cbf``; names that begin with a dot are left out.
        settle: seconds, at least, for which size and time of a file must not change before it is read.
        ignore: a file that is none of the frames: the table, where it lies in the same folder.
        since: files that are done but have changed since then (seconds since 1970) are looked at again.
    """

    path: Path
    pattern: str = "*"
    settle: float = 1.0
    ignore: Path | None = None
    since: float | None = None
    _seen: dict[str, tuple[State, float]] = field(
        default_factory=dict
    )  # and since when it is in that state
    _tagged: dict[str, tuple[State, float]] = field(
        default_factory=dict
    )  # as it was tagged, and when
    _again: set[str] = field(default_factory=set)  # done, but changed since
    _pause: float = 0.0  # the longest that a file rested before it grew on

    def waiting(self, done: Mapping[str, int] | set[str]) -> tuple[list[str], int]:
        """Files at rest that are not `done`, or have changed since; oldest first; how many others still change."""
        now, ready, changing = time.monotonic(), [], 0
        seen: dict[str, tuple[State, float]] = {}  # without files that were renamed or removed
        self._tagged = {
            name: known for name, known in self._tagged.items() if now - known[1] < STILL_SEEN
        }
        since, self.since = self.since, None
        try:
            entries = list(os.scandir(self.path))
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be listed ({error.strerror}); name the folder of the frames"
            ) from error
        for entry in entries:
            name = entry.path
            if entry.name[0] == "." or not fnmatch.fnmatch(entry.name, self.pattern):
                continue
            finished = table.printable(name) in done and name not in self._again
            if finished and name not in self._tagged and since is None:
                continue
            try:
                if not entry.is_file() or (
                    self.ignore and os.path.samefile(entry.path, self.ignore)
                ):
                    continue
                stat = entry.stat()
            except OSError:  # renamed or removed since it was listed
                continue
            state = State(stat.st_size, stat.st_mtime_ns)
            if finished:
                known = self._tagged.get(name)
                if known is None and (since is None or stat.st_mtime <= since):
                    continue
                if known is not None and known[0] == state:
                    continue
                self._again.add(name)
            before, begin = self._seen.get(name, (state, now))
            if before != state:
                self._pause = max(self._pause, min(now - begin, LONGEST_PAUSE))
                begin = now
            seen[name] = (state, begin)
            rest = self.settle if self._pause < self.settle else 2 * self._pause
            old = time.time() - stat.st_mtime > 10 * rest + 1
            if stat.st_size and (now - begin >= rest or old) and not is_being_written(name):
                ready.append((stat.st_mtime_ns, name))
            else:
                changing += 1
        self._seen = seen
        return [name for _, name in sorted(ready)], changing

    def finished(self, name: str, state: State) -> None:
        """Remember in which state a file was tagged."""
        self._seen.pop(name, None)
        self._again.discard(name)
        self._tagged[name] = (state, time.monotonic())

    def touched(self, name: str) -> None:
        """Wait for a file again as if it had just changed."""
        state = State.of(name)
        if state:
            self._seen[name] = (state, time.monotonic())


def is_being_written(path: str) -> bool:
    """Whether a process of this machine has a file open for writing; False where that cannot be known.

    A read lease is granted only on files that nobody writes (Linux, local file systems, own files).
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Who opens it for writing in this instant sends a signal: one that does nothing.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(file)


def follow(
    tagger: Tagger,
    folder: Folder,
    found: Table,
    *,
    patience: float = 60.0,
    every: float = 10.0,
    once: bool = False,
    view: str | None = None,
    threads: int = 1,
    say: Callable[[str], None] = print,
    **options: object,
) -> Iterator[list[Tagged]]:
    """Tag files as they come to rest; yield what was added to the table, and nothing while nothing is new.

    Args:
        tagger: the networks.
        folder: where to look.
        found: the table to add to.
        patience: seconds since its last change after which a file that cannot be read is given up as bad.
        every: seconds between two lines of rate and backlog to `say`.
        once: stop when every file that is there is done.
        view: the network to use; default: the best.
        threads: frames read at the same time.
        say: where lines of progress go.
        options: see :meth:`Tagger.predict`.
    """
    folder.ignore, folder.since = found.path, found.changed
    begin = said = time.monotonic()
    count = bad = recent = 0
    while True:
        looked = time.monotonic()
        names, changing = folder.waiting(found.done)
        looked = time.monotonic() - looked
        held = 0
        for place in range(0, len(names), TOGETHER):
            some = names[place : place + TOGETHER]
            rows, retry = _tagged(tagger, folder, found, some, patience, view, threads, options)
            held += len(retry)
            for name in retry:
                folder.touched(name)
            if rows:
                found.add(rows)
                failed = sum(tagged.failed for tagged in rows)
                count, bad, recent = count + len(rows) - failed, bad + failed, recent + len(rows)
                yield rows
            if time.monotonic() - said >= every:
                now = time.monotonic()
                backlog = max(len(names) - place - TOGETHER, 0)
                say(
                    f"watch: {count} frames tagged, {bad} could not be read, {recent / (now - said):.2g} a second, "
                    f"{backlog} files wait, {changing + held} are not at rest yet"
                )
                said, recent = now, 0
        if once and not changing and not held:
            rate = (count + bad) / max(time.monotonic() - begin, 1e-9)
            say(f"watch: {count} frames tagged, {bad} could not be read, {rate:.2g} a second")
            return
        if not names:
            # A folder of a million files takes long to list: look at it a tenth of the time.
            time.sleep(max(min(0.2, folder.settle), 10 * looked))
            yield []


def _tagged(
    tagger: Tagger,
    folder: Folder,
    found: Table,
    names: list[str],
    patience: float,
    view: str | None,
    threads: int,
    options: dict,
) -> tuple[list[Tagged], list[str]]:
    """Rows that the table lacks of the files `names`, and those files that are not whole yet."""
    before = {name: State.of(name) for name in names}
    by_file: dict[str, list[Tagged]] = {name: [] for name in names}
    for batch in tagger.batches(names, view, threads, **options):
        for tagged in tagger.tag(batch, view):
            by_file[tagged.source].append(tagged)
    rows: list[Tagged] = []
    retry = []
    for name, frames in by_file.items():
        state = State.of(name)
        if state is None:
            continue  # it was removed: there is nothing to say about it
        young = time.time() - state.time / 1e9 < patience
        if state != before[name] or (young and any(tagged.failed for tagged in frames)):
            retry.append(name)
            continue
        folder.finished(name, state)
        known = found.done.get(table.printable(name))
        rows.extend(t for t in frames if known is None or (not t.failed and t.index >= known))
    return rows, retry
