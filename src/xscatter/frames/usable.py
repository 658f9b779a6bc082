"""Which pixels of a frame can be used: sentinels, gaps that were written as zeros, saturation."""

import numpy as np
from scipy import ndimage

PILATUS_TOP = 2**20 - 1  # counters of 20 bits


def usable(
    data: np.ndarray, saturation: float | None = None, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, mask and saturated pixels (rows, cols) of `data` as it stands in a file.

    Masked are: not finite; -1 and -2 and other negative marks; the largest value of an unsigned
    32- or 64-bit type, or of a 16-bit type where it fills whole rows or columns; whole rows and
    columns of zeros, and zeros that fill a corner, between pixels that count; exact zeros among
    values that are not whole numbers.

    Args:
        data: as read.
        saturation: counts at which a pixel is full; None: the largest value of the type.
        mask: True = not usable, in addition.
    """
    bad = np.zeros(data.shape, bool) if mask is None else mask.astype(bool).copy()
    full = np.zeros(data.shape, bool)
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if data.dtype.kind == "f":
        bad |= ~np.isfinite(data)
        counts = np.where(bad, 0, data).astype(np.float32)
        bad |= _marks(counts, bad)
        if not whole(counts[~bad]):
            # Single zeros are values; patches of them were blotted out.
            labels, _ = ndimage.label((counts == 0) & ~bad)
            bad |= np.bincount(labels.ravel())[labels] * (labels > 0) >= 16
    else:
        counts = data
        top = np.iinfo(data.dtype).max
        if data.dtype.kind == "i":
            bad |= _marks(counts, bad)
        if data.dtype.kind == "u" and data.dtype.itemsize >= 4:
            bad |= data >= top - 1  # Eiger: the last value is a gap, the one before a dead pixel
        elif data.dtype.kind == "u" and data.dtype.itemsize == 2:
            bad |= _lines(data == top)
        full = (data >= top) & ~bad
    if saturation is not None:
        full |= counts >= saturation
    if whole(counts[~bad]):
        bad |= _blank_parts(np.where(bad, 0, counts))
    full &= ~bad
    counts = np.where(bad, counts.dtype.type(0), counts)
    return counts, bad, full


def whole(values: np.ndarray) -> bool:
    """Whether `values` are counts: whole numbers, but for rounding."""
    if values.dtype.kind != "f":
        return True
    some = values[:: max(1, values.size // 20000)]
    return some.size == 0 or bool((np.abs(some - np.rint(some)) < 1e-3).mean() > 0.99)


def _marks(counts: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Negative values that stand for something else than counts."""
    negative = (counts < 0) & ~bad
    if not negative.any():
        return negative
    values, number = np.unique(counts[negative], return_counts=True)
    if np.all(values == np.rint(values)) and values.min() >= -16:
        return negative
    # Negative counts of a subtracted background are all different; a mark is one value many times.
    often = values[(number > 20) & (number > 20 * np.median(number)) & (values == np.rint(values))]
    return np.isin(counts, often) & negative


def _lines(hit: np.ndarray) -> np.ndarray:
    """Those of `hit` that lie in rows or columns that are hit nearly everywhere; none without such lines."""
    rows, cols = hit.mean(axis=1) > 0.9, hit.mean(axis=0) > 0.9
    return hit if rows.any() or cols.any() else np.zeros_like(hit)


def _blank_parts(counts: np.ndarray) -> np.ndarray:
    """Rows, columns and corners of zeros where the rest counts: gaps and the outside of a round window."""
    zero = counts == 0
    found = np.zeros(counts.shape, bool)
    typical = float((~zero).mean())
    for axis in (0, 1):
        lines = zero.all(axis=1 - axis)
        # A line is a gap only if chance would never leave it empty.
        if lines.any() and not lines.all() and typical * counts.shape[1 - axis] > 50:
            found |= lines[:, None] if axis == 0 else lines[None, :]
    if typical < 0.5:
        return found
    labels, _ = ndimage.label(zero)
    corners = {int(labels[y, x]) for y in (0, -1) for x in (0, -1)} - {0}
    for number in corners:
        region = labels == number
        rim = ndimage.binary_dilation(region, iterations=3) & ~region
        if (
            region.sum() > 0.002 * region.size
            and np.median(counts[rim & ~zero] if (rim & ~zero).any() else [0]) >= 3
        ):
            found |= region
    return found


def hot(counts: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Single pixels (rows, cols) bool that count ten thousand or more, and a hundred times more than any neighbour."""
    candidates = np.argwhere((counts > 1e4) & ~mask)
    found = np.zeros(counts.shape, bool)
    if len(candidates) > 0.01 * counts.size:
        return found
    for y, x in candidates:
        near = (slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
        values = np.where(mask[near], 0, counts[near]).ravel()
        if float(counts[y, x]) > 100 * (np.partition(values, -2)[-2] + 1.0):
            found[y, x] = True
    return found
