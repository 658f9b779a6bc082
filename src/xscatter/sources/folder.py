"""Files that appear in a folder, each handed out when it is complete.

Nothing says when a file is complete, so four signs must agree: its size and time have not changed
for a while, and for longer than the longest pause that any file of the folder has made so far; no
process of this machine has it open for writing; it can be read; and after it was read it is as it
was before. Frames that are added to a file later are handed out when it has come to rest again.
"""

import errno
import fcntl
import fnmatch
import os
import signal
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable
from xscatter.frames.reading import read_each
from xscatter.sources.source import Batch, Item, Memory, Source, SourceOptions

SCHEME = "folder"

STILL_SEEN = 600.0  # seconds for which a file is looked at again after it was done
LONGEST_PAUSE = 60.0  # seconds: a longer one is no pause, the file was changed
_LOOK = 0.2  # seconds between two looks at a folder in which nothing is ready


def connect(address: str, options: SourceOptions) -> Source:
    """Follow the folder at `address`.

    Raises:
        UserError: it cannot be listed.
    """
    folder = Folder(Path(address), options.pattern, options.settle, options.read)
    folder.wait()  # an error shows now, and files begin to rest while networks are loaded
    return folder


class FileState(NamedTuple):
    """Size and time of a file, which differ when it has changed."""

    size: int
    time: int  # nanoseconds since 1970

    @classmethod
    def of(cls, path: str) -> "FileState | None":
        """Return the state of the file now; None where there is none."""
        try:
            stat = os.stat(path)
        except OSError:
            return None
        return cls(stat.st_size, stat.st_mtime_ns)


@dataclass
class Folder:
    """New files of a folder.

    Attributes:
        path: the folder; the folders in it are not searched.
        pattern: of names, such as ``*.cbf``; names that begin with a dot are left out.
        settle: seconds, at least, for which size and time of a file must not change.
        read: options of :func:`xscatter.frames.read`.
    """

    path: Path
    pattern: str = "*"
    settle: float = 1.0
    read: Mapping[str, Any] = field(default_factory=dict)
    _done: Container[str] = ()
    _ignore: Path | None = None  # the table of the service, which may be in the same folder
    _since: float | None = None  # done files that changed after this time are looked at once
    # By name: the state of a file, and since when it has been in it or when it was done in it.
    _seen: dict[str, tuple[FileState, float]] = field(default_factory=dict)
    _recent: dict[str, tuple[FileState, float]] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)  # done, but changed since
    _pause: float = 0.0  # the longest that a file rested before it grew further
    _next_look: float = 0.0

    def resume(self, memory: Memory) -> None:
        """Leave out what `memory` contains, but for files that changed after it last grew."""
        self._done, self._ignore, self._since = memory, memory.path, memory.changed
        self._next_look = 0.0

    def wait(self) -> Batch:
        """Return the files at rest that are not done, or have changed since; oldest first."""
        time.sleep(max(self._next_look - time.monotonic(), 0))
        now, ready, changing = time.monotonic(), list[tuple[int, str, FileState]](), 0
        seen: dict[str, tuple[FileState, float]] = {}  # forgets files that were renamed or removed
        self._recent = {
            name: known for name, known in self._recent.items() if now - known[1] < STILL_SEEN
        }
        since, self._since = self._since, None
        for entry in self._entries():
            name = entry.path
            # Done in this run or an earlier one, and not changed since.
            done = name in self._done and name not in self._changed
            if done and name not in self._recent and since is None:
                continue  # without a look at its state: there may be a million of them
            state = self._state(entry)
            if state is None or (done and not self._was_changed(name, state, since)):
                continue
            # A file that grew after it was done is followed again.
            if done:
                self._changed.add(name)
            begin = self._resting_since(name, state, now)
            seen[name] = (state, begin)
            if self._is_complete(name, state, now - begin):
                ready.append((state.time, name, state))
            else:
                changing += 1
        self._seen = seen
        if not ready:
            # A folder of a million files takes long to list: look at it a tenth of the time.
            looked = time.monotonic() - now
            self._next_look = now + looked + max(min(_LOOK, self.settle), 10 * looked)
        return Batch([Item(name, t / 1e9, state) for t, name, state in sorted(ready)], changing)

    def frames(self, item: Item) -> Iterator[Frame | Unreadable]:
        """Yield the frames of a file."""
        return read_each(item.name, **self.read)

    def done(self, item: Item) -> bool:
        """Remember in which state a file was done; return False if that is no longer its state."""
        state = FileState.of(item.name)
        if state is None or state != item.version:
            return False
        self._seen.pop(item.name, None)
        self._changed.discard(item.name)
        self._recent[item.name] = (state, time.monotonic())
        return True

    def again(self, item: Item) -> bool:
        """Wait for a file as if it had just changed; return False if it was removed."""
        state = FileState.of(item.name)
        if state is not None:
            self._seen[item.name] = (state, time.monotonic())
        return state is not None

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        try:
            entries = list(os.scandir(self.path))
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be listed ({error.strerror}); name the folder of the frames"
            ) from error
        for entry in entries:
            if entry.name[0] != "." and fnmatch.fnmatch(entry.name, self.pattern):
                yield entry

    def _state(self, entry: os.DirEntry[str]) -> FileState | None:
        """State of what may hold frames; None of folders, the table, and what has gone."""
        try:
            if not entry.is_file():
                return None
            if self._ignore and os.path.samefile(entry.path, self._ignore):
                return None
            stat = entry.stat()
        except OSError:  # renamed or removed since it was listed
            return None
        # Size and time together: a writer may change bytes without changing the size.
        return FileState(stat.st_size, stat.st_mtime_ns)

    def _was_changed(self, name: str, state: FileState, since: float | None) -> bool:
        """Whether a file that is done has changed: in this run, or between two runs."""
        known = self._recent.get(name)
        if known is not None:
            return known[0] != state
        return since is not None and state.time / 1e9 > since

    def _resting_since(self, name: str, state: FileState, now: float) -> float:
        """When a file was first seen in this state; a change teaches how long writers pause."""
        before, begin = self._seen.get(name, (state, now))
        if before == state:
            return begin
        self._pause = max(self._pause, min(now - begin, LONGEST_PAUSE))
        return now

    def _is_complete(self, name: str, state: FileState, rested: float) -> bool:
        # Twice the longest pause seen so far: writers of one folder behave alike.
        rest = self.settle if self._pause < self.settle else 2 * self._pause
        # A file that was old when it was first seen need not be watched for a while.
        old = time.time() - state.time / 1e9 > 10 * rest + 1
        # An empty file was only just created.
        return bool(state.size) and (rested >= rest or old) and not is_being_written(name)


def is_being_written(path: str) -> bool:
    """Whether a process of this machine has a file open for writing; False if that is unknown.

    A read lease is granted only on files that nobody writes (Linux, local file systems, own files).
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # A process that opens it for writing at this instant sends a signal: SIGURG does nothing.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    except OSError as error:
        # Other errors mean that leases do not work here: then nothing is known.
        return error.errno == errno.EAGAIN
    finally:
        os.close(file)
