"""Hear of new frames as soon as they are written: Tiled's subscription over a websocket.

A message is a bell, no more: the server sends it before the data are stored, and none of those that
nobody heard. What is there is always asked from the server, so that a message that is lost delays a
frame, and never loses one.
"""

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from xscatter.sources.tiled.client import Node, Server

MOST = 8  # nodes to which there is a connection at the same time
_RETRY = 60.0  # seconds until a connection that failed is tried again


@dataclass(frozen=True)
class NodeChange:
    """A message about a node.

    Attributes:
        path: of the node.
        first: number of the first frame that is written; None: not known.
        last: number after the last one.
    """

    path: tuple[str, ...]
    first: int | None = None
    last: int = 0


class Bell:
    """Messages about the nodes that are followed.

    Args:
        server: which may offer none; then there never is a message.
    """

    def __init__(self, server: Server):
        self._server = server
        self._rung = threading.Event()
        self._changes: SimpleQueue[NodeChange] = SimpleQueue()
        self._lines: dict[tuple[str, ...], _Line] = {}

    def listen(self, nodes: Iterable[Node]) -> None:
        """Be told of changes of these nodes, and no longer of others."""
        wanted = {node.path: node for node in nodes}
        for path in [path for path in self._lines if path not in wanted]:
            self._lines.pop(path).stop()
        for path, node in wanted.items():
            line = self._lines.get(path)
            # A node that was deleted and written again has another channel.
            if line is not None and line.identity != node.identity:
                self._lines.pop(path).stop()
                line = None
            if line is None:
                self._lines[path] = _Line(self._server, node, self._ring)
            else:
                line.revive()

    @property
    def connected(self) -> bool:
        """Whether every node that is followed is connected."""
        return bool(self._lines) and all(line.alive for line in self._lines.values())

    def wait(self, seconds: float) -> None:
        """Wait until there is a message, or for so many seconds."""
        self._rung.wait(seconds)

    def changes(self) -> list[NodeChange]:
        """Return the messages since the last call."""
        self._rung.clear()
        return [self._changes.get() for _ in range(self._changes.qsize())]

    def _ring(self, change: NodeChange) -> None:
        self._changes.put(change)
        self._rung.set()


class _Line:
    """The connection about one node, in a thread of its own, since it blocks."""

    def __init__(self, server: Server, node: Node, ring: Any):
        self.identity = node.identity
        self._server, self._node, self._ring = server, node, ring
        self._failed = 0.0
        self._connect()

    def _connect(self) -> None:
        from tiled.client.stream import ArraySubscription, ContainerSubscription

        array = self._node.family == "array"
        kind = ArraySubscription if array else ContainerSubscription
        self._subscription = kind(self._server.context, list(self._node.path))
        registry = self._subscription.new_data if array else self._subscription.child_created
        registry.add_callback(self._heard)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # The server may offer none, or refuse: then it is asked now and then.
        with suppress(Exception):
            # The messages hold whole frames: no limit to their size.
            self._subscription.start(max_size=None)
        self._failed = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether it is connected."""
        return self._thread.is_alive() and self._subscription._connected_event.is_set()

    def revive(self) -> None:
        """Connect again after a while."""
        if not self._thread.is_alive() and time.monotonic() - self._failed > _RETRY:
            self._connect()

    def stop(self) -> None:
        """Disconnect, without waiting for the server."""
        threading.Thread(target=self._subscription.disconnect, daemon=True).start()

    def _heard(self, update: Any) -> None:
        self._ring(_change(self._node, update))


def _change(node: Node, update: Any) -> NodeChange:
    """The frames that a message is about: a patch, a block, or all of an array."""
    patch = getattr(update, "patch", None)
    offset = getattr(update, "offset", None) or getattr(patch, "offset", None)
    shape = getattr(patch, "shape", None) or getattr(update, "shape", None)
    block = getattr(update, "block", None)
    if not shape:
        return NodeChange(node.path)
    if len(node.shape) < 3:
        return NodeChange(node.path, 0, 1)
    # Frames of one entry of the first axis.
    each = max(node.count // max(node.shape[0], 1), 1)
    first = offset[0] if offset else sum(node.steps[: block[0]]) if block else 0
    external = offset is None and block is None and getattr(update, "data_source", None) is not None
    if external:
        return NodeChange(node.path)
    rows = shape[0] if len(shape) == len(node.shape) else 1
    return NodeChange(node.path, first * each, (first + rows) * each)
