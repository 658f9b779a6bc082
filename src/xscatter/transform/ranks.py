"""The processes of one run: those that mpiexec or srun started, or this one alone.

Where a wait may be long, it is no call of MPI: those wait at full speed, and would take a core from
a rank that has work. Instead, a rank looks whether something has arrived, and sleeps a little.
"""

import atexit
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from xscatter.core.errors import UserError

# Variables that MPICH, PMIx, Open MPI and MVAPICH set before a process starts.
_RANK = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
# Variables with the number of processes that were started together, by MPI's launchers and srun.
_SIZE = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


class Desk:
    """Hands out tasks, each a part of a job, to one rank each."""

    def __init__(self, jobs: Sequence[int]):
        self._jobs, self._next = jobs, 0
        self._owners: dict[int, int] = {}
        self._lock = threading.Lock()

    def give(self, rank: int) -> tuple[int, int] | None:
        """Return a task that no rank has, and the owner of its job: the first that took a part."""
        with self._lock:
            if self._next == len(self._jobs):
                return None
            self._next += 1
            # The first to take a part of a job owns its file.
            return self._next - 1, self._owners.setdefault(self._jobs[self._next - 1], rank)


class Alone:
    """One process, with the few methods of :class:`Ranks` that the transform calls."""

    rank, size = 0, 1

    def share(self, value: Any) -> Any:
        """Return the value of rank 0, on all ranks."""
        return value

    def collect(self, value: Any) -> list[Any] | None:
        """Return the values of all ranks on rank 0, None on others."""
        return [value]

    def on_node(self, make: Callable[[], Any]) -> Any:
        """Return what `make` returns, made once a node, its arrays in shared memory."""
        return make()

    def begin(self, jobs: Sequence[int]) -> None:
        """Set the tasks, given the job that each is a part of; called by all ranks."""
        self._desk = Desk(jobs)

    def next_task(self) -> tuple[int, int] | None:
        """Return what :meth:`Desk.give` gives this rank."""
        return self._desk.give(self.rank)

    def send(self, rank: int, message: Any) -> None:
        """Send `message` to another rank, without waiting."""

    def received(self) -> list[Any]:
        """Return the messages that have arrived."""
        return []

    def finish(self) -> None:
        """Wait until all messages have arrived."""

    def abort(self, status: int) -> NoReturn:
        """End all ranks at once."""
        sys.exit(status)


