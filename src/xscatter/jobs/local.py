"""Run the short jobs of a `snakemake --cores N` in forks of one process; see xscatter.forkserver.

Snakemake starts a shell for each job. For the commands of :mod:`xscatter.jobs.commands` it gets a
fork of a server instead, which belongs to this driver alone: a pair of sockets joins them, so that
nobody else can reach it, and it ends when the driver does.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from snakemake.shell import shell

from xscatter.jobs import commands


class ForkedJob:
    """A child of the server, with what Snakemake uses of :class:`subprocess.Popen`."""

    stdout = None

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers.makefile("r")
        answers.close()
        number = self._answers.readline()
        if not number:
            self._answers.close()
            raise ConnectionError("the server has ended")
        self.pid = int(number)
        self.returncode: int | None = None

    def wait(self) -> int:
        """Wait for the end of the child and return its status, as a shell would."""
        with self._answers:
            line = self._answers.readline()
        # A server that dies takes its children with it.
        status = int(line) if line else -signal.SIGKILL
        self.returncode = status if status >= 0 else 128 - status
        return self.returncode

    def terminate(self) -> None:
        """Ask the child to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the child."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


def use_forks() -> None:
    """Let Snakemake's shell run short commands in forks."""
    module: Any = sys.modules[shell.__module__]  # its name is that of the class in it
    module.sp = SimpleNamespace(**{**vars(subprocess), "Popen": _popen})


def _popen(line: str, **options: Any) -> Any:
    """Start a command of Snakemake: in a fork if it can be, else in a shell."""
    command = commands.parse(line)
    environment = options.get("env") or {}
    # The numerical libraries of the server have one thread.
    if command and environment.get("OMP_NUM_THREADS") == "1":
        # The plain start does the same where the server cannot be reached.
        with suppress(OSError):
            return _fork(command, environment)
    return subprocess.Popen(line, **options)


def _fork(command: commands.Command, environment: dict[str, str]) -> ForkedJob:
    global _server
    mine, its = socket.socketpair()
    request = json.dumps(
        {"arguments": command.arguments, "log": command.log, "environment": environment}
    )
    with _guard, its:
        if _server is None:
            _server = _Server(environment)
        try:
            socket.send_fds(_server.control, [request.encode()], [its.fileno()])
        except OSError:
            # The server was killed; the next job starts another one.
            mine.close()
            _server.close()
            _server = None
            raise
    return ForkedJob(mine)


class _Server:
    """The process that forks, and the socket that takes its requests."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "xscatter.forkserver.serve", str(its.fileno())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
            )

    def close(self) -> None:
        """Forget a server that has ended."""
        self.control.close()
        self._process.wait()


_guard = threading.Lock()
_server: _Server | None = None
