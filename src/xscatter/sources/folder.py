"""Files that appear in a folder, each handed out when it is complete.

Nothing says when a file is complete, so four signs must agree: its size and time, and those of the
files that it links to, have not changed for a while, and for longer than the longest pause that any
file of the folder has made so far; no process of this machine has it open for writing; it can be
read; and after it was read it is as it was before. A file that is in another state than when it was
done is handed out again, however late. Only the clock of this machine tells how long a file has
rested: servers have other clocks, and copies the times of their originals.
"""

import contextlib
import errno
import fcntl
import fnmatch
import hashlib
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from xscatter.frames import Frame, Unreadable
from xscatter.frames.links import linked_files
from xscatter.frames.reading import read, read_each
from xscatter.sources.source import AwayError, Batch, Item, Memory, Source, SourceOptions

SCHEME = "folder"

LONGEST_PAUSE = 60.0  # seconds: a longer one is no pause, the file was changed
_RECENT = 600.0  # seconds for which a file that is done is looked at every time
_SWEEP = 30.0  # seconds between two looks at all files that are done
_LOOK = 0.2  # seconds between two looks at a folder in which nothing is ready
_EMPTY = 60.0  # seconds after which an empty file is no longer taken for one just created
_DATA_FILE = re.compile(r"_data_\d+\.(h5|hdf5?|nxs)$")  # Eiger's, to which a master file links
_MASTER_COMES = 60.0  # seconds for which such a file waits for its master file


def connect(address: str, options: SourceOptions) -> Source:
    """Follow the folder at `address`.

    Raises:
        AwayError: it cannot be listed.
    """
    path = Path(address)
    folder = Folder(path, options.pattern, options.settle, options.read, options.recursive)
    folder.check()
    return folder


class FileState(NamedTuple):
    """Size and time of a file, which differ when it has changed.

    Attributes:
        size: in bytes.
        time: nanoseconds since 1970.
        linked: the same of the files that it takes data from, as one text; "": there are none.
    """

    size: int
    time: int
    linked: str = ""

    @classmethod
    def of(cls, path: str, linked: tuple[str, ...] = ()) -> "FileState | None":
        """Return the state of a file now; None where there is none.

        Args:
            path: the file.
            linked: files that it takes data from, which may be missing.
        """
        try:
            stat = os.stat(path)
        except OSError:
            return None
        # Size and time together: a writer may change bytes without changing the size.
        own = cls(stat.st_size, stat.st_mtime_ns)
        if not linked:
            return own
        states = repr([(name, cls.of(name)) for name in linked])
        return own._replace(linked=hashlib.blake2b(states.encode(), digest_size=8).hexdigest())

    def __str__(self) -> str:
        return f"{self.size}-{self.time}" + f"-{self.linked}" * bool(self.linked)


class _Waiting(NamedTuple):
    """A file that is not done.

    Attributes:
        state: its state.
        since: when it came into it; monotonic, as all times here.
        begin: from when on it must rest: `since`, or the last attempt to read it.
        old: it was there at the first look, and had rested for long.
    """

    state: FileState
    since: float
    begin: float
    old: bool = False


