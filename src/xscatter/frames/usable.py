"""The usable pixels of a frame, without marked, saturated and hot ones and gaps of zeros."""

import numpy as np
from scipy import ndimage

from xscatter.frames.photons import are_counts
from xscatter.frames.regions import region_at, rim_of

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
    bad = np.zeros(data.shape, bool) if mask is None else mask.astype(bool)
    full = np.zeros(data.shape, bool)
    if data.dtype.kind == "b":
        data = data.astype(np.uint8)
    if data.dtype.kind == "f":
        bad |= ~np.isfinite(data)
        counts = np.where(bad, 0, data).astype(np.float32)
        bad |= _marks(counts, bad)
        whole = are_counts(counts, bad)
        if not whole:
            bad |= _blotted(counts, bad)
    else:
        counts, whole = data, True
        # An integer type cannot count further: what reaches its end is saturated.
        top = np.iinfo(data.dtype).max
        if data.dtype.kind == "i":
            bad |= _marks(counts, bad)
        # One look for the largest value spares most frames the comparisons.
        largest = data.max()
        if largest >= top - 1 and data.dtype.kind == "u" and data.dtype.itemsize >= 4:
            bad |= data >= top - 1  # Eiger: the last value is a gap, the one before a dead pixel
        elif largest == top and data.dtype.kind == "u" and data.dtype.itemsize == 2:
            # In 16 bits the largest value may also be a saturated pixel; a gap fills whole lines.
            bad |= _lines(data == top)
        if largest == top:
            full = data >= top
    if saturation is not None and counts.max() >= saturation:
        full |= counts >= saturation
    if whole:
        bad |= _blank_parts(counts, (counts == 0) | bad)
    # A masked pixel has no value, not even "at least this much".
    full &= ~bad
    # Whatever marked the pixel must not be taken for counts later.
    counts = counts.copy()
    counts[bad] = 0
    return counts, bad, full


def hot_pixels(counts: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the single pixels (rows, cols) that count far more than any of their neighbours.

    They count 10⁴ or more, and a hundred times more than the brightest neighbour. Where many pixels
    count so much, they are a signal.
    """
    hot = np.zeros(counts.shape, bool)
    # Quicker than the comparisons below, and all that most frames need.
    if counts.max() <= _HOT:
        return hot
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
    below = counts[negative]
    # Marks are small whole numbers, such as -1 for a gap and -2 for a dead pixel.
    if below.min() >= -16 and (below.dtype.kind == "i" or np.all(below == np.rint(below))):
        return negative
    values, number = np.unique(below, return_counts=True)
    # Negative counts of a subtracted background are all different; a mark is one value many times.
    often = values[(number > 20) & (number > 20 * np.median(number)) & (values == np.rint(values))]
    return np.isin(counts, often) & negative


def _blotted(counts: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Patches of exact zeros among values that are no whole numbers.

    Such values are corrected data: a single zero may be one of them, a patch was blotted out.
    """
    zero = (counts == 0) & ~bad
    if np.count_nonzero(zero) < _PATCH:
        return np.zeros_like(zero)
    labels, _ = ndimage.label(zero)
    large = np.bincount(labels.ravel()) >= _PATCH
    large[0] = False
    return large[labels]


def _lines(hit: np.ndarray) -> np.ndarray:
    """Return `hit` if it fills a row or a column nearly everywhere; nothing is hit otherwise."""
    rows, cols = hit.mean(axis=1) > 0.9, hit.mean(axis=0) > 0.9
    return hit if rows.any() or cols.any() else np.zeros_like(hit)


def _blank_parts(counts: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Rows, columns and corners of zeros where the rest counts: gaps, outside of a round window."""
    blank = np.zeros(zero.shape, bool)
    # Fraction of the pixels that count: how unlikely an empty line is.
    typical = 1 - np.count_nonzero(zero) / zero.size
    for axis in (0, 1):
        lines = zero.all(axis=1 - axis)
        # A line is a gap only if chance would never leave it empty.
        if lines.any() and not lines.all() and typical * zero.shape[1 - axis] > 50:
            blank |= lines[:, None] if axis == 0 else lines[None, :]
    # In a sparse image empty corners are no evidence of a window.
    if typical < 0.5:
        return blank
    looked_at = np.zeros(zero.shape, bool)
    for row, col in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        if not zero[row, col] or looked_at[row, col]:
            continue
        region = region_at(zero, row % zero.shape[0], col % zero.shape[1])
        if region is None or np.count_nonzero(region) <= 0.002 * zero.size:
            continue
        looked_at |= region
        # The border of a window is abrupt: beside the empty region counts are far from zero.
        rim = rim_of(region, 3) & ~zero
        # Half of them: their median, without sorting a quarter of the frame.
        if 0 < np.count_nonzero(rim) <= 2 * np.count_nonzero(rim & (counts >= 3)):
            blank |= region
    return blank
