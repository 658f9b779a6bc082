"""Serve a driver: `python -m xscatter.forkserver.serve FD` forks a child for each request.

A request comes over the socket FD with a socket of its own, which is told the number of the child
and, when the child has ended, its return code as :class:`subprocess.Popen` counts it. When the
driver has gone, children that run still end their work, as commands of a killed `snakemake` do, and
then the server ends.
"""

import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress

from xscatter.forkserver import child


def main(descriptor: int) -> None:
    """Answer requests until the other end of the socket is closed and no child runs."""
    control = socket.socket(fileno=descriptor)
    # Ctrl-C reaches children too: the server has to report how they end.
    heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended, end = socket.socketpair()
    for side in (ended, end):
        side.setblocking(False)
    signal.set_wakeup_fd(end.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child.load(("simulate", "transform", "pack"))
    running: dict[int, socket.socket] = {}
    wait = selectors.DefaultSelector()
    wait.register(control, selectors.EVENT_READ)
    wait.register(ended, selectors.EVENT_READ)
    asked = True
    while asked or running:
        for key, _ in wait.select():
            if key.fileobj is control:
                asked = _answer(control, running, heard)
                if not asked:
                    wait.unregister(control)
            else:
                ended.recv(4096)
                _report(running)


def _answer(control: socket.socket, running: dict[int, socket.socket], heard: bool) -> bool:
    """Start the child of one request; return False if the driver has gone."""
    message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 1)
    if not message:
        return False
    request = json.loads(message)
    answer = socket.socket(fileno=descriptors[0])
    number = child.start(
        request["arguments"],
        request["environment"],
        request["log"],
        ignored=[signal.SIGINT] if heard else [],
    )
    running[number] = answer
    _tell(answer, number)
    return True


def _report(running: dict[int, socket.socket]) -> None:
    """Tell how the children ended that have ended."""
    while running:
        number, status = os.waitpid(-1, os.WNOHANG)
        if not number:
            return
        answer = running.pop(number)
        _tell(answer, os.waitstatus_to_exitcode(status))
        answer.close()


def _tell(answer: socket.socket, number: int) -> None:
    with suppress(OSError):  # the driver has gone
        answer.sendall(f"{number}\n".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
