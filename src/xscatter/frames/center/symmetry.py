"""The point about which an image is most like itself after half a turn."""

import numpy as np
from scipy import fft

from xscatter.frames.center.reduced import smooth


class HalfTurn:
    """Correlation of an image with itself turned by half a turn, about every point at once.

    Small-angle scattering is the same at q and -q (Friedel's law), spots, arcs and streaks
    included. Masked normalised correlation by FFT (Padfield 2012, 10.1109/TIP.2011.2181402): the
    image turned about c is its convolution with itself at 2c.

    Attributes:
        score: (2 rows - 1, 2 cols - 1), the correlation about half of each place, weighted by the
            root of the fraction of the image that takes part in it.
        best: the point of the largest score, (row, column); None: there is no symmetry.
    """

    def __init__(self, level: np.ndarray, live: np.ndarray):
        smoothed, _ = smooth(level, live, 1.0)
        # Without the smooth background, which looks symmetric about any bright place.
        around, _ = smooth(level, live, 10.0)
        detail = np.where(live, smoothed - around, 0)
        scale = np.median(np.abs(detail[live])) if live.any() else 0.0
        # Bounded: a few strong peaks would outweigh all the rest.
        detail = np.where(live, np.tanh(detail / max(4 * scale, 1e-6)), 0)
        # Padded, because the convolution of an image with itself is twice as long.
        size = tuple(int(fft.next_fast_len(2 * length - 1)) for length in level.shape)
        image, square, weight = (
            fft.rfft2(x, size) for x in (detail, detail**2, live.astype(np.float64))
        )

        def convolved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            product = fft.irfft2(a * b, size)
            return product[: 2 * level.shape[0] - 1, : 2 * level.shape[1] - 1]

        number = np.maximum(convolved(weight, weight), 1e-3)
        mean = convolved(image, weight) / number
        variance = convolved(square, weight) / number - mean**2
        likeness = (convolved(image, image) / number - mean**2) / np.maximum(variance, 1e-6)
        # A small overlap is alike by chance.
        enough = number > 0.2 * live.sum()
        self.score = np.where(
            enough & (variance > 1e-4), likeness * np.sqrt(number / max(live.sum(), 1)), 0
        )
        self.best: np.ndarray | None = None
        # Below, the image has no symmetry to speak of.
        if self.score.max() > 0.05:
            self.best = _peak(self.score) / 2

    def at(self, place: np.ndarray) -> float:
        """Return the largest score near `place`."""
        row, col = np.rint(2 * place).astype(int)
        # Two half pixels around, because candidates are only as good as that.
        near = self.score[max(row - 2, 0) : max(row + 3, 0), max(col - 2, 0) : max(col + 3, 0)]
        return float(near.max()) if near.size else 0.0


def _peak(score: np.ndarray) -> np.ndarray:
    """Row and column of the maximum, by a parabola through its neighbours."""
    place = np.array(np.unravel_index(np.argmax(score), score.shape))
    peak = place.astype(float)
    for axis in (0, 1):
        if 0 < place[axis] < score.shape[axis] - 1:
            step = np.eye(2, dtype=int)[axis]
            low, here, high = (
                score[tuple(place - step)],
                score[tuple(place)],
                score[tuple(place + step)],
            )
            curvature = low - 2 * here + high
            if curvature < 0:
                peak[axis] += np.clip(0.5 * (low - high) / curvature, -0.5, 0.5)
    return peak
