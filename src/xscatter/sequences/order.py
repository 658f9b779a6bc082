"""The order of the files of a sequence: by the numbers in their names, and what is missing."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median_low

_NUMBER = re.compile(r"(\d+)")


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts names by the numbers in them: frame 2 before frame 10.

    Example:
        >>> sorted(["a10.cbf", "a2.cbf", "a1.cbf"], key=natural_key)
        ['a1.cbf', 'a2.cbf', 'a10.cbf']
    """
    parts = _NUMBER.split(name)
    return [(0, int(part), part) if k % 2 else (1, 0, part) for k, part in enumerate(parts)]


def in_order(names: Iterable[str]) -> list[str]:
    """Return names in natural order."""
    return sorted(names, key=natural_key)


def frame_number(name: str) -> tuple[str, int] | None:
    """Return the series and the number in it that a name tells; None if it has no number.

    The number is the last one before the ending, as in ``scan3_00012.cbf.gz``.

    Example:
        >>> frame_number("scan3_00012.cbf.gz")
        ('scan3_#.cbf.gz', 12)
    """
    stem, dot, ending = Path(name).name.partition(".")
    numbers = list(_NUMBER.finditer(stem))
    if not numbers:
        return None
    last = numbers[-1]
    return stem[: last.start()] + "#" + stem[last.end() :] + dot + ending, int(last[0])


def missing(names: Sequence[str]) -> list[str]:
    """Return the numbers that are missing in names in natural order, as words for a message.

    Numbers may grow by more than one, such as temperatures in steps of five.

    Example:
        >>> missing(["a1.tif", "a2.tif", "a3.tif", "a6.tif", "a8.tif"])
        ['a#.tif 4 to 5', 'a#.tif 7']
        >>> missing(["150K.xy", "155K.xy", "160K.xy", "170K.xy"])
        ['#K.xy 165']
    """
    series: dict[str, list[int]] = {}
    for known in filter(None, map(frame_number, names)):
        series.setdefault(known[0], []).append(known[1])
    gaps = []
    for name, numbers in series.items():
        pairs = list(pairwise(numbers))
        step = median_low([b - a for a, b in pairs if b > a] or [1])
        for one, following in pairs:
            if following > one + step:
                first, last = one + step, following - step
                gaps.append(f"{name} {first}" + (f" to {last}" if last > first else ""))
    return gaps
