"""Read-out of an integrating detector: light that spreads, gain, read-out noise, offset.

The light of each photon falls on several pixels of a CCD, so the noise of neighbours is correlated,
and that of a pixel is less than the root of its photons. The covariance of pixels m apart along one
axis, for a photon anywhere in a pixel whose light is a Gaussian of standard deviation σ, is

    C_m = ∫ p(x) p(x + m) dx = (box ∗ box ∗ Gaussian of √2 σ)(m) = F(m + 1) − 2 F(m) + F(m − 1),
    F(x) = √2 σ [z Φ(z) + φ(z)], z = x / (√2 σ),

p the part of the light that a pixel collects, φ and Φ the density and distribution of the standard
normal.

Source: Gruner, Tate & Eikenberry, Rev. Sci. Instrum. 73 (2002) 2815 (CCD detectors, noise and point
spread); Barrett & Myers, Foundations of Image Science (2004), chapter 12 (autocovariance of a
linear detector).
"""

import math
from functools import cache

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.instrument.detector import Detector


def covariance(spread: float, reach: int) -> np.ndarray:
    """Return C_m (2 reach + 1,) for a `spread` σ in pixels, m from -reach to reach; sum 1."""
    width = math.sqrt(2) * spread

    def integral(x: float) -> float:
        z = x / width
        return width * (
            z * 0.5 * math.erfc(-z / math.sqrt(2)) + math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
        )

    second = np.diff([integral(m) for m in range(-reach - 1, reach + 2)], 2)
    return second / second.sum()


@cache
def spread_kernel(spread: float) -> np.ndarray:
    """Return symmetric weights (2 n + 1,) that give white noise the `covariance` of `spread`."""
    reach = math.ceil(4 * spread) + 2
    size = 16 * reach
    padded = np.zeros(size)
    # The kernel is the square root of the covariance, taken in Fourier space.
    padded[: 2 * reach + 1] = covariance(spread, reach)
    power = np.fft.rfft(np.roll(padded, -reach)).real
    kernel = np.roll(np.fft.irfft(np.sqrt(np.maximum(power, 0)), size), reach)[: 2 * reach + 1]
    # Weights below a thousandth cost time and change hardly anything.
    cut = int(np.flatnonzero(np.abs(kernel) > 1e-3 * kernel.max())[0])
    kernel = kernel[cut : len(kernel) - cut]
    return (kernel / kernel.sum()).astype(np.float32)


@compiled
def _deviation(counts, expected, live, out):
    """Fill `out` with drawn less expected counts; 0 on masked pixels."""
    rows, cols = out.shape
    for r in range(rows):
        for c in range(cols):
            out[r, c] = np.float32(counts[r, c]) - expected[r, c] if live[r, c] else np.float32(0)


@compiled
def _spread(image, kernel, row, held):
    """Convolve `image` (rows, cols) with `kernel` along both axes, in place; edges lose light.

    `row` (cols,) and `held` (taps, cols) are room to work in.
    """
    rows, cols = image.shape
    taps = len(kernel)
    half = taps // 2
    # Only as many rows are held as the kernel is wide, not a second image.
    held[:] = 0
    for r in range(rows + half):
        slot = r % taps
        held[slot] = 0
        if r < rows:
            for k in range(taps):
                weight, shift = kernel[k], k - half
                for c in range(max(0, -shift), min(cols, cols - shift)):
                    held[slot, c] += weight * image[r, c + shift]
        done = r - half
        if done >= 0:
            row[:] = 0
            for k in range(taps):
                weight, source = kernel[k], (done + k - half) % taps
                if 0 <= done + k - half < rows:
                    for c in range(cols):
                        row[c] += weight * held[source, c]
            image[done] = row


def read_out(
    counts: np.ndarray,
    expected: np.ndarray,
    live: np.ndarray,
    detector: Detector,
    rng: np.random.Generator,
) -> None:
    """Turn photons into the digits of an integrating detector, in place.

    The point spread of the light is in `expected` already: here it is applied to the noise.

    Args:
        counts: (rows, cols) uint32, the photons; masked pixels keep their values.
        expected: (rows, cols) float32, their mean.
        live: (rows, cols) bool.
        detector: its gain, noise and point spread are those of the digits.
        rng: stream of the read-out noise of this image.
    """
    noise = detector.read_out * detector.scale
    # Only what the photons deviate by is spread: their mean has been, by the point spread.
    value = np.empty(counts.shape, np.float32)
    _deviation(counts, expected, live, value)
    kernel = spread_kernel(detector.point_spread / detector.scale)
    columns = counts.shape[1]
    _spread(
        value, kernel, np.empty(columns, np.float32), np.empty((len(kernel), columns), np.float32)
    )
    value += expected
    value *= np.float32(detector.gain)
    white = rng.standard_normal(counts.shape, dtype=np.float32)
    white *= np.float32(noise)
    value += white
    value += np.float32(3 * noise + 0.5)  # the offset keeps the digits of the dark above 0
    # Before clipping, which hides it.
    full = value >= detector.saturation
    np.clip(value, 0, detector.saturation, out=value)
    np.copyto(counts, value.astype(np.uint32), where=live)
    counts[full & live] = detector.saturation


def in_units(counts: np.ndarray, live: np.ndarray, detector: Detector) -> None:
    """Turn photon counts into other units, such as those of a normalised frame, in place.

    Args:
        counts: (rows, cols) uint32, the photons; masked pixels keep their values.
        live: (rows, cols) bool.
        detector: its gain is the number of units in a photon.
    """
    value = np.minimum(np.rint(counts * detector.gain), detector.saturation)
    np.copyto(counts, value.astype(np.uint32), where=live)
