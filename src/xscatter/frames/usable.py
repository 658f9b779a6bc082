"""The usable pixels of a frame, without marked, saturated and hot ones and gaps of zeros."""

import numpy as np
from scipy import ndimage

from xscatter.frames.photons import are_counts

_PATCH = 16  # zeros that touch and are as many were blotted out
_HOT = 1e4  # counts that a hot pixel has at least
_HOT_RATIO = 100  # to its brightest neighbour


def usable(
    data: np.ndarray, saturation: float | None = None, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts, mask and saturated pixels (rows, cols) of `data` as it is stored in a file.

    Masked are: not finite; -1 and -2 and other negative marks; the largest value of an unsigned
    32- or 64-bit type, or of a 16-bit type where it fills whole rows or columns; whole rows and
    columns of zeros, and zeros that fill a corner, between pixels that count; exact zeros among
    values that are not whole numbers.

    Args:
        data: (rows, cols), as read.
        saturation: counts at which a pixel is full; None: the largest value of the type.
        mask: (rows, cols), True = not usable, in addition.
    """
    # A copy, since more pixels are added below and the mask belongs to the caller.
    bad = np.zeros(data.shape, bool) if mask is None else mask.astype(bool).copy()
    full = np.zeros(data.shape, bool)
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if data.dtype.kind == "f":
        bad |= ~np.isfinite(data)
        counts = np.where(bad, 0, data).astype(np.float32)
        bad |= _marks(counts, bad)
        if not are_counts(counts[~bad]):
            # Single zeros are values; patches of them were blotted out.
            # Values that are no whole numbers are corrected data: an exact zero there is rarely
            # measured.
            labels, _ = ndimage.label((counts == 0) & ~bad)
            bad |= np.bincount(labels.ravel())[labels] * (labels > 0) >= _PATCH
    else:
        counts = data
        top = np.iinfo(data.dtype).max
        if data.dtype.kind == "i":
            bad |= _marks(counts, bad)
        if data.dtype.kind == "u" and data.dtype.itemsize >= 4:
            bad |= data >= top - 1  # Eiger: the last value is a gap, the one before a dead pixel
        elif data.dtype.kind == "u" and data.dtype.itemsize == 2:
            # In 16 bits the largest value may also be a saturated pixel; a gap fills whole lines.
            bad |= _lines(data == top)
        # An integer type cannot count further: what reaches its end is saturated.
        full = (data >= top) & ~bad
    if saturation is not None:
        full |= counts >= saturation
    if are_counts(counts[~bad]):
        bad |= _blank_parts(np.where(bad, 0, counts))
    # A masked pixel has no value, not even "at least this much".
    full &= ~bad
    # Whatever marked the pixel must not be taken for counts later.
    counts = np.where(bad, counts.dtype.type(0), counts)
    return counts, bad, full


def hot_pixels(counts: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the single pixels (rows, cols) that count far more than any of their neighbours.

    They count 10⁴ or more, and a hundred times more than the brightest neighbour. Where many pixels
    count so much, they are a signal.
    """
    hot = np.zeros(counts.shape, bool)
    rows, cols = np.nonzero((counts > _HOT) & ~mask)
    # Pixels this bright in one of a hundred places are a strong signal, not defects.
    if len(rows) == 0 or len(rows) > 0.01 * counts.size:
        return hot
    down, right = np.mgrid[-1:2, -1:2].reshape(2, 9, 1)
    near_rows, near_cols = rows + down, cols + right  # (9, n)
    place = near_rows.clip(0, counts.shape[0] - 1), near_cols.clip(0, counts.shape[1] - 1)
    outside = (place[0] != near_rows) | (place[1] != near_cols)
    # Unknown pixels count as dark, so that a hot pixel at the edge of a gap is found.
    near = np.where(outside | mask[place], 0, counts[place])
    brightest = np.partition(near, -2, axis=0)[-2]  # but for the pixel itself
    # The 1 keeps a neighbour without counts from making any pixel hot.
    chosen = counts[rows, cols] > _HOT_RATIO * (brightest + 1.0)
    hot[rows[chosen], cols[chosen]] = True
    return hot


def _marks(counts: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Negative values that stand for something else than counts."""
    negative = (counts < 0) & ~bad
    if not negative.any():
        return negative
    values, number = np.unique(counts[negative], return_counts=True)
    # Marks are small whole numbers, such as -1 for a gap and -2 for a dead pixel.
    if np.all(values == np.rint(values)) and values.min() >= -16:
        return negative
    # Negative counts of a subtracted background are all different; a mark is one value many times.
    often = values[(number > 20) & (number > 20 * np.median(number)) & (values == np.rint(values))]
    return np.isin(counts, often) & negative


def _lines(hit: np.ndarray) -> np.ndarray:
    """Return `hit` if it fills a row or a column nearly everywhere; nothing is hit otherwise."""
    rows, cols = hit.mean(axis=1) > 0.9, hit.mean(axis=0) > 0.9
    return hit if rows.any() or cols.any() else np.zeros_like(hit)


def _blank_parts(counts: np.ndarray) -> np.ndarray:
    """Rows, columns and corners of zeros where the rest counts: gaps, outside of a round window."""
    zero = counts == 0
    blank = np.zeros(counts.shape, bool)
    # Fraction of the pixels that count: how unlikely an empty line is.
    typical = float((~zero).mean())
    for axis in (0, 1):
        lines = zero.all(axis=1 - axis)
        # A line is a gap only if chance would never leave it empty.
        if lines.any() and not lines.all() and typical * counts.shape[1 - axis] > 50:
            blank |= lines[:, None] if axis == 0 else lines[None, :]
    # In a sparse image empty corners are no evidence of a window.
    if typical < 0.5:
        return blank
    labels, _ = ndimage.label(zero)
    corners = {int(labels[y, x]) for y in (0, -1) for x in (0, -1)} - {0}
    for number in corners:
        region = labels == number
        # The border of a window is abrupt: beside the empty region counts are far from zero.
        rim = ndimage.binary_dilation(region, iterations=3) & ~region
        bright = counts[rim & ~zero]
        if region.sum() > 0.002 * region.size and bright.size and np.median(bright) >= 3:
            blank |= region
    return blank
