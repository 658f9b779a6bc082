"""Follow a source of frames: tag each item once, whatever stops and starts in between."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from xscatter.frames import Unreadable
from xscatter.sources.source import AwayError, Item, Source
from xscatter.tagging.journal import Journal, item_of
from xscatter.tagging.live import LivePage
from xscatter.tagging.process_log import ProcessLog
from xscatter.tagging.tagger import Ready, Tagged, Tagger

_PAUSE = 0.2  # seconds between two looks while frames wait for the ones before them
_AWAY = 0.5  # seconds until the first look for a source that has vanished; then twice as long
_LONGEST_AWAY = 60.0
TOGETHER = 64  # items between two additions to the table


@dataclass(frozen=True)
class FollowOptions:
    """Options for following a source.

    Attributes:
        patience: seconds since its last change after which an item that cannot be read is given up,
            until it changes again.
        every: seconds between two lines of rate and backlog.
        once: stop when everything that is there is done.
        view: the network to use; None: the best.
        threads: frames made ready at the same time.
    """

    patience: float = 60.0
    every: float = 10.0
    once: bool = False
    view: str | None = None
    threads: int = 1


def follow(
    tagger: Tagger,
    source: Source,
    journal: Journal,
    options: FollowOptions | None = None,
    report: Callable[[str], None] = print,
    processes: ProcessLog | None = None,
    page: LivePage | None = None,
) -> Iterator[list[Tagged]]:
    """Tag items as they are complete; yield the frames that were added to the table.

    Yields an empty list while nothing is new, so that the caller can stop in between.

    Args:
        tagger: the networks.
        source: where the frames come from.
        journal: the table to add to.
        options: when to give up, report and stop, and which network to use.
        report: where lines of progress go.
        processes: the log of events, or None.
        page: that shows the last frames, or None.
    """
    options = options or FollowOptions()
    progress = _Progress(options.every, report)
    source.resume(journal)
    while True:
        # Returns after a while also if nothing is new.
        try:
            items, changing = source.wait()
        except AwayError as error:
            if options.once:
                raise
            time.sleep(progress.away(error))
            yield []
            continue
        progress.returned()
        if processes is not None:
            waiting, items = items, processes.order(items, options.patience)
            if waiting and not items:
                time.sleep(_PAUSE)
                changing += len(waiting)
        # In pieces, so that rows of a long backlog reach the table while it is worked through.
        for first in range(0, len(items), TOGETHER):
            some = items[first : first + TOGETHER]
            watchers = [one for one in (processes, page) if one is not None]
            rows, states, retried = _tagged(tagger, source, journal, some, options, watchers)
            changing += retried
            journal.add(rows, states)
            if rows:
                for one in watchers:
                    one.add(rows)
                progress.count(rows)
                yield rows
            backlog = max(len(items) - first - TOGETHER, 0)
            progress.tell(backlog, changing)
            if page is not None:
                page.tell(backlog, changing)
        if page is not None:
            page.tell(0, changing, now=options.once and not changing)
        if options.once and not changing:
            progress.finish()
            return
        if not items:
            yield []


def _tagged(
    tagger: Tagger,
    source: Source,
    journal: Journal,
    items: list[Item],
    options: FollowOptions,
    watchers: list[ProcessLog | LivePage],
) -> tuple[list[Tagged], dict[str, str], int]:
    """Rows that the table lacks, states of items that are done, and how many are to come again."""
    by_item: dict[str, list[Tagged]] = {item.name: [] for item in items}
    frames = chain.from_iterable(source.frames(item) for item in items)
    for batch in tagger.batches(frames, options.view, options.threads):
        for ready, tagged in zip(batch, tagger.tag(batch, options.view), strict=True):
            for one in watchers:
                one.see(ready, tagged)
            tagged = replace(tagged, content=content_of(ready))
            by_item[item_of(tagged.source, by_item)].append(tagged)
    rows, states, retried = list[Tagged](), dict[str, str](), 0
    for item in items:
        tagged_frames = by_item[item.name]
        failed = any(tagged.failed for tagged in tagged_frames)
        # A file that cannot be read may still be being written.
        young = time.time() - item.modified < options.patience
        if (failed and young) or not source.done(item):
            retried += source.again(item)
        else:
            # A file that has changed since has some of its rows in the table.
            rows.extend(journal.lacking(item.name, tagged_frames, item.part))
            states[item.name] = str(item.version or "")
    return rows, states, retried


def content_of(ready: Ready | Unreadable) -> str:
    """Return the hash of what was read of a frame; "" if it could not be."""
    if isinstance(ready, Unreadable):
        return ""
    frame = ready.frame
    known = "" if frame.center_from == "estimate" else repr(frame.center)
    digest = hashlib.blake2b(known.encode(), digest_size=8)
    for array in (frame.counts, frame.mask):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class _Progress:
    """Counts frames, and reports their number and rate every so often."""

    def __init__(self, every: float, report: Callable[[str], None]):
        self._every, self._report = every, report
        self._begin = self._reported = time.monotonic()
        self._tagged = self._failed = self._recent = 0
        self._pause = 0.0

    def count(self, rows: list[Tagged]) -> None:
        failed = sum(tagged.failed for tagged in rows)
        self._tagged += len(rows) - failed
        self._failed += failed
        self._recent += len(rows)

    def away(self, error: AwayError) -> float:
        """Report that the source cannot be reached; return the seconds until the next attempt."""
        self._pause = min(2 * self._pause, _LONGEST_AWAY) if self._pause else _AWAY
        self._report(f"watch: {error}; next attempt in {self._pause:.2g} s")
        return self._pause

    def returned(self) -> None:
        """Report that the source can be reached again, if it could not."""
        if self._pause:
            self._report("watch: the source is back")
        self._pause = 0.0

    def tell(self, backlog: int, changing: int) -> None:
        """Report, if it is time."""
        now = time.monotonic()
        if now - self._reported < self._every:
            return
        self._line(
            self._recent / (now - self._reported),
            f", {backlog} files waiting, {changing} still being written",
        )
        self._reported, self._recent = now, 0

    def finish(self) -> None:
        """Report all of the run."""
        # Never zero: it divides.
        elapsed = max(time.monotonic() - self._begin, 1e-9)
        self._line((self._tagged + self._failed) / elapsed)

    def _line(self, rate: float, more: str = "") -> None:
        self._report(
            f"watch: {self._tagged} frames tagged, {self._failed} could not be read, "
            f"{rate:.2g} a second{more}"
        )
