"""The fraction of the disk of the Fourier-Bessel expansion that lies on live pixels."""

from dataclasses import dataclass

import numpy as np

from xscatter.simulate.instrument.layouts import Layout
from xscatter.simulate.instrument.outline import DetectorOutline

# Rows and columns, in fractions of the side, at which coverage is counted: the same at every size.
GRID = (np.arange(120) + 0.5) / 120
SPARE = 1.1  # a detector or mask must leave this much more than the least coverage


@dataclass(frozen=True)
class ExpansionDisk:
    """The disk of the expansion on detectors of one layout.

    Attributes:
        layout: of the detector.
        radius: of the disk, as a fraction of the side of the image.
        minimum: least fraction of the disk that the transform accepts.
        mask: (rows, cols) bool of the study, True = not usable; or None.
    """

    layout: Layout
    radius: float
    minimum: float
    mask: np.ndarray | None = None

    def covered(
        self,
        center: np.ndarray,
        outline: DetectorOutline,
        hidden: np.ndarray | None = None,
    ) -> float:
        """Return the fraction of the disk about `center` that is live for sure.

        It is counted on `GRID` and reduced by the most that gaps, bad pixels and the rounding of
        edges can take, so the true fraction is never below.

        Args:
            center: row and column in fractions of the side.
            outline: of the detector.
            hidden: (120, 120) bool, what else is not live.
        """
        inside = np.hypot(GRID[:, None] - center[0], GRID[None, :] - center[1]) <= self.radius
        if hidden is not None:
            inside &= ~hidden
        # Gaps take up to 17/212 and 7/494 of the area; the rest is for bad pixels and round edges.
        sure = 0.88 if self.layout.module else 0.98
        inside &= ~outline.outside(GRID)
        if min(outline.extent) < 0.9:  # a row of image pixels more or less
            sure *= 1 - 0.016 / min(outline.extent)
        if self.mask is not None:
            place = ((GRID - 1 / 240) * len(self.mask)).astype(int)
            inside &= ~self.mask[np.ix_(place, place)]
        return float(inside.mean() / (np.pi * self.radius**2) * sure)

    def accepts(
        self, center: np.ndarray, outline: DetectorOutline, hidden: np.ndarray | None = None
    ) -> bool:
        """Return whether coverage exceeds the least by some; arguments as for :meth:`covered`.

        Args:
            center: row and column in fractions of the side.
            outline: of the detector.
            hidden: (120, 120) bool, what else is not live.
        """
        return self.covered(center, outline, hidden) >= SPARE * self.minimum
