"""Progress of long work: a bar on a terminal, one line every so often in a log."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")


def track(
    items: Iterable[Item],
    label: str,
    total: int | None = None,
    every: float = 30.0,
    end: bool = True,
) -> Iterator[Item]:
    """Yield `items`; show how many are done on stderr: a bar on a terminal, else a line every `every` seconds.

    Without `end`, a log gets no last line: for work that says itself when it is done.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=label, total=total, unit_scale=False, leave=False)
        return
    start = said = time.monotonic()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said >= every:
            said = now
            print(
                f"{label}: {done}{f' of {total}' if total else ''}, {now - start:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    if end:
        print(
            f"{label}: {done} done in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True
        )
