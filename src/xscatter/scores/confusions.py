"""Tags that are taken for others."""

import numpy as np

from xscatter.scores.evaluation import Confusion
from xscatter.tags import TAGS

_MOST_PAIRS = 30
# Groups of tags that say nothing about the sample: they are not compared with the others.
_INSTRUMENT = ("exposure", "background", "instrument")


def confusions(
    tags: list[str], labels: np.ndarray, chosen: np.ndarray, experiment: np.ndarray
) -> list[Confusion]:
    """Return pairs of look-alikes: one tag missed (`shown`), another given wrongly (`said`).

    A tag that is given too often is given beside everything. So each pair is compared with what
    `said` does where neither tag is there: with r the fraction of those records that are given it
    all the same, the missed ones would by chance hold r times the records in which it could be
    given. Pairs are kept that have at least twice that number, three records and two experiments;
    those with most records beyond chance come first.

    Args:
        tags: names, T.
        labels: (n, T) 0 or 1.
        chosen: (n, T) bool, the tags that were given.
        experiment: (n,) number of the experiment of each record.
    """
    there = labels > 0
    missed, absent, invented = there & ~chosen, ~there, ~there & chosen
    count = _together(missed, invented)
    chance = (
        _together(missed, absent)
        * _together(absent, invented)
        / np.maximum(_together(absent, absent), 1)
    )
    names = np.unique(experiment)
    spread = sum(
        (_together(missed[experiment == e], invented[experiment == e]) > 0).astype(int)
        for e in names
    )
    group = {tag.name: tag.group for tag in TAGS}
    kind = np.array([group.get(tag) in _INSTRUMENT for tag in tags])
    comparable = kind[:, None] == kind
    alike = np.argwhere(comparable & (count >= 3) & (spread >= 2) & (count >= 2 * chance)).tolist()
    alike.sort(key=lambda pair: chance[*pair] - count[*pair])
    return [
        Confusion(
            shown=tags[a],
            said=tags[b],
            records=int(count[a, b]),
            by_chance=round(float(chance[a, b]), 2),
            of=int(there[:, a].sum()),
        )
        for a, b in alike[:_MOST_PAIRS]
    ]


def _together(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how many records (T, T) have one tag in `first` and the other in `second`."""
    return first.T.astype(np.float64) @ second
