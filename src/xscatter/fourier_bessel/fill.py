"""What stands for masked pixels, and for pixels of the disk outside of the detector."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xscatter.fourier_bessel.pixels import Pixels

FILLS = ("zero", "ring-mean", "partner")
# Beyond the outermost live ring, the mean over the outermost rings that hold this many live pixels together.
RIM_PIXELS = 100


@dataclass(frozen=True)
class LivePixels:
    """Which pixels of a window are live."""

    bins: np.ndarray
    """Those of :meth:`Pixels.bins`."""
    counts: np.ndarray
    """Number of live pixels in every ring."""

    def means(self, sums: np.ndarray) -> np.ndarray:
        """Mean of every ring from the sums of its live pixels.

        A ring without live pixels has the value between its neighbours, straight in the radius.
        """
        known, seen, outermost = self._known
        rim = sums[outermost:].sum() / self.counts[outermost:].sum()
        return np.interp(np.arange(self.counts.size), known, sums[known] / seen, right=rim)

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Rings that have live pixels, their numbers of them, and the first ring of the rim."""
        known = np.flatnonzero(self.counts)
        beyond = np.cumsum(self.counts[::-1])[::-1]
        outermost = np.searchsorted(-beyond, -min(RIM_PIXELS, beyond[0]), side="right") - 1
        return known, self.counts[known], int(outermost)


def live_pixels(pixels: Pixels, mask: np.ndarray) -> LivePixels:
    """Pixels in the disk that `mask` (rows, cols) of the detector, True = not live, or NO_MASK, leaves."""
    ones = np.ones(
        [first + side for first, side in zip(pixels.corner, pixels.shape, strict=True)], np.uint8
    )
    bins = pixels.bins(mask)
    return LivePixels(bins, pixels.ring_sums(ones, mask, bins).astype(np.int64))


def with_partners(detector: Pixels, window: Pixels, image: np.ndarray, mask: np.ndarray):
    """Image and mask (rows, cols of `window`) where partners stand for pixels that are not live."""
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
    live = np.zeros(window.shape, bool)  # what the detector does not see is not
    live[place] = detector.live(mask)
    # Row y of the window has its partner in the row that lies as far on the other side of the centre.
    here, there = [], []
    for middle, first, side in zip(window.center, window.corner, window.shape, strict=True):
        partner = int(np.rint(2 * middle)) - 2 * first - np.arange(side)
        here.append(np.flatnonzero((partner >= 0) & (partner < side)))
        there.append(partner[here[-1]])
    taken_at, given_at = np.ix_(*here), np.ix_(*there)
    taken = ~live[taken_at] & live[given_at] & in_disk[taken_at]
    values[taken_at] = np.where(taken, values[given_at], values[taken_at])
    live[taken_at] |= taken
    return values, ~live
