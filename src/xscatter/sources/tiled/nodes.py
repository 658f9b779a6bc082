"""Find the arrays of frames: all in a container, and one in each run.

In a run it is the one that is asked for, or the only one there can be.
"""

import re
import time
from collections.abc import Iterator
from fnmatch import fnmatch

from xscatter.core.errors import UserError
from xscatter.frames.reading import LEAST
from xscatter.sources.source import AwayError, SourceOptions
from xscatter.sources.tiled.client import MissingNodeError, Node, Server

_DEEPEST = 4  # containers in a run
_NEWEST = 64  # nodes that are listed each time; more if they are all new
_LISTING = 2.0  # seconds between two looks for new nodes
_SWEEP = 60.0  # seconds between two looks at all nodes
_AXES = (2, 3, 4)
_RUN = {"BlueskyRun", "BlueskyEventStream"}
_MAIN = "primary"  # the stream of Bluesky with what a plan is about
_BESIDE = re.compile(r"(^|_)(masks?|flat(_?field)?s?|darks?|background|gain(map)?|sigma)(_|$)")


class Catalog:
    """The arrays of frames in a node, and those that are added.

    Args:
        server: with the node.
        path: of the node.
        options: which names, streams and fields are followed.

    Raises:
        UserError: the node is not there, never holds frames, or it is not clear which they are.
    """

    def __init__(self, server: Server, path: tuple[str, ...], options: SourceOptions):
        self._server, self._options = server, options
        self._open: dict[tuple[str, ...], float] = {}  # runs without frames so far, looked at when
        self._known: set[tuple[str, ...]] = set()
        self._listed = self._swept = -_SWEEP
        self._sorted = True
        self.root = server.node(path)
        where = server.name(path)
        if not is_image(self.root) and self.root.family != "container":
            raise no_image(where, self.root)
        self._is_run = bool(_RUN & set(self.root.specs))
        if self._is_run:
            some = images(server, self.root, options.stream, options.field)
            if len(some) > 1:
                raise unclear(where, self.root, some)
            if not some and "stop" in self.root.metadata:
                every = images(server, self.root)
                raise other_fields(where, self.root, every) if every else no_image(where, self.root)
            self._open[path] = 0.0

    def look(self, rung: set[tuple[str, ...]]) -> list[Node]:
        """Return arrays that are new, and others that the server has shown beside.

        Args:
            rung: paths of nodes that have changed.

        Raises:
            AwayError: the server does not answer.
        """
        now, path = time.monotonic(), self.root.path
        if self.root.family == "array":
            return [self._server.node(path)]
        arrays = []
        if not self._is_run and (path in rung or now - self._listed > _LISTING):
            arrays = self._list(now - self._swept > _SWEEP)
            self._listed = now
        for run, looked in list(self._open.items()):
            if run in rung or now - looked > _LISTING:
                arrays += self._find(run)
        return arrays

    def _list(self, whole: bool) -> list[Node]:
        """Look for new nodes in the container; the newest alone, unless `whole`."""
        children, new = [], 0
        newest_first = self._sorted and not whole
        try:
            for child in self._server.children(self.root.path, newest_first):
                children.append(child)
                new += child.path not in self._known
                if newest_first and len(children) >= _NEWEST and not new:
                    break
        except AwayError:
            self._server.node(self.root.path)  # raises where the server is away
            self._sorted = False  # some servers cannot sort: then all are listed, the next time
            return []
        if not newest_first:
            self._swept = time.monotonic()
        arrays = []
        for child in reversed(children) if newest_first else children:
            name = child.path[-1]
            if not fnmatch(name, self._options.pattern):
                continue
            if is_image(child) and self._options.field in (None, name):
                arrays.append(child)
            elif child.family == "container" and child.path not in self._known:
                self._open[child.path] = 0.0
            self._known.add(child.path)
        return arrays

    def _find(self, path: tuple[str, ...]) -> list[Node]:
        """The frames of a run, as soon as it has any."""
        self._open[path] = time.monotonic()
        try:
            run = self._server.node(path)
            some = images(self._server, run, self._options.stream, self._options.field)
        except MissingNodeError:
            del self._open[path]
            return []
        if len(some) > 1:
            error = unclear(self._server.name(path), run, some)
            if self._is_run:
                raise error
            self._options.report(f"{error}; this run is left out")
        if some or "stop" in run.metadata:
            del self._open[path]
        return some if len(some) == 1 else []


def is_image(node: Node) -> bool:
    """Whether a node is an array of frames."""
    return (
        node.family == "array"
        and node.dtype is not None
        and len(node.shape) in _AXES
        and min(node.shape[-2:]) >= LEAST
    )


def images(
    server: Server, run: Node, stream: str | None = None, field: str | None = None
) -> list[Node]:
    """Return the arrays in a run that may be its frames.

    Args:
        server: of the run.
        run: the container.
        stream: name that must be in their path.
        field: their name; None: any but those of masks, darks and the like.
    """
    start = len(run.path)
    chosen = []
    for node in _below(server, run, _DEEPEST):
        inside, name = node.path[start:-1], node.path[-1]
        wanted = not _BESIDE.search(name.lower()) if field is None else name == field
        if wanted and (stream is None or stream in inside):
            chosen.append(node)
    main = [node for node in chosen if _MAIN in node.path[start:-1]]
    return main if stream is None and main else chosen


def _below(server: Server, container: Node, depth: int) -> Iterator[Node]:
    for node in server.children(container.path):
        if is_image(node):
            yield node
        elif node.family == "container" and depth:
            yield from _below(server, node, depth - 1)


def unclear(where: str, run: Node, candidates: list[Node]) -> UserError:
    """Return the error of a run with several candidates.

    Args:
        where: address of the run.
        run: the container.
        candidates: its images.
    """
    return UserError(
        f"{where}: it is not clear which field holds the frames: {_names(run, candidates)}; choose "
        "with --stream and --field"
    )


def other_fields(where: str, run: Node, candidates: list[Node]) -> UserError:
    """Return the error of a run without the stream or the field that was asked for.

    Args:
        where: its address.
        run: the container.
        candidates: its images.
    """
    return UserError(
        f"{where}: no frames have the names of --stream and --field; there are "
        f"{_names(run, candidates)}"
    )


def _names(run: Node, candidates: list[Node]) -> str:
    return ", ".join("/".join(node.path[len(run.path) :]) for node in candidates)


def no_image(where: str, node: Node) -> UserError:
    """Return the error of a node that holds no frames.

    Args:
        where: its address.
        node: the node.
    """
    kind = f"{'an' if node.family[0] in 'aeiou' else 'a'} {node.family}"
    if node.family == "array":
        kind += f" of {node.dtype or 'no numbers'}, {'x'.join(map(str, node.shape)) or 'one value'}"
    return UserError(
        f"{where}: is {kind}, no image of {LEAST} or more pixels a side; name a node of frames, or "
        "a container of runs"
    )