class Ranks(Alone):
    """The processes of an MPI job.

    A thread of rank 0 hands out the tasks, whatever else that rank is busy with.
    """

    def __init__(self, mpi: Any) -> None:
        self._mpi, self._comm = mpi, mpi.COMM_WORLD
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._sent: list[Any] = []

    def _meet(self) -> None:
        """Wait for all ranks."""
        arrived = self._comm.Ibarrier()
        while not arrived.Test():
            time.sleep(0.002)

    def share(self, value: Any) -> Any:
        """Return the value of rank 0, on all ranks."""
        # A sleeping barrier first, because bcast itself waits at full speed.
        self._meet()
        return self._comm.bcast(value, root=0)

    def collect(self, value: Any) -> list[Any] | None:
        """Return the values of all ranks on rank 0, None on others."""
        return self._comm.gather(value, root=0)

    def on_node(self, make: Callable[[], Any]) -> Any:
        """Return what `make` returns, made once a node, its arrays in shared memory."""
        node = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        buffers: list[pickle.PickleBuffer] = []
        first = node.Get_rank() == 0
        # Protocol 5 keeps the arrays apart from the rest, so that they can go to shared memory.
        content = pickle.dumps(make(), protocol=5, buffer_callback=buffers.append) if first else b""
        sizes = [buffer.raw().nbytes for buffer in buffers]
        content, sizes = node.bcast((content, sizes), root=0)
        # Each array begins at a multiple of a cache line.
        starts = [sum(-(-size // 64) * 64 for size in sizes[:n]) for n in range(len(sizes) + 1)]
        window = self._mpi.Win.Allocate_shared(starts[-1] if first else 0, 1, comm=node)
        atexit.register(window.Free)  # its arrays are used until then
        memory = memoryview(window.Shared_query(0)[0]).cast("B")
        parts = [memory[start : start + size] for start, size in zip(starts, sizes, strict=False)]
        if first:
            for part, buffer in zip(parts, buffers, strict=True):
                part[:] = buffer.raw()
        node.Barrier()
        # Read-only: all processes of the node see the same memory.
        return pickle.loads(content, buffers=[part.toreadonly() for part in parts])

    def begin(self, jobs: Sequence[int]) -> None:
        """Set the tasks, given the job that each is a part of; called by all ranks."""
        super().begin(jobs)  # the desk of rank 0 is the one that counts
        # A communicator of its own: requests for tasks never mix with blocks.
        self._line, self._closed = self._comm.Dup(), threading.Event()
        if self.rank == 0:
            # Rank 0 calls MPI from its main thread and from the one that serves.
            if self._mpi.Query_thread() < self._mpi.THREAD_MULTIPLE:
                raise UserError(
                    "this MPI library does not let threads call it; run one process, or use "
                    "another library"
                )
            self._server = threading.Thread(target=self._serve, daemon=True)
            self._server.start()

    def _serve(self) -> None:
        status = self._mpi.Status()
        while not self._closed.wait(0.001):
            while (message := self._line.improbe(status=status)) is not None:
                message.recv()
                self._line.send(self._desk.give(status.Get_source()), status.Get_source())

    def next_task(self) -> tuple[int, int] | None:
        """Return what :meth:`Desk.give` of rank 0 gives this rank."""
        if self.rank == 0:
            return self._desk.give(0)
        self._line.send(None, 0)
        while (answer := self._line.improbe(source=0)) is None:
            time.sleep(0.0005)
        return answer.recv()

    def send(self, rank: int, message: Any) -> None:
        """Send `message` to another rank, without waiting."""
        self._sent = [request for request in self._sent if not request.test()[0]]
        self._sent.append(self._comm.isend(message, rank))

    def received(self) -> list[Any]:
        """Return the messages that have arrived."""
        messages = []
        while (message := self._comm.improbe()) is not None:
            messages.append(message.recv())
        return messages

    def finish(self) -> None:
        """Wait until all messages have arrived; called by all ranks."""
        everyone = None
        while everyone is None or not everyone.Test():
            self.received()  # blocks of shards that were given up
            self._sent = [request for request in self._sent if not request.test()[0]]
            if everyone is None and not self._sent:
                # Entered when all own messages have left; others may still send to us until they
                # enter.
                everyone = self._comm.Ibarrier()
            time.sleep(0.002)
        self._closed.set()
        if self.rank == 0:
            self._server.join()

    def abort(self, status: int) -> NoReturn:
        """End all ranks at once."""
        sys.stderr.flush()
        # When the job ends, mpiexec drops what it has not passed on of this rank's last messages.
        time.sleep(0.3)
        self._comm.Abort(status)
        sys.exit(status)


def world() -> Alone:
    """Return the ranks of this run. Without MPI, this process alone, with a note on stderr.

    Raises:
        UserError: several processes were started that do not know of each other: each would do all
            the work.
    """
    rank = next((os.environ[name] for name in _RANK if os.environ.get(name)), None)
    if rank is None:
        _insist_on(1)
        print(
            "one process; `mpiexec -n N xscatter transform ...` shares the work among N",
            file=sys.stderr,
        )
        return Alone()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # not installed, or without a library of MPI
        # Otherwise every process of mpiexec would do all the work.
        if rank != "0":
            sys.exit(0)
        reason = str(error).splitlines()[0]
        print(
            f"MPI cannot be used ({reason}): one process does all the work; install xscatter[mpi]",
            file=sys.stderr,
        )
        return Alone()
    ranks = Ranks(MPI)
    _insist_on(ranks.size)
    return ranks


def _insist_on(size: int) -> None:
    """Refuse to work when more processes were started together than know of each other."""
    started = max((int(os.environ.get(name) or 1) for name in _SIZE), default=1)
    if size > 1 or started == 1:
        return
    if os.environ.get("SLURM_PROCID", "0") != "0":
        sys.exit(2)  # one process says it for all
    raise UserError(
        f"{started} processes were started, but MPI sees one in each: this MPI library and the "
        "launcher do not fit; try `srun --mpi=pmi2`, or the mpiexec of the library, or one process"
    )
