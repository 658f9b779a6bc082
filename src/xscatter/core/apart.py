"""Checks that may crash or never end run in processes of their own.

HDF5 crashes on some damaged files, and loops for ever on others. A process that dies, or that takes
far longer than its file can need, costs the answer for that file only.
"""

import faulthandler
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

# Processor seconds count, not the time on the clock: a slow file system is no damage.
SECONDS, BYTES_PER_SECOND = 20, 5e6
_STUCK = 30  # times as long on the clock: nothing on the disk answers


class Check(Protocol):
    """One check of one file."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    def run(self) -> Any:
        """Return what is wrong."""

    def gave_up(self, why: str) -> Any:
        """Return what to say when the check itself died or never ended."""


def each(checks: Sequence[Check], processes: int = 1) -> Iterator[tuple[int, Any]]:
    """Yield the number of each check and its result, in the order in which they end.

    Args:
        checks: what to run; a failure in one does not touch the others.
        processes: how many run at a time.
    """
    context = multiprocessing.get_context("fork")
    # Started before the first check: a process that reads HDF5 should not be forked.
    workers = [_Worker(context) for _ in range(min(processes, len(checks)))]
    try:
        waiting = list(enumerate(checks))[::-1]
        for worker in workers:
            worker.give(*waiting.pop())
        while busy := [worker for worker in workers if worker.busy]:
            wait([worker.pipe for worker in busy], timeout=1)
            for worker in busy:
                if (done := worker.result()) is not None:
                    yield done
                    if waiting:
                        worker.give(*waiting.pop())
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process that runs checks one after another, and is replaced when it dies."""

    def __init__(self, context: Any):
        self._context, self.busy = context, False
        self._number, self._until = 0, 0.0
        self._check: Any = None
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, os.getpid()), daemon=True
        )
        self._process.start()
        theirs.close()

    def give(self, number: int, check: Any) -> None:
        self._number, self._check, self.busy = number, check, True
        self._seconds = SECONDS + check.size / BYTES_PER_SECOND
        self._until = time.monotonic() + _STUCK * self._seconds
        with suppress(OSError):  # a process that is dead already is noticed by result()
            self.pipe.send((check.run, self._seconds))

    def result(self) -> tuple[int, Any] | None:
        """Return number and result of the check when it has ended, else None."""
        try:
            if self.pipe.poll():
                self.busy = False
                failed, value = self.pipe.recv()
                if failed:
                    raise value
                return self._number, value
        except (EOFError, ConnectionError):
            return self._replace()
        return self._replace() if time.monotonic() > self._until else None

    def _replace(self) -> tuple[int, Any]:
        late = time.monotonic() > self._until
        if late:
            self._process.kill()
        self._process.join()
        endless = late or self._process.exitcode == -signal.SIGXCPU
        why = "never ends" if endless else "crashes"
        self.busy = False
        self.pipe.close()
        self._start()
        return self._number, self._check.gave_up(why)

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, parent: int) -> None:
    """Run what comes through `pipe`, each within its processor seconds."""
    # Ctrl-C reaches all processes of a terminal; only the first reports it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A crash is an answer here, and not worth a dump.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    while True:
        # The pipe stays open when the parent is killed, since other workers have it, too.
        while not pipe.poll(5):
            if os.getppid() != parent:
                return
        run, seconds = pipe.recv()
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + seconds) + 1
        if most == resource.RLIM_INFINITY or limit < most:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, most))
        try:
            answer = False, run()
        except Exception as error:
            answer = True, error
        pipe.send(answer)
