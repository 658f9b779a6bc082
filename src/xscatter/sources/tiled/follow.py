"""The frames of a Tiled server as a source: each handed out once, in the order of its array.

What is there is asked from the server again and again: soon after it has rung, and seldom while it
is quiet. The journal of the service tells what is done. After a restart the last frame that is done
is read again: if it differs, the array was overwritten meanwhile, and all are.
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable
from xscatter.sources.source import AwayError, Batch, Item, Memory, Source, SourceOptions
from xscatter.sources.tiled.bell import MOST, Bell, NodeChange
from xscatter.sources.tiled.client import MissingNodeError, Node, Server, open_server
from xscatter.sources.tiled.nodes import Catalog
from xscatter.sources.tiled.pixels import ArrayPixels

_POLL = 0.5  # seconds between two looks
_POLL_CONNECTED = 5.0  # the same where the server rings
_STORED = 0.03  # seconds between two looks for frames that were announced, and are not stored yet
_ANNOUNCED = 5.0  # seconds after which they are no longer expected
_ACTIVE = 60.0  # seconds after its last change in which an array is looked at each time
_IN_TURN = 2  # others that are looked at each time
_ATTEMPTS = 4  # to read frames from a server that answers otherwise


def connect(address: str, options: SourceOptions) -> Source:
    """Follow the node at `address`.

    Raises:
        UserError: it cannot be reached, or holds no frames.
    """
    server, path = open_server(address)
    try:
        return TiledFrames(server, path, options)
    except UserError:
        server.close()
        raise


@dataclass
class _Followed:
    """An array of frames.

    Attributes:
        node: as it was seen last.
        pixels: that reads it.
        together: most frames that are handed out at once.
        known: number of frames that the table knows, of this array or of one before it.
        done: number of frames, from the first on, that are done.
        again: parts of these that have to be read again, and from when on.
        changed: when frames were added last; monotonic, as all times here.
        checked: hash of the last frame that was done before a restart, which is read again.
        announced: until when frames are expected, and the number after the last one.
        due: from when on frames are handed out.
        failures: number of attempts to read its next frames that have failed.
    """

    node: Node
    pixels: ArrayPixels
    together: int
    known: int = 0
    done: int = 0
    again: list[tuple[float, range]] = field(default_factory=list)
    changed: float = 0.0
    checked: str | None = None
    announced: tuple[float, int] = (0.0, 0)
    due: float = 0.0
    failures: int = 0

    @property
    def version(self) -> str:
        """Text that says which array it is.

        If the frame that is checked has changed, its row says so: were the service to stop now, the
        next one would have to read all frames.
        """
        return self.node.identity + " (read again)" * (self.checked is not None)

    @property
    def end(self) -> int:
        """Number after the last frame to hand out: also those that the table knows and are gone."""
        return max(self.node.count, self.known)

    def part(self) -> tuple[range, bool] | None:
        """The frames to hand out next, and whether they were done before."""
        now = time.monotonic()
        if self.due > now:
            return None
        if self.again and self.again[0][0] <= now:
            return self.again[0][1], True
        if self.done < self.end:
            return range(self.done, min(self.done + self.together, self.end)), False
        return None

    def read_again(self, first: int, last: int, due: float = 0.0) -> None:
        """Hand out frames that are done once more, from a time on."""
        for begin in range(first, min(last, self.done), self.together):
            part = range(begin, min(begin + self.together, last, self.done))
            self.again = [one for one in self.again if one[1] != part] + [(due, part)]


class TiledFrames:
    """New frames of a node, or of the runs in a container.

    Args:
        server: with the node.
        path: of the node.
        options: how to follow it.

    Raises:
        UserError: the node is not there, or never holds frames.
    """

    def __init__(self, server: Server, path: tuple[str, ...], options: SourceOptions):
        self.server, self._options = server, options
        self._catalog = Catalog(server, path, options)
        self._bell = Bell(server)
        self._memory: Memory | None = None
        self._followed: dict[str, _Followed] = {}
        self._out: dict[str, bool] = {}  # what is handed out, and whether it was done before
        self._turn = 0
        self._looked = False
        self._failed: set[str] = set()  # what was handed out, and could not be read

    @property
    def array(self) -> str | None:
        """Address of the array, if the node is one; None: it is a container."""
        root = self._catalog.root
        return self.server.name(root.path) if root.family == "array" else None

    def resume(self, memory: Memory) -> None:
        """Leave out frames that `memory` holds of the arrays that are there now."""
        self._memory = memory

    def wait(self) -> Batch:
        """Return the next frames of each array; wait a moment if there are none.

        Raises:
            AwayError: the server cannot be reached now.
        """
        if not any(followed.part() for followed in self._followed.values()):
            self._bell.wait(self._pause())
        self._look()
        items, changing = [], 0
        self._out = {}
        for name, followed in self._followed.items():
            part = followed.part()
            if part is not None:
                items.append(Item(name, 0.0, followed.version, part[0]))
                self._out[name] = part[1]
            after = part[0].stop if part and not part[1] else followed.done
            changing += bool(followed.again or followed.checked is not None or after < followed.end)
        return Batch(items, changing)

    def frames(self, item: Item) -> Iterator[Frame | Unreadable]:
        """Yield the frames of a part of an array, fetched a few at a time, ahead of their use."""
        followed, part = self._followed[item.name], item.part or range(0)
        pixels, read = followed.pixels, part.start
        self._failed.discard(item.name)
        blocks = pixels.blocks(range(part.start, min(part.stop, followed.node.count)))
        try:
            with ThreadPoolExecutor(1) as pool:
                ahead = [pool.submit(pixels.fetch, block) for block in blocks[:1]]
                for number, block in enumerate(blocks):
                    data = ahead.pop().result()
                    following = blocks[number + 1 : number + 2]
                    ahead += [pool.submit(pixels.fetch, one) for one in following]
                    yield from pixels.frames(block, data)
                    read = block.stop
        except AwayError as error:
            # The whole part is read again, soon or when the server is back.
            followed.failures += 1
            if followed.failures < _ATTEMPTS:
                followed.due = time.monotonic() + 2.0 ** (followed.failures - 2)
                self._failed.add(item.name)
                return
            for number in range(read, part.stop):
                yield Unreadable(item.name, number, str(error))

    def frame(self, name: str, index: int) -> Frame:
        """Return one frame of an array again.

        Args:
            name: of the item.
            index: number of the frame.

        Raises:
            UserError: it cannot be read.
        """
        followed = self._followed.get(name)
        if followed is None:
            node = self.server.node(self.server.path(name))
            followed = self._followed[name] = self._new(name, node)
        block = range(index, index + 1)
        frame = next(followed.pixels.frames(block, followed.pixels.fetch(block)))
        if isinstance(frame, Unreadable):
            raise UserError(frame.reason)
        return frame

    def done(self, item: Item) -> bool:
        """Accept that a part is done; return False if the server or the array has gone."""
        followed = self._followed[item.name]
        part = item.part or range(0)
        if item.name in self._failed or item.version != followed.version:
            return False
        followed.failures = 0
        if self._out[item.name]:
            # Another message about the same frames may have come since.
            now = time.monotonic()
            followed.again = [one for one in followed.again if one[1] != part or one[0] > now]
        else:
            followed.done = part.stop
            if followed.done == followed.end:
                followed.known = followed.done = followed.node.count
        return True

    def close(self) -> None:
        """End the connections to the server."""
        self._bell.listen([])
        self.server.close()

    def again(self, item: Item) -> bool:
        """Hand out a part again, as any that is not done."""
        return True

    def _pause(self) -> float:
        now = time.monotonic()
        for followed in self._followed.values():
            until, count = followed.announced
            if now < until and followed.node.count < count:
                return _STORED
            if followed.again or followed.due > now:
                due = max(followed.due, followed.again[0][0] if followed.again else 0.0)
                return min(max(due - now, _STORED), _POLL)
        return _POLL_CONNECTED if self._bell.connected else _POLL

    def _look(self) -> None:
        """Ask the server what has changed."""
        self._check_hashes()
        before = {one.node.path: one.node.count for one in self._followed.values()}
        heard = self._bell.changes()
        rung = {change.path for change in heard}
        arrays = self._catalog.look(rung)
        for node in arrays:
            self._follow(node)
        seen = {node.path for node in arrays}
        for followed in self._in_turn(rung):
            if followed.node.path not in seen:
                self._refresh(followed)
        # A message about frames that were just seen has come by now.
        heard += self._bell.changes()
        by_path = {one.node.path: one for one in self._followed.values()}
        for change in heard:
            if change.path in by_path:
                self._hear(by_path[change.path], change, before.get(change.path, 0))
        self._looked = True
        latest = sorted(self._followed.values(), key=lambda one: -one.changed)[: MOST - 1]
        self._bell.listen([self._catalog.root, *(one.node for one in latest)])

    def _in_turn(self, rung: set[tuple[str, ...]]) -> list[_Followed]:
        """The arrays to look at now: those that change, and some others in turn."""
        some, now = list(self._followed.values()), time.monotonic()
        if not some:
            return []
        turn = [some[(self._turn + k) % len(some)] for k in range(min(_IN_TURN, len(some)))]
        self._turn = (self._turn + _IN_TURN) % len(some)
        active = [f for f in some if now - f.changed < _ACTIVE or f.node.path in rung]
        return active + [followed for followed in turn if followed not in active]

    def _refresh(self, followed: _Followed) -> None:
        try:
            self._follow(self.server.node(followed.node.path))
        except MissingNodeError:
            del self._followed[self.server.name(followed.node.path)]

    def _hear(self, followed: _Followed, change: NodeChange, before: int) -> None:
        if change.first is None:
            return
        now = time.monotonic()
        if change.last > followed.node.count:
            followed.announced = (now + _ANNOUNCED, change.last)
        if change.first < before:
            # The message comes before the data are stored.
            followed.read_again(change.first, change.last, now + self._options.settle)

    def _follow(self, node: Node) -> None:
        """Take note of an array as it is now."""
        name, now = self.server.name(node.path), time.monotonic()
        followed = self._followed.get(name)
        if followed is None:
            followed = self._followed[name] = self._new(name, node)
            # Some writers make an array first and fill it then.
            if self._looked:
                followed.due = now + self._options.settle
            return
        before, followed.node = followed.node, node
        if before == node:
            return
        followed.changed = now
        followed.pixels = ArrayPixels(self.server, node, self._options.read, followed.pixels)
        if before.identity != node.identity or node.count < before.count:
            # Another array under the same name.
            followed.known = max(followed.known, before.count)
            followed.done, followed.again, followed.checked = 0, [], None

    def _new(self, name: str, node: Node) -> _Followed:
        """An array that is followed from now on, with what is done of it."""
        pixels = ArrayPixels(self.server, node, self._options.read)
        together = self._options.together or sys.maxsize
        followed = _Followed(node, pixels, together, changed=time.monotonic())
        hashes = self._memory.hashes(name) if self._memory else {}
        if self._memory and hashes:
            followed.known = max(hashes) + 1
            same = self._memory.state(name) == node.identity
            followed.done = min(self._memory.count(name), node.count) if same else 0
            if followed.done:
                followed.checked = hashes.get(followed.done - 1, "")
                followed.read_again(followed.done - 1, followed.done)
        return followed

    def _check_hashes(self) -> None:
        """Read all frames again of an array whose last one has changed while nobody watched."""
        for name, followed in self._followed.items():
            if followed.checked is not None and not followed.again and self._memory is not None:
                hashes = self._memory.hashes(name)
                if hashes.get(followed.done - 1) != followed.checked:
                    followed.done = 0
                followed.checked = None
