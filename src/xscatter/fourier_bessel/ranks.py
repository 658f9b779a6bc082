"""The processes of one run: those that mpiexec or srun started, or this one alone."""

import os
import sys
import time
from typing import Any, NoReturn

_RANK = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")


class Alone:
    """One process, with the few methods of :class:`Ranks` that the transform calls."""

    rank, size = 0, 1

    def __init__(self) -> None:
        self._next = 0

    def share(self, value: Any) -> Any:
        """The value that rank 0 gives."""
        return value

    def collect(self, value: Any) -> list[Any] | None:
        """The values of all ranks, on rank 0."""
        return [value]

    def next_task(self) -> int:
        """0, 1, 2, ... : every number goes to one rank."""
        self._next += 1
        return self._next - 1

    def send(self, rank: int, message: Any) -> None:
        """Send without waiting; never called for the own rank."""

    def received(self) -> list[Any]:
        """Messages that have arrived."""
        return []

    def finish(self) -> None:
        """Wait until all that was sent has arrived."""

    def abort(self, status: int) -> NoReturn:
        """End all ranks at once."""
        sys.exit(status)


class Ranks(Alone):
    """The processes of an MPI job. Tasks are handed out by a counter that lies with rank 0."""

    def __init__(self, mpi: Any) -> None:
        import numpy as np

        self._mpi, self._comm = mpi, mpi.COMM_WORLD
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._window = mpi.Win.Allocate(8 if self.rank == 0 else 0, 8, comm=self._comm)
        if self.rank == 0:
            np.frombuffer(self._window.tomemory(), np.int64)[:] = 0
        self._comm.Barrier()
        self._sent: list[Any] = []

    def share(self, value: Any) -> Any:
        """The value that rank 0 gives."""
        return self._comm.bcast(value, root=0)

    def collect(self, value: Any) -> list[Any] | None:
        """The values of all ranks, on rank 0."""
        return self._comm.gather(value, root=0)

    def next_task(self) -> int:
        """The next number, from the counter of rank 0."""
        import numpy as np

        one, found = np.ones(1, np.int64), np.zeros(1, np.int64)
        self._window.Lock(0, self._mpi.LOCK_SHARED)
        self._window.Fetch_and_op(one, found, 0, 0, self._mpi.SUM)
        self._window.Unlock(0)
        return int(found[0])

    def send(self, rank: int, message: Any) -> None:
        """Send without waiting."""
        self._sent = [request for request in self._sent if not request.test()[0]]
        self._sent.append(self._comm.isend(message, rank))

    def received(self) -> list[Any]:
        """Messages that have arrived."""
        # Looking for messages also lets MPI answer the other ranks' calls for a task.
        messages = []
        while (message := self._comm.improbe()) is not None:
            messages.append(message.recv())
        return messages

    def finish(self) -> None:
        """Wait until all that was sent has arrived; called by all ranks."""
        for request in self._sent:
            request.wait()
        # Calls that all ranks make together wait at full speed; a core that has nothing to do is left to others.
        arrived = self._comm.Ibarrier()
        while not arrived.Test():
            time.sleep(0.002)
        self._window.Free()

    def abort(self, status: int) -> NoReturn:
        """End all ranks at once."""
        sys.stderr.flush()
        self._comm.Abort(status)
        sys.exit(status)


def world() -> Alone:
    """The ranks of this run. Without MPI it is this process alone, which is said on stderr."""
    rank = next((os.environ[name] for name in _RANK if os.environ.get(name)), None)
    if rank is None:
        print("one process; `mpiexec -n N xscatter transform ...` shares the work among N", file=sys.stderr)
        return Alone()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # not installed, or without a library of MPI
        if rank != "0":
            sys.exit(0)
        reason = str(error).splitlines()[0]
        print(f"MPI cannot be used ({reason}): one process does all the work; install xscatter[mpi]", file=sys.stderr)
        return Alone()
    return Ranks(MPI)
