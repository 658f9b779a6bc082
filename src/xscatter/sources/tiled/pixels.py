"""Read the frames of an array: a few with one request, each treated like one from a file."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from xscatter.frames import Frame, Unreadable
from xscatter.sources.metadata import DescribedFrames
from xscatter.sources.source import AwayError
from xscatter.sources.tiled.client import MissingNodeError, Node, Server
from xscatter.sources.tiled.tables import read_columns

_FETCHED = 16  # frames of one request, if they are no larger than
_BYTES = 2**25
_EVENTS = "internal"  # the table in which Bluesky's writer keeps numbers of events


class ArrayPixels:
    """The frames of an array, by their numbers.

    Args:
        server: with the array.
        node: the array.
        read: options of :func:`xscatter.frames.read`.
        before: the same array before frames were added to it, whose facts remain true.
    """

    def __init__(
        self,
        server: Server,
        node: Node,
        read: Mapping[str, Any],
        before: "ArrayPixels | None" = None,
    ):
        self._server, self._node, self._read = server, node, dict(read)
        self._around: list[Mapping[str, Any]] | None = None
        self._described: DescribedFrames | None = None
        if before and before._node.facts == node.facts:
            self._around = before._around

    def blocks(self, part: range) -> list[range]:
        """Divide a part into what one request fetches: along the last axis of frames alone."""
        shape, dtype = self._node.shape, self._node.dtype
        size = shape[-2] * shape[-1] * (dtype.itemsize if dtype else 1)
        most = int(np.clip(_BYTES // size, 1, _FETCHED))
        row = shape[-3] if len(shape) > 2 else 1
        blocks, begin = [], part.start
        while begin < part.stop:
            end = min(begin + most, part.stop, (begin // row + 1) * row)
            blocks.append(range(begin, end))
            begin = end
        return blocks

    def fetch(self, block: range) -> np.ndarray:
        """Return the frames of a block, (n, rows, cols), as they are stored.

        Raises:
            AwayError: the server does not send them.
        """
        if self._described is None:
            self._described = self._facts()
        shape, query = self._node.shape, {}
        if len(shape) > 2:
            *outer, first = np.unravel_index(block.start, shape[:-2])
            query["slice"] = ",".join([*map(str, outer), f"{first}:{first + len(block)}", ":", ":"])
        answer = self._server.request(
            "GET", "array/full", self._node.path, query, {"Accept": "application/octet-stream"}
        )
        try:
            return np.frombuffer(answer.content, self._node.dtype).reshape(len(block), *shape[-2:])
        except ValueError:
            where = self._server.name(self._node.path)
            raise AwayError(f"{where}: sends frames of another size than it names") from None

    def frames(self, block: range, data: np.ndarray) -> Iterator[Frame | Unreadable]:
        """Yield the frames of a block.

        Args:
            block: their numbers.
            data: as :meth:`fetch` returns them.
        """
        yield from (self._described or self._facts()).read(block, data, self._read)

    def _facts(self) -> DescribedFrames:
        node, server = self._node, self._server
        if self._around is None:
            ends = range(len(node.path) - 1, 0, -1)
            self._around = [server.node(node.path[:end]).metadata for end in ends]
        # Of a run that has ended: before, the table of its events may lack some, or not be there.
        times = self._event_times() if any(one.get("stop") for one in self._around) else None
        shape = (node.count, node.shape[-2], node.shape[-1])
        return DescribedFrames(server.name(node.path), shape, [node.metadata, *self._around], times)

    def _event_times(self) -> np.ndarray | None:
        """Times of the events of a Bluesky run, from the table beside the array; None: no table."""
        path = (*self._node.path[:-1], _EVENTS)
        try:
            rows = read_columns(self._server, path, ["time"])
        except MissingNodeError:
            return None
        return np.array([row["time"] for row in rows], float)
