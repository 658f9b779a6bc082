"""A folder that one process at a time works in, on any host and without file locks.

Many shared file systems refuse file locks, or keep them on one host only. A lease is a small file
beside the results instead: it says who holds it, and its holder touches it regularly. A lease is
dead when its process has ended, which can be asked on the same host, or when nobody touched it for
a while by the clock of the file system, which no clock of a host can upset.
"""

import getpass
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RENEWED = 15.0  # seconds between two signs of life
DEAD = 120.0  # seconds without one after which a lease of another host is dead


@dataclass(frozen=True)
class Holder:
    """The process that holds a lease.

    Attributes:
        host: its name.
        space: boot and process namespace of the host: process numbers mean something inside only.
        user: name of the user.
        process: number of the process.
        started: when that process started, in ticks of the kernel since it booted.
        since: when it took the lease, as text.
        token: tells two leases of one process apart.
    """

    host: str
    space: str
    user: str
    process: int
    started: str
    since: str
    token: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} (user {self.user}, since {self.since})"


class Lease:
    """A lease that this process holds; made by :func:`take`.

    Args:
        path: its file.
        holder: this process.
        lost: called when another process has taken the lease over, which happens only to a process
            that was stopped for minutes.
    """

    def __init__(self, path: Path, holder: Holder, lost: Callable[[], None] | None = None):
        self.path, self.holder, self._lost = path, holder, lost
        self._ended = threading.Event()
        threading.Thread(target=self._renew, daemon=True).start()

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED):
            now = read(self.path)
            if now is not None and now.token != self.holder.token:
                if self._lost:
                    self._lost()
                return
            # A file system that is away for a moment: the next sign of life will do.
            with suppress(OSError):
                os.utime(self.path)

    def release(self) -> None:
        """Give the lease back."""
        self._ended.set()
        now = read(self.path)
        if now is not None and now.token == self.holder.token:
            with suppress(OSError):
                self.path.unlink()


def take(path: Path, lost: Callable[[], None] | None = None) -> Lease | Holder:
    """Take the lease `path`, also from a dead process; return who holds it if a living one does.

    Args:
        path: file of the lease; its folder is made.
        lost: see :class:`Lease`.

    Raises:
        OSError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "lease.json"
        >>> first = take(path)
        >>> print(isinstance(take(path), Holder))
        True
        >>> first.release()
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    me = _myself()
    part = path.with_name(f".{path.name}.{me.token}")
    part.write_text(json.dumps(asdict(me)))
    try:
        while True:
            # A link fails where the name exists, on network file systems, too.
            with suppress(FileExistsError):
                os.link(part, path)
                return Lease(path, me, lost)
            seen = read(path)
            if seen is not None and _lives(seen, path):
                return seen
            _remove_dead(path, seen, me.token)
    finally:
        part.unlink(missing_ok=True)


def wait_for(path: Path, lost: Callable[[], None] | None = None) -> Lease | Holder:
    """Take the lease `path`; if it is one of another host, wait until it may count as dead.

    Args:
        path: see :func:`take`.
        lost: see :class:`Lease`.
    """
    end = time.monotonic() + DEAD + RENEWED
    while True:
        taken = take(path, lost)
        # On this host a dead process is known at once.
        if isinstance(taken, Lease) or taken.space == _space() or time.monotonic() > end:
            return taken
        time.sleep(RENEWED / 3)


def living(path: Path) -> Holder | None:
    """Return the living process that holds the lease `path`; None: there is none."""
    holder = read(path)
    return holder if holder is not None and _lives(holder, path) else None


def read(path: Path) -> Holder | None:
    """Return who is named in the file of a lease; None: there is no such file, or it is damaged."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _lives(holder: Holder, path: Path) -> bool:
    if holder.space == _space():
        return _runs(holder)
    return _age(path) < DEAD


def _remove_dead(path: Path, dead: Holder | None, token: str) -> None:
    """Remove the lease of a dead process, but not one that was taken just now."""
    aside = path.with_name(f".{path.name}.{token}.dead")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    after = read(aside)
    if after is not None and (dead is None or after.token != dead.token):
        # Another process was quicker, and this was its lease: put it back.
        with suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink(missing_ok=True)


def _myself() -> Holder:
    return Holder(
        platform.node(),
        _space(),
        _user(),
        os.getpid(),
        _started(os.getpid()) or "",
        datetime.now(UTC).isoformat(" ", "seconds"),
        secrets.token_hex(8),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without an entry for this user
        return str(os.getuid())


def _space() -> str:
    """Return what tells hosts, and containers on one host, apart."""
    names = [platform.node()]
    with suppress(OSError):
        names.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        names.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return " ".join(names)


def _runs(holder: Holder) -> bool:
    # Numbers of processes are used again; the time of the start tells them apart.
    return _started(holder.process) == holder.started


def _started(process: int) -> str | None:
    """Return when a process of this host started; None: it does not run, or is a zombie."""
    try:
        # The name of the program, in brackets, may hold spaces.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _age(path: Path) -> float:
    """Return the seconds since the last sign of life, by the clock of the file system."""
    mark = path.with_name(f".{path.name}.{secrets.token_hex(4)}.now")
    try:
        mark.touch()
        return mark.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return DEAD
    except OSError:
        # A folder that cannot be written: the clock of this host has to do.
        return time.time() - path.stat().st_mtime
    finally:
        mark.unlink(missing_ok=True)
