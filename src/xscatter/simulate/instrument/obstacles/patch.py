"""A patch: tape, a cable or a holder that darkens a rectangle. It has no tag."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.obstacle import Factor, Obstacle, edge
from xscatter.simulate.instrument.placement import Placement

KINDS = ("obstacle: patch",)


@dataclass(frozen=True)
class Patch(Obstacle):
    """A rectangle with soft edges.

    Attributes:
        center: row and column in fractions of the side of the image.
        half: half its sides in fractions of the side.
        angle: turn in radians.
        blur: of its edges in pixels of the layout.
        opacity: fraction of the scattering that it takes away.
    """

    center: tuple[float, float]
    half: tuple[float, float]
    angle: float
    blur: float
    opacity: float

    @property
    def kinds(self) -> tuple[str, ...]:
        """Its only kind."""
        return KINDS

    def shadow(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the shadow (rows, cols) in [0, opacity].

        Args:
            y: (rows, 1), distance from the centre in the unit of `half` and `blur`.
            x: (1, cols), the same across.
        """
        c, s = np.cos(self.angle), np.sin(self.angle)
        v, u = c * y - s * x, c * x + s * y
        distance = np.maximum(np.abs(v) - self.half[0], np.abs(u) - self.half[1])
        return (edge(distance, self.blur) * self.opacity).astype(np.float32)

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield its transmission."""
        size = experiment.size
        shown = replace(
            self,
            half=(self.half[0] * size, self.half[1] * size),
            blur=float(np.hypot(self.blur / experiment.scale, experiment.spread_pixels)),
        )
        first, second = self.center

        def passing(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
            return 1 - shown.shadow(rows + 0.5 - first * size, cols + 0.5 - second * size)

        yield Factor("patch", experiment.map_of(passing))


def draw(draws: Draws, detector: Detector, placement: Placement) -> Patch | None:
    """Draw the patch of one experiment in seven, anywhere on the detector."""
    if draws.fraction("patch") >= 0.15:
        return None
    rng, outline = draws.rng, detector.outline
    first, second = np.array(outline.begin) + outline.extent * rng.uniform(0, 1, 2)
    height, width = np.exp(rng.uniform(np.log(0.02), np.log(0.2), 2))
    return Patch(
        center=(float(first), float(second)),
        half=(float(height), float(width)),
        angle=float(rng.normal(0, 0.1) if rng.random() < 0.6 else rng.uniform(0, np.pi)),
        blur=float(np.exp(rng.uniform(np.log(1), np.log(30)))),
        opacity=float(rng.uniform(0.15, 1.0)),
    )
