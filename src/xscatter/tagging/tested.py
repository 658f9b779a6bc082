"""The precision of a network on the test set of its study."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.scores.evaluation import read_evaluation


def precision_on_test(path: Path, tags: Sequence[str], threshold: np.ndarray) -> np.ndarray:
    """Return the fraction (T,) of the test images given each tag that have it.

    Args:
        path: the evaluation of the network.
        tags: names of the tags, T.
        threshold: (T,), of the network in use.

    Returns:
        NaN for a tag that the test gave to no image, and for all if there is no test of this very
        network.
    """
    precision = np.full(len(tags), np.nan)
    try:
        tested = read_evaluation(path).tags
    except UserError:
        return precision
    scores = [tested.get(tag) for tag in tags]
    # Thresholds are fitted after each training, so others belong to another network.
    if any(
        score and score.threshold != limit for score, limit in zip(scores, threshold, strict=True)
    ):
        return precision
    for t, score in enumerate(scores):
        if score is not None and score.precision is not None:
            precision[t] = score.precision
    return precision
