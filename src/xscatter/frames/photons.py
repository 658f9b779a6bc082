"""Counts in photons, so that frames in other units have the noise that photons have."""

import numpy as np

_BLOCK = 8  # pixels a side of the blocks whose noise is measured
_LARGEST = 1e6  # counts of the 99th percentile


def are_counts(values: np.ndarray) -> bool:
    """Whether `values` are counts: whole numbers, but for rounding."""
    if values.dtype.kind != "f":
        return True
    # A sample is enough: one value in a hundred decides.
    some = values[:: max(1, values.size // 20000)]
    return some.size == 0 or bool((np.abs(some - np.rint(some)) < 1e-3).mean() > 0.99)


def in_photons(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `values` (rows, cols) that are not below 0 and have the noise of photon counts.

    Whole numbers are counts already. Other values are divided by the gain, which is the ratio of
    variance to mean: the median over blocks of 8 × 8 live pixels. The variance comes from second
    differences, which no slope of the signal changes. A smoothed image has no noise to scale by:
    its 99th percentile becomes a million counts at most.
    """
    if are_counts(values[~mask]):
        return np.maximum(values, 0)
    live = ~mask
    difference = values[:, 2:] - 2.0 * values[:, 1:-1] + values[:, :-2]
    known = live[:, 2:] & live[:, 1:-1] & live[:, :-2]
    rows, cols = difference.shape[0] // _BLOCK, difference.shape[1] // _BLOCK
    cut = (slice(rows * _BLOCK), slice(cols * _BLOCK))

    def blocks(array: np.ndarray) -> np.ndarray:
        return array[cut].reshape(rows, _BLOCK, cols, _BLOCK).sum((1, 3))

    number = np.maximum(blocks(known), 1)
    variance = blocks(np.where(known, difference**2, 0)) / number / 6  # 6 = 1² + 2² + 1²
    mean = blocks(np.where(known, values[:, 1:-1], 0)) / number
    # Blocks with enough pixels and signal; in the others the ratio is noise.
    usable = (number > 32) & (mean > 0) & (variance > 0) & (mean > 0.5 * np.sqrt(variance))
    gain = float(np.median(variance[usable] / mean[usable])) if usable.any() else 1.0
    top = float(np.percentile(values[live], 99)) if live.any() else 1.0
    gain = max(gain, top / _LARGEST, 1e-12)
    return np.maximum(values, 0) / np.float32(gain)
