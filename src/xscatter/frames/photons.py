"""Counts in photons, so that frames in other units have the noise that photons have."""

import numpy as np

_BLOCK = 8  # pixels a side of the blocks whose noise is measured
_LARGEST = 1e6  # counts of the 99th percentile


def are_counts(values: np.ndarray, mask: np.ndarray) -> bool:
    """Whether the `values` that `mask` leaves are counts: whole numbers, but for rounding."""
    if values.dtype.kind != "f":
        return True
    # A sample is enough: one value in a hundred decides.
    sample = slice(None, None, max(1, values.size // 20000))
    some = values.reshape(-1)[sample][~mask.reshape(-1)[sample]]
    return some.size == 0 or bool((np.abs(some - np.rint(some)) < 1e-3).mean() > 0.99)


def in_photons(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `values` (rows, cols) that are not below 0 and have the noise of photon counts.

    Whole numbers are counts already. Other values are divided by the gain, which is the ratio of
    variance to mean: the median over blocks of 8 × 8 live pixels. The variance comes from second
    differences, which no slope of the signal changes. A smoothed image has no noise to scale by:
    its 99th percentile becomes a million counts at most.
    """
    if are_counts(values, mask):
        return np.maximum(values, 0)
    live = ~mask
    difference = values[:, 2:] - 2.0 * values[:, 1:-1] + values[:, :-2]
    known = live[:, 2:] & live[:, 1:-1] & live[:, :-2]
    number = np.maximum(_blocks(known), 1)
    variance = _blocks((difference * known) ** 2) / number / 6  # 6 = 1² + 2² + 1²
    mean = _blocks(values[:, 1:-1] * known) / number
    # Blocks with enough pixels and signal; in the others the ratio is noise.
    usable = (number > 32) & (mean > 0) & (variance > 0) & (mean > 0.5 * np.sqrt(variance))
    gain = float(np.median(variance[usable] / mean[usable])) if usable.any() else 1.0
    # The percentile takes longest, and no more than the maximum: few frames need it.
    if gain < float(values.max()) / _LARGEST and live.any():
        gain = max(gain, float(np.percentile(values[live], 99)) / _LARGEST)
    return np.maximum(values, 0) / np.float32(max(gain, 1e-12))


def _blocks(array: np.ndarray) -> np.ndarray:
    """Sums over blocks; what is left at the end of rows and columns is left out."""
    rows, cols = (length // _BLOCK for length in array.shape)
    cut = array[: rows * _BLOCK, : cols * _BLOCK]
    # One axis after the other: rows are added as vectors.
    lines = cut.reshape(rows, _BLOCK, cols * _BLOCK).sum(1)
    return lines.reshape(rows, cols, _BLOCK).sum(2)
