"""A window: an opening, often the end of a flight tube; beyond it the detector is dark."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.obstacle import Factor, Obstacle, edge
from xscatter.simulate.instrument.placement import Placement


@dataclass(frozen=True)
class Window(Obstacle):
    """An opening.

    Attributes:
        shape: "circle" or "square".
        center: row and column in fractions of the side of the image.
        radius: or half the side of a square, as a fraction of the side of the image.
        about_beam: whether it is the end of a flight tube, not a hole in something.
        blur: of its edge in pixels of the layout.
        leak: fraction of the scattering that passes outside of it.
    """

    shape: str
    center: tuple[float, float]
    radius: float
    about_beam: bool
    blur: float
    leak: float

    @property
    def tag(self) -> str:
        """Its tag."""
        return "windowed"

    def centered(self, rng: np.random.Generator, placement: Placement) -> "Window":
        """Return the window about the beam, if it is one that belongs there."""
        if not (self.about_beam and placement.on_image):
            return self
        first, second = placement.center + rng.normal(0, 0.06, 2)
        return replace(self, center=(float(first), float(second)))

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield its transmission."""
        size = experiment.size
        blur = float(np.hypot(self.blur / experiment.scale, experiment.spread_pixels))
        radius = self.radius * size
        first, second = self.center

        def passing(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
            y, x = rows + 0.5 - first * size, cols + 0.5 - second * size
            circle = self.shape == "circle"
            distance = np.hypot(y, x) if circle else np.maximum(np.abs(y), np.abs(x))
            shadow = edge(radius - distance, blur).astype(np.float32)
            return 1 - shadow * (1 - self.leak)

        yield Factor(self.tag, experiment.map_of(passing))


def draw(draws: Draws, detector: Detector, placement: Placement | None) -> Window | None:
    """Draw the window of one experiment in eleven; it is brought to the beam when that is known."""
    if draws.fraction("window") >= 0.09:
        return None
    rng, outline = draws.rng, detector.outline
    shape = "circle" if rng.random() < 0.6 else "square"
    first, second = np.array(outline.begin) + outline.extent * rng.normal(0.5, 0.1, 2)
    return Window(
        shape=shape,
        center=(float(first), float(second)),
        radius=float(rng.uniform(0.3, 0.65)),
        about_beam=bool(rng.random() < 0.6),
        blur=float(rng.uniform(1, 15)),
        leak=float(10 ** rng.uniform(-3, -0.7)),
    )
