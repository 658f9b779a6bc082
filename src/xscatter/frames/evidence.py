"""Where in a frame, and in which orders of its expansion, the evidence for a tag lies.

Occlusion (Zeiler and Fergus 2014): each part of the input is hidden in turn, and the fall of the
tag's raw output is what that part contributed. Networks that know masked pixels need nothing else.
"""

import numpy as np

from xscatter.frames.tagger import Ready, Tagger

_PATCHES = 12  # on a side


def in_image(tagger: Tagger, view: str, item: Ready, tag: int) -> np.ndarray | None:
    """Fall of the output of `tag` (patches, patches) when a patch of the image is masked; None without image view."""
    if "image" not in tagger.needs(view):
        return None
    size = tagger.size
    edges = np.linspace(0, size, _PATCHES + 1).astype(int)
    image = item.prepared.image
    images = np.repeat(image[None], _PATCHES**2 + 1, 0)
    for n in range(_PATCHES**2):
        y, x = divmod(n, _PATCHES)
        images[n, edges[y] : edges[y + 1], edges[x] : edges[x + 1]] = -1.0
    return _falls(tagger, view, {"image": images, "coefficients": item.coefficients}, tag).reshape(_PATCHES, _PATCHES)


def in_orders(tagger: Tagger, view: str, item: Ready, tag: int) -> np.ndarray | None:
    """Fall of the output of `tag` (orders,) when an angular order is set to zero; None without coefficient view."""
    if "coefficients" not in tagger.needs(view) or item.coefficients is None:
        return None
    orders = item.coefficients.shape[0]
    coefficients = np.repeat(item.coefficients[None], orders + 1, 0)
    coefficients[np.arange(orders), np.arange(orders)] = 0
    return _falls(tagger, view, {"image": item.prepared.image, "coefficients": coefficients}, tag)


def _falls(tagger: Tagger, view: str, inputs: dict[str, np.ndarray | None], tag: int) -> np.ndarray:
    """Output of the last of the changed inputs, which is whole, minus that of each other."""
    count = max(len(x) for name, x in inputs.items() if x is not None and x.ndim == 3)
    wide = {}
    for name in tagger.needs(view):
        x = inputs[name]
        assert x is not None
        wide[name] = x if x.ndim == 3 else np.broadcast_to(x, (count, *x.shape))
    found = tagger.raw(view, wide)[:, tag]
    return found[-1] - found[:-1]
