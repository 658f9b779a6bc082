"""A page that follows a watch: one file that refreshes itself, of bounded size.

It shows the last frames with their tags, the rate and the backlog, and how often each tag was
given over time. It is complete at every moment, so that any server of files may serve it.
"""

import time
from collections import deque
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.frames import Unreadable
from xscatter.tagging.page import STYLE
from xscatter.tagging.picture import frame_picture, lines
from xscatter.tagging.prepare import Prepared
from xscatter.tagging.table import printable
from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Ready, Tagger
from xscatter.tagging.tree import summary

_LAST = 40  # frames that are shown
_PIECES = 100  # of the history; when they are full, two become one
_EVERY = 3.0  # seconds between two pages
_NOTE = 300  # characters of a note that are shown
_SIDE = 128  # pixels of a picture


class LivePage:
    """The page of one watch.

    Args:
        path: of the page.
        tagger: the networks.
        title: what is followed.
    """

    def __init__(self, path: Path, tagger: Tagger, title: str):
        self.path, self._tagger, self._title = path, tagger, title
        self._pictures: dict[tuple[str, int], Prepared] = {}  # of frames that have no row yet
        self._last: deque[tuple[Tagged, Prepared | None]] = deque(maxlen=_LAST)
        self._given: list[np.ndarray] = []  # (T,) frames with each tag, of each piece of history
        self._frames: list[int] = []  # frames of each piece
        self._piece = 1  # frames that a piece holds
        self._times: deque[tuple[float, int]] = deque(maxlen=1000)  # of the rows of a minute
        self._begin = time.monotonic()
        self._tagged = self._failed = self._backlog = self._changing = 0
        self._written = -_EVERY  # below 0: never

    def see(self, item: Ready | Unreadable, tagged: Tagged) -> None:
        """Keep what is needed of a frame until it is in the table."""
        if isinstance(item, Ready):
            self._pictures[tagged.source, tagged.index] = item.prepared
            # Only the last ones are ever shown.
            if len(self._pictures) > _LAST:
                del self._pictures[next(iter(self._pictures))]

    def add(self, rows: Sequence[Tagged]) -> None:
        """Take frames that were added to the table."""
        for tagged in rows:
            self._last.appendleft((tagged, self._pictures.get((tagged.source, tagged.index))))
            self._failed += tagged.failed
            self._tagged += not tagged.failed
            if not tagged.failed:
                self._count(tagged)
        self._pictures.clear()
        if rows:
            self._times.append((time.monotonic(), len(rows)))

    def tell(self, backlog: int, changing: int, now: bool = False) -> None:
        """Write the page, if it is time.

        Args:
            backlog: files that wait.
            changing: files that are still being written.
            now: write it at once.
        """
        self._backlog, self._changing = backlog, changing
        if not now and time.monotonic() - self._written < _EVERY:
            return
        try:
            write_text(self.path, self._page())
        except (UserError, OSError):
            # Later, the disk of the page may be full for a while; the table is what counts.
            if self._written < 0:
                raise
        self._written = time.monotonic()

    def _count(self, tagged: Tagged) -> None:
        given = np.array([tag in tagged.tags for tag in self._tagger.tags], int)
        if not self._frames or self._frames[-1] == self._piece:
            if len(self._frames) == _PIECES:
                pairs = range(0, _PIECES, 2)
                self._given = [self._given[n] + self._given[n + 1] for n in pairs]
                self._frames = [self._frames[n] + self._frames[n + 1] for n in pairs]
                self._piece *= 2
            self._given.append(np.zeros_like(given))
            self._frames.append(0)
        self._given[-1] += given
        self._frames[-1] += 1

    def _page(self) -> str:
        now = time.monotonic()
        recent = sum(number for when, number in self._times if now - when < 60)
        rate = recent / min(max(now - self._begin, 1.0), 60.0)
        date = time.strftime("%Y-%m-%d %H:%M:%S")
        frames = "".join(self._frame(tagged, prepared) for tagged, prepared in self._last)
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
            f"<title>{escape(self._title)}</title><style>{STYLE}img{{width:128px}}</style><body>"
            f"<h1>{escape(self._title)}</h1><p>{date}: {self._tagged} frames tagged, "
            f"{self._failed} could not be read, {rate:.2g} a second in the last minute; "
            f"{self._backlog} files waiting, {self._changing} still being written.</p>"
            f"<h2>Last frames</h2><div class=row>{frames}</div>"
            f"<h2>History</h2><p>Fraction of frames with each tag since the start of this watch, "
            f"oldest on the left; a step is {self._piece} frame{'s' * (self._piece > 1)}.</p>"
            f"<div class=row>{self._history()}</div></body></html>\n"
        )

    def _frame(self, tagged: Tagged, prepared: Prepared | None) -> str:
        name = escape(printable(Path(tagged.source).name)[-80:])
        said = tagged.note if tagged.failed else summary(self._tagger, tagged)
        picture = ""
        if prepared is not None:
            address = frame_picture(prepared.counts, prepared.mask, _SIDE, prepared.center)
            picture = f"<img alt='frame' src='{address}'>"
        words = escape(printable(said)[:_NOTE])
        kind = " class=note" if tagged.failed else ""
        return (
            f"<figure style='width:180px;overflow-wrap:anywhere'>{picture}<figcaption>{name} "
            f"[{tagged.index}]<br><span{kind}>{words}</span></figcaption></figure>"
        )

    def _history(self) -> str:
        if not self._frames:
            return ""
        parts = np.array(self._given).T / np.array(self._frames)
        total = np.array(self._given).sum(0).tolist()
        order = sorted((t for t, number in enumerate(total) if number), key=lambda t: -total[t])
        tags = self._tagger.tags
        return "".join(
            lines({tags[t]: parts[t]}, f"frames: {total[t]}", width=160, top=1.0) for t in order
        )


def check_page(path: Path, source: str) -> None:
    """Check that the page is not in the folder that is followed, where it were taken for a frame.

    Raises:
        UserError: it is.
    """
    folder = Path(source).absolute()
    if folder in path.absolute().parents:
        raise UserError(f"{path}: is in the folder that is followed; choose a file outside of it")
