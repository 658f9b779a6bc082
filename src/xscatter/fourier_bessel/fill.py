"""What stands for masked pixels, and for pixels of the disk outside of the detector."""

import numpy as np

from xscatter.fourier_bessel import loops
from xscatter.fourier_bessel.pixels import Pixels

FILLS = ("zero", "ring-mean", "partner")
# Beyond the outermost live ring, the mean over the outermost rings that hold this many live pixels together.
RIM_PIXELS = 100


def fill_block(detector: Pixels, window: Pixels, images: np.ndarray, mask: np.ndarray | None, fill: str):
    """What :meth:`Pixels.spread` of `window` takes, and which images have no live pixel.

    Args:
        detector: pixels of the detector.
        window: the same; for "partner", wide enough for the partners.
        images: (n, rows, cols) of the detector.
        mask: (rows, cols) or (n, rows, cols), True = not usable, or None.
        fill: one of FILLS.

    Returns:
        (images, bins, means, their origin) and the images without a live pixel, (n,) bool.
    """
    bins = live_bins(detector, mask)
    if fill == "zero":
        means = np.zeros((len(images), detector.rings + 1), detector.dtype)
        dead = np.broadcast_to((bins >= detector.rings).all((-2, -1)), len(images))
    else:
        means, dead = ring_means(detector, images, bins)
    if fill == "partner":
        return (*_with_partners(detector, window, images, bins), means, (0, 0)), dead
    return (images, bins, means, (detector.top, detector.left)), dead


def live_bins(pixels: Pixels, mask: np.ndarray | None) -> np.ndarray:
    """Ring of every pixel in the window, (rows, cols) or (n, rows, cols); `pixels.rings` more for those not live."""
    if mask is None:
        return pixels.bins
    rows, cols = (slice(first, first + side) for first, side in zip(pixels.corner, pixels.shape, strict=True))
    masked = mask[..., rows, cols] & (pixels.bins < pixels.rings)
    return pixels.bins + pixels.bins.dtype.type(pixels.rings) * masked


def ring_means(pixels: Pixels, images: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over the live pixels of each ring (n, rings + 1), the last 0, and which images have no live pixel.

    A ring without live pixels has the value between its neighbours, straight in the radius.
    """
    means = np.zeros((len(images), pixels.rings + 1), pixels.dtype)
    dead = np.zeros(len(images), bool)
    ring = np.arange(pixels.rings)
    counts = None
    for n, image in enumerate(images):
        own = bins if bins.ndim == 2 else bins[n]
        parts = np.zeros((4, 2 * pixels.rings + 1))
        loops.ring_sums(image, pixels.top, pixels.left, own, parts)
        sums = parts.sum(0)[: pixels.rings]
        if counts is None or bins.ndim == 3:
            counts = np.bincount(own.ravel(), minlength=pixels.rings)[: pixels.rings]
        live = counts > 0
        if not live.any():
            dead[n] = True
            continue
        outermost = np.searchsorted(-np.cumsum(counts[::-1])[::-1], -min(RIM_PIXELS, counts.sum()), side="right") - 1
        rim = sums[outermost:].sum() / counts[outermost:].sum()
        means[n, :-1] = np.interp(ring, ring[live], sums[live] / counts[live], right=rim)
    return means, dead


def _with_partners(detector: Pixels, window: Pixels, images: np.ndarray, bins: np.ndarray):
    """Images and bins (n, rows, cols of `window`) where partners stand for pixels that are not live."""
    seen = tuple(slice(first, first + side) for first, side in zip(detector.corner, detector.shape, strict=True))
    place = tuple(slice(s.start - first, s.stop - first) for s, first in zip(seen, window.corner, strict=True))
    values = np.zeros((len(images), *window.shape), window.dtype)
    values[(slice(None), *place)] = images[(slice(None), *seen)]
    # What the detector does not see is masked.
    filled = np.broadcast_to(window.bins + window.rings * (window.bins < window.rings), values.shape)
    filled = filled.astype(window.bins.dtype)
    filled[(slice(None), *place)] = bins
    # Row y of the window has its partner in the row that lies as far on the other side of the centre.
    here, there = [], []
    for middle, first, side in zip(window.center, window.corner, window.shape, strict=True):
        partner = int(np.rint(2 * middle)) - 2 * first - np.arange(side)
        here.append(np.flatnonzero((partner >= 0) & (partner < side)))
        there.append(partner[here[-1]])
    taken_at, given_at = np.ix_(*here), np.ix_(*there)
    for image, rings in zip(values, filled, strict=True):
        live = rings < window.rings
        taken = ~live[taken_at] & live[given_at] & (window.bins[taken_at] < window.rings)
        image[taken_at] = np.where(taken, image[given_at], image[taken_at])
        rings[taken_at] = np.where(taken, window.bins[taken_at], rings[taken_at])
    return values, filled
