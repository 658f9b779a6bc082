"""The precision of a network on the test set of its study."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np


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
    unknown = np.full(len(tags), np.nan)
    try:
        tested = json.loads(path.read_text())["tags"]
        scores = [tested.get(tag) or {} for tag in tags]
        # Thresholds are fitted after each training, so others belong to another network.
        known = zip(scores, threshold, strict=True)
        if any(score and score["threshold"] != limit for score, limit in known):
            return unknown
        values = [score.get("precision") for score in scores]
        return np.array([np.nan if value is None else value for value in values], float)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return unknown
