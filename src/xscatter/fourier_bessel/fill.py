"""Values for pixels that are not live: masked, not finite, or beside the detector."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xscatter.fourier_bessel.pixels import Pixels

FILLS = ("zero", "ring-mean", "partner")
# Beyond the outermost live ring stands the mean over the outermost rings that hold, together, this
# many live pixels: the last ring alone may hold a single noisy one.
RIM_PIXELS = 100


@dataclass(frozen=True)
class LivePixels:
    """The live pixels of a window, ring by ring.

    Attributes:
        bins: see :meth:`Pixels.bins`.
        counts: (rings,) number of live pixels in every ring.
    """

    bins: np.ndarray
    counts: np.ndarray

    def means(self, sums: np.ndarray) -> np.ndarray:
        """Return the mean of every ring, (rings,), from the `sums` (rings,) of its live pixels.

        A ring without live pixels gets a value between its neighbours, linear in the radius.
        """
        known, seen, outermost = self._known
        rim = sums[outermost:].sum() / self.counts[outermost:].sum()
        return np.interp(np.arange(self.counts.size), known, sums[known] / seen, right=rim)

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Return rings that have live pixels, how many each, and the first ring of the rim."""
        # Rings without live pixels have no mean of their own.
        known = np.flatnonzero(self.counts)
        beyond = np.cumsum(self.counts[::-1])[::-1]
        outermost = np.searchsorted(-beyond, -min(RIM_PIXELS, beyond[0]), side="right") - 1
        return known, self.counts[known], int(outermost)


def live_pixels(pixels: Pixels, mask: np.ndarray) -> LivePixels:
    """Return the pixels of the disk that a mask leaves live.

    `mask` is (rows, cols) of the detector, True = not live, or NO_MASK.
    """
    ones = np.ones(
        [first + side for first, side in zip(pixels.corner, pixels.shape, strict=True)], np.uint8
    )
    bins = pixels.bins(mask)
    return LivePixels(bins, pixels.ring_sums(ones, mask, bins).astype(np.int64))


def with_partners(
    detector: Pixels, window: Pixels, image: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Replace pixels that are not live by those on the other side of the centre.

    Args:
        detector: the pixels of the detector in the disk.
        window: those, and the places of their partners beside the detector.
        image: (rows, cols) of the detector.
        mask: as `image`, True = not live, or NO_MASK.

    Returns:
        Image and mask, (rows, cols) of `window`.
    """
    seen = tuple(
        slice(first, first + side)
        for first, side in zip(detector.corner, detector.shape, strict=True)
    )
    place = tuple(
        slice(s.start - first, s.stop - first) for s, first in zip(seen, window.corner, strict=True)
    )
    values = np.zeros(window.shape, window.dtype)
    values[place] = image[seen]
    in_disk = window.in_disk
    live = np.zeros(window.shape, bool)  # False beside the detector
    live[place] = detector.live(mask)
    # The partner of a row (or column) is the one as far from the centre on its other side.
    here, there = [], []
    for middle, first, side in zip(window.center, window.corner, window.shape, strict=True):
        # Rounded: the partner is the pixel nearest to the mirrored place.
        partner = int(np.rint(2 * middle)) - 2 * first - np.arange(side)
        here.append(np.flatnonzero((partner >= 0) & (partner < side)))
        there.append(partner[here[-1]])
    # Only where a pixel and its partner are both in the window.
    taken_at, given_at = np.ix_(*here), np.ix_(*there)
    taken = ~live[taken_at] & live[given_at] & in_disk[taken_at]
    values[taken_at] = np.where(taken, values[given_at], values[taken_at])
    live[taken_at] |= taken
    return values, ~live