@dataclass
class Folder:
    """New files of a folder.

    Attributes:
        path: the folder.
        pattern: of names, such as ``*.cbf``; names that begin with a dot are left out.
        settle: seconds, at least, for which size and time of a file must not change.
        read: options of :func:`xscatter.frames.read`.
        recursive: also search the folders in it.
    """

    path: Path
    pattern: str = "*"
    settle: float = 1.0
    read: Mapping[str, Any] = field(default_factory=dict)
    recursive: bool = False
    _memory: Memory | None = None
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _recent: dict[str, tuple[str, float]] = field(default_factory=dict)  # done: state and when
    # The files that one takes data from, and its state when these were looked up.
    _links: dict[str, tuple[FileState, tuple[str, ...]]] = field(default_factory=dict)
    _pause: float = 0.0  # the longest that a file rested before it grew further
    _next_look: float = 0.0
    _next_sweep: float = 0.0
    _first: bool = True

    def check(self) -> None:
        """Check that the folder can be listed; raise AwayError otherwise."""
        next(self._entries(), None)

    def resume(self, memory: Memory) -> None:
        """Leave out files that `memory` holds in the state that they are in now."""
        self._memory = memory
        self._next_look = self._next_sweep = 0.0

    def wait(self) -> Batch:
        """Return the files at rest that are not done, or have changed since; oldest first."""
        time.sleep(max(self._next_look - time.monotonic(), 0))
        now, undone = time.monotonic(), dict[str, FileState]()
        self._recent = {n: known for n, known in self._recent.items() if now - known[1] < _RECENT}
        sweep = now >= self._next_sweep
        links = {} if sweep else self._links  # forgets those of files that are gone
        for entry in self._entries():
            name, done = entry.path, self._done_as(entry.path)
            # Without a look at the state of most files: there may be a million of them.
            if done and not sweep and name not in self._recent and name not in self._waiting:
                continue
            state = self._state(name) if self._may_hold_frames(entry) else None
            if state is not None and str(state) != done:
                undone[name] = state
            if name in self._links and (self._links[name][1] or name in undone):
                links[name] = self._links[name]
        self._links = links
        ready, changing = self._at_rest(undone, now)
        looked = time.monotonic() - now
        if sweep:
            self._next_sweep = now + max(_SWEEP, 20 * looked)
        if not ready:
            # A folder of a million files takes long to list: look at it a tenth of the time.
            self._next_look = now + looked + max(min(_LOOK, self.settle), 10 * looked)
        self._first = False
        return Batch(ready, changing)

    def frames(self, item: Item) -> Iterator[Frame | Unreadable]:
        """Yield the frames of a file."""
        return read_each(item.name, **self.read)

    def frame(self, name: str, index: int) -> Frame:
        """Read one frame of a file again.

        Args:
            name: of the file.
            index: number of the frame.
        """
        return read(name, index, **self.read)

    def done(self, item: Item) -> bool:
        """Remember in which state a file was done; return False if that is no longer its state."""
        if self._state(item.name) != item.version:
            return False
        self._waiting.pop(item.name, None)
        self._recent[item.name] = (str(item.version), time.monotonic())
        return True

    def close(self) -> None:
        """Do nothing: a folder holds no connection."""

    def again(self, item: Item) -> bool:
        """Wait for a file as if it had just changed; return False if it was removed."""
        state, now = self._state(item.name), time.monotonic()
        if state is None:
            return False
        known = self._waiting.get(item.name)
        since = known.since if known and known.state == state else now
        self._waiting[item.name] = _Waiting(state, since, now)
        return True

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        try:
            folders = [list(os.scandir(self.path))]
        except OSError as error:
            raise AwayError(
                f"{self.path}: cannot be listed ({error.strerror}); name the folder of the frames"
            ) from error
        while folders:
            for entry in folders.pop():
                if entry.name[0] == ".":
                    continue
                if fnmatch.fnmatch(entry.name, self.pattern):
                    yield entry
                # Links to folders may form a ring.
                if self.recursive and entry.is_dir(follow_symlinks=False):
                    with contextlib.suppress(OSError):  # removed since it was listed
                        folders.append(list(os.scandir(entry.path)))

    def _may_hold_frames(self, entry: os.DirEntry[str]) -> bool:
        """Whether it is a file, and not the table of the service in the same folder."""
        try:
            own = self._memory and self._memory.path
            if own and own.name == entry.name and os.path.samefile(entry.path, own):
                return False
            return entry.is_file()
        except OSError:  # renamed or removed since it was listed
            return False

    def _done_as(self, name: str) -> str | None:
        """Text of the state in which a file was done, or None."""
        if name in self._recent:
            return self._recent[name][0]
        return self._memory.state(name) if self._memory else None

    def _state(self, name: str) -> FileState | None:
        """State of a file and of those that it links to."""
        own = FileState.of(name)
        if own is None or str(own) == self._done_as(name):
            return own
        looked, paths = self._links.get(name, (None, ()))
        state = FileState.of(name, paths)
        if state != looked:
            # Its links may have changed, too.
            paths = linked_files(name)
            state = FileState.of(name, paths)
            if state is not None:
                self._links[name] = (state, paths)
        return state

    def _at_rest(self, undone: dict[str, FileState], now: float) -> tuple[list[Item], int]:
        """The files that can be handed out, and the number of those that cannot yet."""
        # Data files are handed out with the file that links to them.
        parts = {os.path.realpath(path) for _, paths in self._links.values() for path in paths}
        before, self._waiting = self._waiting, {}  # forgets files that were renamed or removed
        ready, changing = list[tuple[int, Item]](), 0
        for name, state in undone.items():
            if parts and os.path.realpath(name) in parts:
                continue
            one = self._waiting[name] = self._followed(before.get(name), state, now)
            if self._is_complete(name, one, now):
                modified = time.time() - (now - one.since)
                ready.append((state.time, Item(name, modified, state)))
            else:
                changing += 1
        ready.sort(key=lambda pair: (pair[0], pair[1].name))
        return [item for _, item in ready], changing

    def _followed(self, before: _Waiting | None, state: FileState, now: float) -> _Waiting:
        """Return what is known of a file now; a change teaches how long writers pause."""
        if before is not None and before.state == state:
            return before
        if before is not None:
            self._pause = max(self._pause, min(now - before.begin, LONGEST_PAUSE))
        elif self._first:
            # Later, a file of old time may be a copy that is still being written.
            age = time.time() - state.time / 1e9
            if age > 10 * self._rest + 1:
                return _Waiting(state, now - age, now - age, old=True)
        return _Waiting(state, now, now)

    @property
    def _rest(self) -> float:
        # Twice the longest pause seen so far: writers of one folder behave alike.
        return self.settle if self._pause < self.settle else 2 * self._pause

    def _is_complete(self, name: str, one: _Waiting, now: float) -> bool:
        rested = now - one.begin
        if not one.old:
            if rested < self._rest or (not one.state.size and rested < _EMPTY):
                return False
            if _DATA_FILE.search(name) and now - one.since < _MASTER_COMES:
                return False
        linked = self._links[name][1] if name in self._links else ()
        return not any(is_being_written(path) for path in (name, *linked))


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
