"""Resolution: point spread and a band of wavelengths in tables over q, far light in images."""

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.physics.profiles import FULL_WIDTH


@compiled
def _convolve(padded, kernel, out):
    rows, points = out.shape
    for r in range(rows):
        for k in range(len(kernel)):
            for i in range(points):
                out[r, i] += kernel[k] * padded[r, i + k]
    return out


def smear(profiles: np.ndarray, width: float) -> np.ndarray:
    """Return `profiles` (n, points) convolved with a Gaussian of deviation `width` in points."""
    # Beyond four deviations a Gaussian is below 1e-3 of its maximum.
    reach = int(np.ceil(4 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel /= kernel.sum()
    rows, points = profiles.shape
    padded = np.empty((rows, points + 2 * reach))
    padded[:, reach:-reach] = profiles
    # Continued by their end values: zeros would darken both ends.
    padded[:, :reach], padded[:, -reach:] = profiles[:, :1], profiles[:, -1:]
    return _convolve(padded, kernel, np.zeros(profiles.shape))


def mix_wavelengths(profiles: np.ndarray, spread: float) -> np.ndarray:
    """Return `profiles` (n, points), evenly spaced from q = 0, after mixing of wavelengths.

    Every wavelength shows the profile at another scale: ∫ p(s) I(q s) ds, with p normal in ln s, is
    a convolution over ln q, σ = spread / √(8 ln 2), `spread` the relative full width (Pedersen,
    Posselt & Mortensen, J. Appl. Cryst. 23 (1990) 321, for a selector).
    """
    points = profiles.shape[1]
    sigma = spread / FULL_WIDTH
    step = 1.0 / points  # in ln q: as fine as the table where it is coarsest, at its end
    reach = int(np.ceil(5 * sigma / step))
    log_q = np.arange(-reach, int(np.log(points) / step) + reach) * step  # from the first point on
    # A power of two, with room for the kernel at both ends.
    size = 1 << (len(log_q) + 2 * reach).bit_length()
    wave = np.arange(size // 2 + 1) * (2 * np.pi / (size * step))
    kernel = np.exp(-0.5 * (wave * sigma) ** 2)
    index = np.arange(points, dtype=float)
    mixed = profiles.copy()
    for row in mixed:
        padded = np.interp(np.exp(log_q), index, row)  # beyond its end the profile goes on flat
        padded = np.concatenate(
            [np.full(reach, padded[0]), padded, np.full(size - reach - len(log_q), padded[-1])]
        )
        padded[-reach:] = padded[0]  # the transform goes round
        smooth = np.fft.irfft(np.fft.rfft(padded) * kernel, size)[reach : reach + len(log_q)]
        # The value at q = 0 stays: its logarithm does not exist.
        row[1:] = np.maximum(np.interp(np.log(index[1:]), log_q, smooth), 0)
    return mixed


def mixed_halves(tables: np.ndarray, spread: float) -> np.ndarray:
    """Return `tables` (n, 2 points - 1) of a Plane after mixing of wavelengths, axis by axis."""
    if not spread:
        return tables
    middle = tables.shape[1] // 2
    right, left = (
        mix_wavelengths(np.ascontiguousarray(t), spread)
        for t in (tables[:, middle:], tables[:, middle::-1])
    )
    return np.concatenate([left[:, :0:-1], right], axis=1)


@compiled
def _box(image, half, sums, held):
    """Average `image` over 2 half + 1 pixels along both axes, in place; edges lose light.

    `sums` (cols,) and `held` (half + 1, cols) are room to work in.
    """
    rows, cols = image.shape
    share = 1.0 / (2 * half + 1)
    for r in range(rows):
        held[0, :] = image[r]
        total = 0.0
        for c in range(min(half, cols)):
            total += held[0, c]
        for c in range(cols):
            if c + half < cols:
                total += held[0, c + half]
            if c - half - 1 >= 0:
                total -= held[0, c - half - 1]
            image[r, c] = total * share
    # The rows that leave the window have been written over: they are held.
    sums[:] = 0
    for r in range(min(half, rows)):
        for c in range(cols):
            sums[c] += image[r, c]
    for r in range(rows):
        if r + half < rows:
            for c in range(cols):
                sums[c] += image[r + half, c]
        slot = r % (half + 1)
        if r - half - 1 >= 0:
            for c in range(cols):
                sums[c] -= held[slot, c]
        for c in range(cols):
            held[slot, c] = image[r, c]
            image[r, c] = max(sums[c] * share, 0.0)


def spread_far(image: np.ndarray, width: float) -> None:
    """Blur `image` (rows, cols) in place by nearly a Gaussian of deviation `width` in pixels.

    Three averages over boxes: their cost does not depend on the width. Edges lose light.
    """
    # A box of n pixels has the variance (n² − 1)/12. Odd n, some two pixels wider than the others,
    # come close to any variance (Kovesi, DICTA 2010).
    odd = int((np.sqrt(4 * width**2 + 1) - 1) / 2) * 2 + 1
    narrow = round((3 * odd**2 + 12 * odd + 9 - 12 * width**2) / (4 * odd + 4))
    columns = image.shape[1]
    for number in range(3):
        half = odd // 2 if number < narrow else odd // 2 + 1
        if half:
            _box(image, half, np.empty(columns), np.empty((half + 1, columns)))
