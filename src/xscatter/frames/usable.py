"""The usable pixels of a frame, without marked, saturated and hot ones and gaps of zeros."""

import numpy as np
from scipy import ndimage

from xscatter.frames.photons import photon_unit
from xscatter.frames.regions import region_at, rim_of

_PATCH = 16  # zeros that touch and are as many were blotted out
_HOT = 1e4  # counts that a hot pixel has at least
_HOT_RATIO = 100  # to its brightest neighbour
_ENDLESS = 1e37  # float32 ends at 3e38, and no intensity is so large


def usable(
    data: np.ndarray, saturation: float | None = None, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return counts, mask and saturated pixels (rows, cols) of `data`, and the unit of counts.

    Masked are: not finite, or as large as floats can be; -1 and -2 and other negative marks; the
    largest value of an unsigned 32- or 64-bit type, or of a smaller type where it fills whole rows
    or columns; whole rows and columns of zeros, and zeros that fill a corner, between pixels that
    count; patches of exact zeros among values that are not whole numbers of a unit. The unit is
    that of :func:`photon_unit`.

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
        data = data.astype(np.float32) if data.dtype.itemsize < 4 else data
        # Programs mark pixels with the largest float, too.
        with np.errstate(invalid="ignore"):
            bad |= ~(np.abs(data) < _ENDLESS)
        counts = np.where(bad, 0, data).astype(np.float32)
        bad |= _marks(counts, bad)
        unit, whole = photon_unit(counts, bad)
        if not whole:
            bad |= _blotted(counts, bad)
    else:
        counts, unit, whole = data, 1.0, True
        # An integer type cannot count further: what reaches its end is saturated.
        top = np.iinfo(data.dtype).max
        if data.dtype.kind == "i":
            bad |= _marks(counts, bad)
        # One look for the largest value spares most frames the comparisons.
        largest = data.max()
        if largest >= top - 1 and data.dtype.kind == "u" and data.dtype.itemsize >= 4:
            bad |= data >= top - 1  # Eiger: the last value is a gap, the one before a dead pixel
        elif largest == top and data.dtype.kind == "u" and data.dtype.itemsize <= 2:
            # In 8 and 16 bits it may also be a saturated pixel; a gap fills whole lines.
            bad |= _lines(data == top)
        if largest == top:
            full = data >= top
    if saturation is not None and counts.max() >= saturation:
        full |= counts >= saturation
    if whole:
        bad |= _blank_parts(counts, (counts == 0) | bad, 3 * unit)
    # A masked pixel has no value, not even "at least this much".
    full &= ~bad
    # Whatever marked the pixel must not be taken for counts later.
    counts = counts.copy()
    counts[bad] = 0
    return counts, bad, full, unit


def hot_pixels(counts: np.ndarray, mask: np.ndarray, unit: float = 1.0) -> np.ndarray:
    """Return the single pixels (rows, cols) that count far more than any of their neighbours.

    They count 10⁴ or more, and a hundred times more than the brightest neighbour. Where many pixels
    count so much, they are a signal.

    Args:
        counts: (rows, cols), masked pixels 0.
        mask: (rows, cols), True = not usable.
        unit: value of one photon in `counts`.
    """
    hot = np.zeros(counts.shape, bool)
    # Quicker than the comparisons below, and all that most frames need.
    if counts.max() <= _HOT * unit:
        return hot
    rows, cols = np.nonzero((counts > _HOT * unit) & ~mask)
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
    # The photon keeps a neighbour without counts from making any pixel hot.
    chosen = counts[rows, cols] > _HOT_RATIO * (brightest + unit)
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
    """Return `hit` where it fills a row or a column nearly everywhere, and single ones beside."""
    rows, cols = hit.mean(axis=1) > 0.9, hit.mean(axis=0) > 0.9
    gaps = hit & (rows[:, None] | cols[None, :])
    # Single ones are dead pixels; where there are many, the detector is saturated.
    inside, all_hits = np.count_nonzero(gaps), np.count_nonzero(hit)
    return hit if all_hits <= 1.1 * inside else gaps


def _blank_parts(counts: np.ndarray, zero: np.ndarray, bright: float) -> np.ndarray:
    """Rows, columns and corners of zeros where the rest counts: gaps, outside of a round window.

    Beside a window most pixels count `bright` or more.
    """
    blank = np.zeros(zero.shape, bool)
    # Fraction of the pixels that count: how unlikely an empty line is.
    typical = 1 - np.count_nonzero(zero) / zero.size
    for axis in (0, 1):
        lines = np.asarray(zero.all(axis=1 - axis))
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
        if 0 < np.count_nonzero(rim) <= 2 * np.count_nonzero(rim & (counts >= bright)):
            blank |= region
    return blank
