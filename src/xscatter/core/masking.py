"""The values of stored counts that mark masked and saturated pixels; no other place knows them."""

import numpy as np


def masked_value(dtype: np.dtype) -> np.unsignedinteger | None:
    """Return the count that marks a masked pixel: the largest of an unsigned type, else None."""
    return dtype.type(np.iinfo(dtype).max) if dtype.kind == "u" else None


def marked(counts: np.ndarray) -> np.ndarray:
    """Return the pixels of `counts`, of any shape, whose value is no count: True = not usable.

    These are NaN and infinities, and the largest value of an unsigned type.

    >>> marked(np.array([7, 255], np.uint8)).tolist()
    [False, True]
    """
    mark = masked_value(counts.dtype)
    return ~np.isfinite(counts) if mark is None else counts == mark


def saturated(counts: np.ndarray, mask: np.ndarray, saturation: float | None) -> np.ndarray:
    """Return the pixels that are saturated and not masked, bool.

    Args:
        counts: of any shape.
        mask: as `counts`, True = not usable.
        saturation: counts from which a pixel is saturated; None: not known, so that none is.
    """
    return np.zeros_like(mask) if saturation is None else (counts >= saturation) & ~mask
