"""Progress of long work: a bar on a terminal, one line every so often in a log."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(
    items: Iterable[Item],
    label: str,
    total: int | Callable[[], int] | None = None,
    every: float = 30.0,
    end: bool = True,
) -> Iterator[Item]:
    """Yield `items` and show on stderr how many are done.

    Args:
        items: what to go through.
        label: name of the work, at the start of every line.
        total: number of items, or a function that returns it as far as it is known so far;
            default: their length, if they have one.
        every: seconds between two lines in a log; a terminal gets a bar instead.
        end: print a last line in a log; False for work that reports its own end.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        known = total() if callable(total) else total
        bar = tqdm(items, desc=label, total=known, unit_scale=False, leave=False)
        for item in bar:
            if callable(total):
                bar.total = total()
            yield item
        return
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= every:
            last = now
            known = total() if callable(total) else total
            _log(f"{label}: {done}{f' of {known}' if known else ''}, {now - start:.0f} s")
    if end:
        _log(f"{label}: {done} done in {time.monotonic() - start:.1f} s")


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
