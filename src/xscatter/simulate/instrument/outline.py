"""The outline of a detector in the square of the image.

The detector lies in the middle of the square and need not fill it: beside a strip the pixels are
masked, as they are where a real frame is brought to the square input of the networks.
"""

from dataclasses import dataclass, replace

import numpy as np

from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.layouts import REFERENCE, Layout


@dataclass(frozen=True)
class DetectorOutline:
    """Outline of the detector; lengths in fractions of the side of the image.

    Attributes:
        extent: rows and columns of the detector, which lies in the middle of the square.
        fineness: its pixels in one pixel of the layout: large detectors have more modules.
        turned: whether the modules lie on their side.
        aperture: radius of the round edge of a taper, or None.
        bend: sagitta of the edges of a square taper, positive where its middle is waisted.
        tilt: turn of such a taper in radians.
        model: name of the model among those of the layout.
    """

    extent: tuple[float, float] = (1.0, 1.0)
    fineness: float = 1.0
    turned: bool = False
    aperture: float | None = None
    bend: float = 0.0
    tilt: float = 0.0
    model: str = "whole"

    @classmethod
    def draw(cls, draws: Draws, layout: Layout) -> "DetectorOutline":
        """Draw one of the models of `layout`, which may be turned, and the edges of a taper."""
        rng = draws.rng
        weights = {name: weight for name, (_, _, weight) in layout.models.items()}
        model = draws.choose("model", weights)
        rows, cols, _ = layout.models[model]
        turned = rng.random() < 0.3
        if turned:
            rows, cols = cols, rows
        # The longer side fills the square.
        longer = max(rows, cols)
        resample = draws.study.simulate.sampling == "resample"
        outline = cls(
            extent=(rows / longer, cols / longer),
            fineness=longer / REFERENCE if resample else 1.0,
            turned=turned,
            model=model,
        )
        # Drawn whether used or not, so that later draws do not depend on the layout.
        bend, tilt = float(rng.uniform(-0.02, 0.03)), float(np.deg2rad(rng.normal(0, 0.8)))
        aperture = float(rng.uniform(0.46, 0.51))
        if rows == cols:
            kind = draws.fraction("aperture")
            if kind < layout.round_edges:
                outline = replace(outline, aperture=aperture)
            elif kind > 1 - layout.bent_edges:
                outline = replace(outline, bend=bend, tilt=tilt)
        return outline

    @property
    def begin(self) -> tuple[float, float]:
        """First row and column."""
        return (1 - self.extent[0]) / 2, (1 - self.extent[1]) / 2

    def holds(self, point: tuple[float, float]) -> bool:
        """Return whether `point` (row, column) lies on the rectangle of the detector."""
        return all(b <= p < b + e for p, b, e in zip(point, self.begin, self.extent, strict=True))

    def filled(self) -> "DetectorOutline":
        """Return a detector of the same pixels that fills the square."""
        return DetectorOutline(fineness=self.fineness, turned=self.turned, model=self.model)

    def outside(self, points: np.ndarray) -> np.ndarray:
        """Return which of the rows × columns at `points` lie beside the detector.

        Args:
            points: (n,) in fractions of the side.

        Returns:
            (n, n) bool.
        """
        y, x = points[:, None] - 0.5, points[None, :] - 0.5
        beside = (np.abs(y) > self.extent[0] / 2) | (np.abs(x) > self.extent[1] / 2)
        if self.aperture is not None:
            return beside | (np.hypot(y, x) > self.aperture)
        if self.bend or self.tilt:
            c, s = np.cos(self.tilt), np.sin(self.tilt)
            # The axes of the turned taper.
            v, u = c * y - s * x, c * x + s * y
            beside |= np.abs(v) > 0.49 - self.bend * (1 - 4 * u**2)
            beside |= np.abs(u) > 0.49 - self.bend * (1 - 4 * v**2)
        return beside
