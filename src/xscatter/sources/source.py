"""The protocol of a source: it hands out items (files, scans, runs) when they are complete.

A service that follows a source uses it in this order::

    source.resume(memory)                   # once: what an earlier run has done
    while True:
        for item in source.wait().items:    # what is complete now
            for frame in source.frames(item):
                ...
            if not source.done(item):       # it changed while it was read
                source.again(item)

To add a source, write one file with a constant ``SCHEME``, the word (or a tuple of words) before
the colon of its addresses, and a function ``connect(address, options)`` that returns an object of
this protocol (it need not inherit from :class:`Source`). Its address is what follows the colon; a
URL (``https://…``) is passed with its scheme. The file is in this folder, or in a package of a site
that names it as an entry point, and nothing else changes::

    [project.entry-points."xscatter.sources"]
    beamline = "our_package.beamline_source"    # xscatter watch beamline:visit42
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable


@dataclass(frozen=True)
class Item:
    """One or more frames that belong together and are handed out together.

    Attributes:
        name: unique and the same after a restart; the key under which it is remembered as done.
        modified: when it last changed, in seconds since 1970 by the clock of this machine.
        version: differs when the item has changed, such as size and time of a file; its text is
            remembered over restarts.
        part: numbers of the frames that are handed out; None: all that the item has.
    """

    name: str
    modified: float = 0.0
    version: Hashable = None
    part: range | None = None


class Batch(NamedTuple):
    """Items that are complete, oldest first, and the number of others that still change."""

    items: list[Item]
    changing: int


class Memory(Protocol):
    """The items that are done, and the table of the service that holds them.

    Attributes:
        path: its file, which a source must not take for a frame.
    """

    path: Path

    def __contains__(self, name: object) -> bool:
        """Whether the item of this name is done."""

    def state(self, name: str) -> str | None:
        """Text of the `version` of this item when it was done; None: it is not."""

    def count(self, name: str) -> int:
        """Number of frames, from the first on, that are done in this version of the item."""

    def hashes(self, name: str) -> Mapping[int, str]:
        """Hash of each frame of this item, by its number, as it was tagged last."""


@dataclass(frozen=True)
class SourceOptions:
    """Options for following a source. A source ignores those without a meaning for it.

    Attributes:
        pattern: shell pattern of the names of items.
        settle: seconds for which an item must not change before it is complete, if there is no
            better sign.
        read: options of :func:`xscatter.frames.read`.
        recursive: also search the folders in a folder.
        stream: of a Bluesky run, which has the frames; None: the only one that has any.
        field: name of the frames in a run; None: the only field that is an image.
        report: takes lines about items that are left out.
        together: most frames of an item that are handed out at once; None: all.
    """

    pattern: str = "*"
    settle: float = 1.0
    read: Mapping[str, Any] = field(default_factory=dict)
    recursive: bool = False
    stream: str | None = None
    field: str | None = None
    report: Callable[[str], None] = print
    together: int | None = 64  # as many rows reach the table at once


class AwayError(UserError):
    """A source that cannot be reached: a folder or a server that has vanished and may return."""


class Source(Protocol):
    """Source of frames that appear over time."""

    def resume(self, memory: Memory) -> None:
        """Leave out items that `memory` holds in the version that they have now."""

    def wait(self) -> Batch:
        """Return what is complete and not done; wait a moment if that was nothing before.

        Raises:
            AwayError: the source cannot be reached now, but may be later.
        """

    def frames(self, item: Item) -> Iterator[Frame | Unreadable]:
        """Yield the frames of `item`, and why one cannot be read in its place.

        They are made by :func:`xscatter.frames.read` or `from_array`; the `source` of each is the
        name of the item, and its `index` counts from 0.
        """

    def frame(self, name: str, index: int) -> Frame:
        """Read one frame of an item again.

        Args:
            name: of the item, or the `source` of the frame.
            index: number of the frame.

        Raises:
            UserError: it cannot be read.
        """

    def done(self, item: Item) -> bool:
        """Accept that `item` is done; return False if it has changed since it was handed out."""

    def close(self) -> None:
        """End connections, if there are any."""

    def again(self, item: Item) -> bool:
        """Hand out `item` again later; return False if it no longer exists."""
