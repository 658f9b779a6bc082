"""D of a process: how detectable a change of the pattern is in a sequence of frames.

L[t, p] are the expected counts of frame t in live pixel p: rows and columns of a contingency table.
A sequence whose pattern never changes has E = row sum × column sum / total, whatever its flux:

    D = √ Σ (L − E)²/E,   contrast = Σ((L − E)²/E) / Σ|L − E|.

D² is the non-centrality of the chi-square test of homogeneity, and D the signal-to-noise ratio of
the ideal observer that knows the change, as d' is for an image. It is streamed over frames with two
images of memory, A = Σ_t L²/L[t, ·] and C = Σ_t L:

    D² = N (Σ_p A/C − 1),   N = Σ_p C.

Source: Cochran, Ann. Math. Stat. 23 (1952) 315 (chi-square test and its non-centrality); Barrett &
Myers, Foundations of Image Science (2004), chapter 13 (ideal observer).
"""

import numpy as np

from xscatter.core.compiled import compiled


@compiled
def _add(row, total, squares, columns):
    """Add a row to A and C; return Σ A/C."""
    ratio = 0.0
    for p in range(len(row)):
        value = np.float64(row[p])
        squares[p] += value * value / total
        columns[p] += value
        if columns[p] > 0:
            ratio += squares[p] / columns[p]
    return ratio


@compiled
def _deviation(row, share, columns):
    """Return Σ |L − E| of a row that has the part `share` of all counts."""
    total = 0.0
    for p in range(len(row)):
        total += abs(np.float64(row[p]) - share * columns[p])
    return total


class HomogeneityTable:
    """The table of expected counts of a sequence, one frame at a time.

    Attributes:
        course: D of the frames so far, one value for each that was added.

    Example:
        >>> import numpy as np
        >>> from xscatter.simulate.homogeneity import HomogeneityTable
        >>> table = HomogeneityTable(2)
        >>> for row in ([90.0, 10.0], [45.0, 5.0], [10.0, 90.0]):
        ...     table.add(np.array(row))
        >>> [round(d, 3) for d in table.course]
        [0.0, 0.0, 12.555]
    """

    def __init__(self, pixels: int):
        self._squares, self._columns = np.zeros(pixels), np.zeros(pixels)
        self._total, self._deviation = 0.0, 0.0
        self.course: list[float] = []

    def add(self, row: np.ndarray) -> None:
        """Add the expected counts (pixels,) of the next frame."""
        total = float(row.sum(dtype=np.float64))
        self._total += total
        if total <= 0:  # a frame without light says nothing about the pattern
            self.course.append(self.detectability)
            return
        ratio = _add(row, total, self._squares, self._columns)
        self.course.append(float(np.sqrt(max(self._total * (ratio - 1), 0.0))))

    def compare(self, row: np.ndarray) -> None:
        """Compare a frame with the whole table; call it for every frame after the last `add`."""
        share = float(row.sum(dtype=np.float64)) / self._total if self._total > 0 else 0.0
        self._deviation += _deviation(row, share, self._columns)

    @property
    def detectability(self) -> float:
        """D of all frames that were added."""
        return self.course[-1] if self.course else 0.0

    @property
    def contrast(self) -> float:
        """Contrast of all frames, after each was compared."""
        return self.detectability**2 / self._deviation if self._deviation > 0 else 0.0


def totals_course(totals: np.ndarray) -> np.ndarray:
    """Return D (n,) of the frames 0..t for every t, of total counts `totals` (n,): Σ (r − m)²/m."""
    rows = np.asarray(totals, float)
    mean = np.cumsum(rows) / np.arange(1, len(rows) + 1)
    excess = np.cumsum(rows**2) - mean * np.cumsum(rows)
    return np.sqrt(np.maximum(excess, 0) / np.where(mean > 0, mean, 1))


def totals_contrast(totals: np.ndarray) -> float:
    """Return the contrast of a change of the total counts (n,)."""
    rows = np.asarray(totals, float)
    away = np.abs(rows - rows.mean()).sum()
    return float(totals_course(rows)[-1] ** 2 / away) if away > 0 else 0.0
