"""Tags of which at most one can be true: their probabilities come from one softmax.

A group of K tags and "none of them" are K + 1 classes; the logit of "none" is 0. All other tags are
on their own: their probability is the sigmoid of their logit.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from xscatter.tags import EXCLUSIVE


def columns_of_groups(
    tags: Sequence[str], groups: Sequence[Sequence[str]] = EXCLUSIVE
) -> list[np.ndarray]:
    """Return the columns of each group of exclusive tags.

    Args:
        tags: names, T.
        groups: names of exclusive tags; a group of which `tags` has fewer than two is left out.

    Example:
        >>> columns_of_groups(["ring", "LaB6", "CeO2"])
        [array([1, 2])]
    """
    place = {tag: n for n, tag in enumerate(tags)}
    columns = [np.array([place[tag] for tag in group if tag in place], int) for group in groups]
    return [some for some in columns if len(some) > 1]


def single_logits(logits: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """Return logits (n, T) whose sigmoid is the probability of each tag, in float64.

    For a member i of a group that is z_i - log(1 + the sum of exp z_j over the other members).

    Args:
        logits: (n, T) of a network.
        groups: columns of each group of exclusive tags.
    """
    single = np.array(logits, np.float64)
    for group in groups:
        z = single[:, group]
        others = np.zeros_like(z)  # the logit of "none"
        for n in range(len(group)):
            others[:, n] = np.logaddexp.reduce(np.delete(z, n, axis=1), axis=1)
        single[:, group] = z - np.logaddexp(0.0, others)
    return single


def given(
    probability: np.ndarray, threshold: np.ndarray, groups: Sequence[np.ndarray]
) -> np.ndarray:
    """Return which tags are given, (n, T) bool: of a group only the most probable one.

    Args:
        probability: (n, T).
        threshold: (T,) least probability.
        groups: columns of each group of exclusive tags.
    """
    chosen = probability >= threshold
    for group in groups:
        # Among those that reach their threshold: another member may need a higher one.
        each = np.where(chosen[:, group], probability[:, group], -1.0)
        best = np.argmax(each, axis=1)
        chosen[:, group] &= np.arange(len(group)) == best[:, None]
    return chosen


def with_known(
    probability: np.ndarray, known: Mapping[int, bool], groups: Sequence[np.ndarray]
) -> np.ndarray:
    """Return probabilities (n, T) in which some tags are known to be true or false.

    A true member of a group makes all others 0. A false one leaves its probability to the others
    and to "none", in proportion.

    Args:
        probability: (n, T).
        known: column of a tag: whether it is true.
        groups: columns of each group of exclusive tags.
    """
    out = np.array(probability, np.float64)
    for group in groups:
        told = {n: known[column] for n, column in enumerate(group.tolist()) if column in known}
        false = [n for n, true in told.items() if not true]
        # The probability that is left for the other members and for "none".
        left = np.maximum(1.0 - out[:, group[false]].sum(axis=1, keepdims=True), 1e-12)
        out[:, group] /= left
        if any(told.values()):
            out[:, group] = 0.0
    for column, true in known.items():
        out[:, column] = float(true)
    return np.minimum(out, 1.0)
