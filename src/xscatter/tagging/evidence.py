"""Where in a frame, and in which orders of its expansion, the evidence for a tag lies.

Occlusion (Zeiler and Fergus 2014): each part of the input is hidden in turn, and the fall of the
tag's raw output is what that part contributed. Networks that know masked pixels need nothing else.
"""

import numpy as np

from xscatter.tagging.prepare import NOT_USABLE
from xscatter.tagging.tagger import TOGETHER, Ready, Tagger

_PATCHES = 12  # on a side


def in_image(tagger: Tagger, view: str, item: Ready) -> np.ndarray | None:
    """Fall of every output (T, patches, patches) when a patch of the image is masked; None without image view."""
    if "image" not in tagger.needs(view):
        return None
    edges = np.linspace(0, tagger.size, _PATCHES + 1).astype(int)
    image = item.prepared.image
    found = []
    for first in range(0, _PATCHES**2, TOGETHER):
        images = np.repeat(image[None], min(TOGETHER, _PATCHES**2 - first), 0)
        for n, one in enumerate(images, start=first):
            y, x = divmod(n, _PATCHES)
            one[edges[y] : edges[y + 1], edges[x] : edges[x + 1]] = NOT_USABLE
        found.append(_outputs(tagger, view, images, item.coefficients))
    whole = _outputs(tagger, view, image, item.coefficients)
    return (whole - np.concatenate(found)).T.reshape(-1, _PATCHES, _PATCHES)


def in_orders(tagger: Tagger, view: str, item: Ready) -> np.ndarray | None:
    """Fall of every output (T, orders) when an angular order is set to zero; None without coefficient view."""
    if "coefficients" not in tagger.needs(view) or item.coefficients is None:
        return None
    orders = item.coefficients.shape[0]
    coefficients = np.repeat(item.coefficients[None], orders, 0)
    coefficients[np.arange(orders), np.arange(orders)] = 0
    found = _outputs(tagger, view, item.prepared.image, coefficients)
    return (_outputs(tagger, view, item.prepared.image, item.coefficients) - found).T


def _outputs(
    tagger: Tagger, view: str, image: np.ndarray, coefficients: np.ndarray | None
) -> np.ndarray:
    """Raw outputs (n, T) for a stack of one input and a single one of the other, or for one of both."""
    inputs = {"image": image, "coefficients": coefficients}
    given = [
        (name, x) for name, x in inputs.items() if name in tagger.needs(view) and x is not None
    ]
    count = max(len(x) if x.ndim == 3 else 1 for _, x in given)
    return tagger.raw(
        view,
        {name: x if x.ndim == 3 else np.broadcast_to(x, (count, *x.shape)) for name, x in given},
    )
