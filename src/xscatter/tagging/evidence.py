"""The evidence for a tag: its places in a frame and the orders of its expansion.

Occlusion (Zeiler and Fergus 2014): each part of the input is hidden in turn, and the fall of the
tag's logit is what that part contributed. Networks that know masked pixels need nothing else.
"""

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

import numpy as np

from xscatter.records.constants import NOT_USABLE
from xscatter.tagging.tagger import Ready, Tagger

PATCHES = 8  # on a side: each costs a call of the network
_TOGETHER = 16  # inputs in memory at a time


def in_image(tagger: Tagger, view: str, item: Ready) -> np.ndarray | None:
    """Return the fall of every logit when a patch of the image is masked.

    Args:
        tagger: the networks.
        view: the network to ask.
        item: the frame.

    Returns:
        (T, PATCHES, PATCHES); None if the network has no image input.
    """
    if "image" not in tagger.needs(view):
        return None
    falls = _falls(tagger, view, item, "image", _without_patches(item.inputs["image"]))
    return falls.reshape(-1, PATCHES, PATCHES)


def in_orders(tagger: Tagger, view: str, item: Ready) -> np.ndarray | None:
    """Return the fall of every logit when an angular order is set to zero.

    Args:
        tagger: the networks.
        view: the network to ask.
        item: the frame.

    Returns:
        (T, angular_orders); None if the network has no coefficient input.
    """
    if "coefficients" not in tagger.needs(view):
        return None
    return _falls(tagger, view, item, "coefficients", _without_orders(item.inputs["coefficients"]))


def _falls(
    tagger: Tagger, view: str, item: Ready, name: str, occluded: Iterable[np.ndarray]
) -> np.ndarray:
    """Fall of every logit (T, n) with each of n `occluded` arrays as the input `name`."""
    inputs, logits = (item.inputs | {name: values} for values in occluded), []
    # In pieces: there are 64 images of one frame.
    while some := list(islice(inputs, _TOGETHER)):
        logits.append(tagger.logits(view, some))
    return (tagger.logits(view, [item.inputs]) - np.concatenate(logits)).T


def _without_patches(image: np.ndarray) -> Iterator[np.ndarray]:
    # Rounded edges: the side need not be a multiple of the patches.
    edges = np.linspace(0, len(image), PATCHES + 1).astype(int)
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            occluded = image.copy()
            occluded[top:bottom, left:right] = NOT_USABLE
            yield occluded


def _without_orders(coefficients: np.ndarray) -> Iterator[np.ndarray]:
    for order in range(len(coefficients)):
        occluded = coefficients.copy()
        occluded[order] = 0
        yield occluded
