"""The value of one photon in a frame: in photons, frames in any unit have the noise of photons."""

import numpy as np

_BLOCK = 8  # pixels a side of the blocks whose noise is measured
_LARGEST = 1e6  # counts of the 99th percentile
_SAMPLE = 20_000  # pixels that decide whether a frame holds counts
_MOST_NOISE = 3.0  # steps that the noise may give for a photon; strong slopes add to the noise
_MOST_PHOTONS = 1e6  # of a pixel of the sample, where steps of one photon are looked for


def photon_unit(values: np.ndarray, mask: np.ndarray) -> tuple[float, bool]:
    """Return the value of one photon, and whether the values are whole numbers of photons.

    Whole numbers of an integer type are counts. Floats are counts in some unit if they are
    multiples of one step: counts a second, or normalised by a monitor. Other values are corrected
    pixel by pixel: the unit is the ratio of variance to mean, the median over blocks of 8 × 8 live
    pixels. The variance comes from second differences, which no slope of the signal changes. A
    smoothed image has no noise to scale by: its 99th percentile becomes a million counts at most.

    Args:
        values: (rows, cols), of an integer type or float32.
        mask: (rows, cols), True = not usable.
    """
    if values.dtype.kind != "f":
        return 1.0, True
    # A sample is enough: one value in a hundred decides.
    sample = slice(None, None, max(1, values.size // _SAMPLE))
    some = values.reshape(-1)[sample][~mask.reshape(-1)[sample]].astype(np.float64)
    step = _step(some)
    if step == 1:
        return 1.0, True
    noise = _noise_unit(values, mask)
    # A step far below the noise is that of rounding, to a number of decimals.
    return (step, True) if step and noise < _MOST_NOISE * step else (noise, False)


def in_photons(values: np.ndarray, mask: np.ndarray, unit: float | None = None) -> np.ndarray:
    """Return `values` in photons, not below 0.

    Args:
        values: (rows, cols).
        mask: (rows, cols), True = not usable.
        unit: value of one photon; None: that of :func:`photon_unit`.
    """
    if unit is None:
        unit, _ = photon_unit(values, mask)
    photons = np.maximum(values, 0)
    return photons if unit == 1 else photons / np.float32(unit)


def _step(some: np.ndarray) -> float | None:
    """The step of which nearly all of `some` values are multiples; 1 where there are only zeros."""
    size = np.abs(some[some != 0])  # zeros are multiples of anything
    ordered = np.unique(size)
    if len(ordered) == 0:
        return 1.0
    # Above, every float32 is whole, or a multiple of the last digit.
    whole = ordered[-1] >= 1 and _are_multiples(size, 1.0, 2**22, 0.0)
    step = float(ordered[0])
    if len(ordered) > 1:
        # Differences of small values are exact, and those of large ones rounded.
        few = ordered[: max(len(ordered) // 2, 2)]
        step = float(np.diff(few).min())
        # The further multiples fix the step better and better.
        for most in (30, 1000, 30_000):
            beyond = few[few - few[0] < most * step] - few[0]
            number = np.rint(beyond / step)
            if number.any():
                step = float((beyond * number).sum() / (number**2).sum())
    if not _are_multiples(size, step, 1e5, 1e-6):
        return 1.0 if whole else None
    if whole:
        return float(np.rint(step)) if len(ordered) > 1 else 1.0
    return step if ordered[-1] < _MOST_PHOTONS * step else None


def _are_multiples(size: np.ndarray, step: float, most: float, rounding: float) -> bool:
    """Whether 99 in 100 of the values up to `most` steps are whole steps, and half are so small."""
    number = size[size < most * step] / step
    off = np.abs(number - np.rint(number)) < 1e-3 + rounding * number
    return 2 * len(number) > len(size) and bool(off.mean() > 0.99)


def _noise_unit(values: np.ndarray, mask: np.ndarray) -> float:
    live = ~mask
    # On a scale near 1, since squares of very small or large values leave the range of floats.
    scale = float(np.abs(values).max()) or 1.0
    scaled = values / np.float32(scale)
    difference = scaled[:, 2:] - 2.0 * scaled[:, 1:-1] + scaled[:, :-2]
    known = live[:, 2:] & live[:, 1:-1] & live[:, :-2]
    number = np.maximum(_blocks(known), 1)
    variance = _blocks((difference * known) ** 2) / number / 6  # 6 = 1² + 2² + 1²
    mean = _blocks(scaled[:, 1:-1] * known) / number
    # Blocks with enough pixels and signal; in the others the ratio is noise.
    usable = (number > 32) & (mean > 0) & (variance > 0) & (mean > 0.5 * np.sqrt(variance))
    if usable.any():
        gain = float(np.median(variance[usable] / mean[usable]))
    else:  # of few photons, the sums over all blocks still have the ratio
        total = float(mean.sum())
        gain = float(variance.sum()) / total if total > 0 else 0.0
    # The percentile takes longest, and is no more than the maximum: few frames need it.
    if gain * _LARGEST < 1:
        top = float(np.percentile(scaled[live], 99)) if live.any() else 0.0
        gain = max(gain, top / _LARGEST) or 1.0
    return gain * scale


def _blocks(array: np.ndarray) -> np.ndarray:
    """Sums over blocks; what is left at the end of rows and columns is left out."""
    rows, cols = (length // _BLOCK for length in array.shape)
    cut = array[: rows * _BLOCK, : cols * _BLOCK]
    # One axis after the other: rows are added as vectors.
    lines = cut.reshape(rows, _BLOCK, cols * _BLOCK).sum(1)
    return lines.reshape(rows, cols, _BLOCK).sum(2)
