"""The small images on which a beam centre is found: sums of counts on the scale of their noise."""

import numpy as np
from scipy import ndimage

_BLOCK = 8  # pixels a side of the blocks that show a pedestal
_STRIPES = 40  # of such blocks
_FEWEST = 40  # blocks
_QUIET = 0.5  # variance over mean of a pedestal, at most; that of photons is 1


def reduced(
    counts: np.ndarray, mask: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Sum counts over square blocks, so that the longer side has about `side` pixels.

    Args:
        counts: (rows, cols).
        mask: (rows, cols), True = not usable.
        side: blocks on the longer side.

    Returns:
        t of the sums, where blocks are live, and the side of a block in pixels.
    """
    # Whole blocks: sums of whole pixels keep photon noise as it is.
    # And a few of them across a strip, or it would have no gradients.
    block = max(1, min(round(max(counts.shape) / side), min(counts.shape) // 8))
    rows, cols = (length // block for length in counts.shape)
    cut = (slice(rows * block), slice(cols * block))
    live = ~mask[cut]
    values = np.where(live, np.maximum(counts[cut], 0), 0).astype(np.float32)
    number = live.reshape(rows, block, cols, block).sum((1, 3))
    blocks = values.reshape(rows, block, cols, block)
    # Scaled to the full block where some of its pixels are masked.
    total = blocks.sum((1, 3)) * (block**2 / np.maximum(number, 1))
    level = 2 * np.sqrt(total + 0.375)
    # Scaling up less than half a block would scale its noise up as well.
    usable = number >= 0.5 * block**2
    # A hot pixel must not decide the value of its block, so neighbours limit it.
    around = ndimage.median_filter(np.where(usable, level, 0), 3)
    level = np.where(level > 3 * around + 6, around, level)
    return level.astype(np.float32), usable, float(block)


def pedestal(counts: np.ndarray, mask: np.ndarray) -> float:
    """Return the constant that a camera adds to all counts; 0.0 where there is none.

    The darkest blocks of pixels vary less than as many photons would. What is left after the
    pedestal varies like photons.

    Args:
        counts: (rows, cols).
        mask: (rows, cols), True = not usable.
    """
    rows, cols = (length // _BLOCK for length in counts.shape)
    if not rows or not cols:
        return 0.0
    # Some stripes are enough, and the whole frame would take as long as all the rest.
    stripes = np.unique(np.linspace(0, rows - 1, _STRIPES).astype(int))
    lines = (stripes[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
    shape = (len(stripes), _BLOCK, cols, _BLOCK)
    blocks = counts[lines, : cols * _BLOCK].reshape(shape).swapaxes(1, 2)
    hidden = mask[lines, : cols * _BLOCK].reshape(shape).any((1, 3))
    blocks = blocks.reshape(-1, _BLOCK, _BLOCK)[~hidden.ravel()].astype(np.float32)
    if len(blocks) < _FEWEST:
        return 0.0
    mean = blocks.mean((1, 2))
    dark = mean <= np.percentile(mean, 10)
    # Second differences: a slope of the image is no noise.
    variance = (np.diff(blocks[dark], 2, axis=2) ** 2).mean((1, 2)) / 6
    level, varies = float(np.median(mean[dark])), float(np.median(variance))
    return level - varies if varies < _QUIET * level else 0.0


def without_pedestal(counts: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `counts` less their :func:`pedestal`; below 0 where noise takes them there."""
    constant = pedestal(counts, mask)
    # As float32: a difference of 32-bit integers would be as float64, of twice the memory.
    return np.subtract(counts, constant, dtype=np.float32) if constant else counts


def rescaled(place: np.ndarray, old: float, new: float) -> np.ndarray:
    """Return a place in blocks of `old` pixels a side, in blocks of `new` pixels a side.

    Args:
        place: row and column (2,) in blocks of `old` pixels.
        old: side of the blocks that `place` counts, in pixels.
        new: side of the blocks that the result counts, in pixels.
    """
    # Centres of blocks are at whole numbers, so the edge of the image is at -0.5.
    return (place + 0.5) * (old / new) - 0.5


def smooth(level: np.ndarray, live: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gaussian mean over live pixels, and the fraction of the Gaussian that was live.

    Args:
        level: image (rows, cols).
        live: (rows, cols) bool, True = usable.
        sigma: standard deviation of the Gaussian in pixels of `level`.
    """
    # Normalised convolution: masked pixels add neither value nor weight.
    weight = ndimage.gaussian_filter(live.astype(np.float32), sigma, mode="constant")
    total = ndimage.gaussian_filter(np.where(live, level, 0), sigma, mode="constant")
    return total / np.maximum(weight, 1e-3), weight


def noise(level: np.ndarray, live: np.ndarray) -> float:
    """Standard deviation of t between pixels: 1 for photon noise, more where counts have a gain."""
    # Second differences remove slopes of the image. For noise of deviation 1 theirs is √6, and the
    # median of their size is 0.6745 of that.
    step = np.diff(level, 2, axis=1)[live[:, 2:] & live[:, 1:-1] & live[:, :-2]]
    return float(max(np.median(np.abs(step)) / 0.6745 / np.sqrt(6), 0.1)) if step.size else 1.0
