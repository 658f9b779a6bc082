"""A window: an opening of any shape, often the end of a flight tube; beyond it is shadow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.obstacle import Factor, Obstacle, edge
from xscatter.simulate.instrument.placement import Placement

SHAPES = {"circle": 0.4, "ellipse": 0.12, "square": 0.16, "polygon": 0.16, "flange": 0.16}
KINDS = (*(f"window: {shape}" for shape in SHAPES), "window: semi-transparent rim")


@dataclass(frozen=True)
class Window(Obstacle):
    """An opening; lengths in fractions of the side of the image unless stated otherwise.

    Attributes:
        shape: circle, ellipse, square (or rectangle), polygon with round corners, or flange: a
            circle into which clamps reach.
        center: row and column.
        radius: of a circle; of the others about half their width.
        ratio: height over width of an ellipse or rectangle.
        angle: turn in radians.
        sides: for each side of a polygon its distance from the centre over the radius; for each
            clamp of a flange the azimuth in radians.
        corner: radius of round corners, or of clamps, over the radius.
        rim: width of a rim that lets some pass, over the radius; 0 for none.
        rim_leak: fraction that it lets pass.
        about_beam: whether it is the end of a flight tube, not a hole in something.
        blur: of its edge in pixels of the layout.
        leak: fraction of the scattering that passes outside of it.
    """

    shape: str
    center: tuple[float, float]
    radius: float
    ratio: float
    angle: float
    sides: tuple[float, ...]
    corner: float
    rim: float
    rim_leak: float
    about_beam: bool
    blur: float
    leak: float

    @property
    def tag(self) -> str:
        """Its tag."""
        return "windowed"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Its shape, and whether it has a rim."""
        return (f"window: {self.shape}", *KINDS[-1:] * (self.rim > 0))

    def centered(self, rng: np.random.Generator, placement: Placement) -> "Window":
        """Return the window about the beam, if it is one that belongs there."""
        if not (self.about_beam and placement.on_image):
            return self
        first, second = placement.center + rng.normal(0, 0.06, 2)
        return replace(self, center=(float(first), float(second)))

    def beyond(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return how far beyond the edge points are (rows, cols), negative within.

        Args:
            y: (rows, 1), distance from the centre over the radius.
            x: (1, cols), the same across.
        """
        if self.shape == "circle":
            return np.hypot(y, x) - 1
        c, s = np.cos(self.angle), np.sin(self.angle)
        v, u = c * y - s * x, c * x + s * y
        if self.shape == "ellipse":
            # Near the edge this is the distance, but for the slope of the ellipse.
            return (np.hypot(v / self.ratio, u) - 1) * self.ratio
        if self.shape == "flange":
            distance = np.hypot(v, u) - 1
            for azimuth in self.sides:
                clamp = np.hypot(v - np.sin(azimuth), u - np.cos(azimuth))
                distance = np.maximum(distance, self.corner - clamp)
            return distance
        # The logarithm of a sum of exponentials is a maximum with round corners.
        total = np.zeros(np.broadcast_shapes(v.shape, u.shape))
        for n, away in enumerate(self.sides):
            turn = 2 * np.pi * n / len(self.sides)
            side = u * np.cos(turn) + v * np.sin(turn) - away
            total += np.exp(np.minimum(side / self.corner, 600 / len(self.sides)))
        return self.corner * np.log(total)

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield its transmission."""
        radius = self.radius * experiment.size
        # In the unit of the radius, as all shapes are.
        blur = float(np.hypot(self.blur / experiment.scale, experiment.spread_pixels))
        first, second = self.center

        def passing(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
            y, x = rows + 0.5 - first * experiment.size, cols + 0.5 - second * experiment.size
            beyond = self.beyond(y / radius, x / radius) * radius
            outside = 1 - edge(beyond, blur)
            if self.rim <= 0:
                return 1 - outside * (1 - self.leak)
            through = 1 - edge(beyond - self.rim * radius, blur)
            return 1 - outside * (1 - self.rim_leak) - through * (self.rim_leak - self.leak)

        yield Factor(self.tag, experiment.map_of(passing))


def draw(draws: Draws, detector: Detector, placement: Placement | None) -> Window | None:
    """Draw the window of one experiment in six; it is brought to the beam when that is known."""
    if draws.fraction("window") >= 0.16:
        return None
    rng, outline = draws.rng, detector.outline
    shape = str(rng.choice(list(SHAPES), p=list(SHAPES.values())))
    first, second = np.array(outline.begin) + outline.extent * rng.normal(0.5, 0.1, 2)
    ratio = float(rng.uniform(0.5, 1.0))
    angle = rng.uniform(0, 2 * np.pi) if shape == "polygon" or rng.random() < 0.3 else 0.0
    sides: tuple[float, ...] = ()
    if shape == "square":
        sides = (1.0, ratio, 1.0, ratio)
    elif shape == "polygon":
        sides = tuple(float(x) for x in rng.uniform(0.7, 1.2, int(rng.integers(3, 9))))
    elif shape == "flange":
        turn, number = rng.uniform(0, 2 * np.pi), int(rng.integers(1, 5))
        sides = tuple(float(turn + 2 * np.pi * n / number) for n in range(number))
    rim = float(rng.uniform(0.03, 0.15)) if rng.random() < 0.25 else 0.0
    # Where the window is dark, the rim is not.
    leak, rim_leak = float(10 ** rng.uniform(-3.5, -0.6)), float(rng.uniform(0.3, 0.8))
    return Window(
        shape=shape,
        center=(float(first), float(second)),
        radius=float(rng.uniform(0.25, 0.7)),
        ratio=ratio,
        angle=float(angle),
        sides=sides,
        corner=float(rng.uniform(0.1, 0.3) if shape == "flange" else rng.uniform(0.01, 0.15)),
        rim=rim,
        rim_leak=rim_leak,
        about_beam=bool(rng.random() < 0.6),
        blur=float(rng.uniform(1, 15)),
        leak=leak,
    )
