"""The simple methods of `baselines.py` as one table, all on the features of one sequence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from xscatter import processes
from xscatter.sequences.baselines import (
    cumulated,
    frame_difference,
    groups,
    kernel_change_points,
    scan_score,
    tags_alone,
)

Parts = Mapping[str, np.ndarray]  # features (n, size) by group


@dataclass(frozen=True)
class SimpleMethod:
    """A simple method.

    Attributes:
        score: from groups of features, and names of the tags, to scores (n,), or (n, P) if it
            names processes.
        causal: whether the score of a frame depends on frames up to it alone.
        needs: package that it needs.
    """

    score: Callable[[Parts, Sequence[str]], np.ndarray]
    causal: bool = True
    needs: str = "numpy"


def _change_points(parts: Parts, tags: Sequence[str]) -> np.ndarray:
    """Return the number of change points up to each frame."""
    counts = np.zeros(len(parts["profile"]))
    counts[kernel_change_points(parts["profile"])] = 1
    return np.cumsum(counts)


METHODS: dict[str, SimpleMethod] = {
    "tags alone": SimpleMethod(
        lambda parts, tags: tags_alone(parts["logits"], tags, processes.NAMES)
    ),
    "scan": SimpleMethod(lambda parts, tags: scan_score(parts["change z"])),
    "cumulated total": SimpleMethod(lambda parts, tags: cumulated(parts["log total"][:, 0])),
    "frame difference": SimpleMethod(lambda parts, tags: frame_difference(parts["profile"])),
    "change points": SimpleMethod(_change_points, causal=False, needs="ruptures"),
}
"""The methods; those whose package is not installed are left out."""


def available() -> dict[str, SimpleMethod]:
    """Return the methods whose packages are installed."""
    return {name: one for name, one in METHODS.items() if find_spec(one.needs)}


def simple_scores(
    features: np.ndarray, columns: Mapping[str, int], tags: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return the scores of every available method for one sequence.

    Args:
        features: (n, F).
        columns: number of columns of each group, in order.
        tags: names of the tags whose logits are among the features.
    """
    parts = groups(features, columns)
    return {name: one.score(parts, tags) for name, one in available().items()}
