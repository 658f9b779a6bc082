"""A film under grazing incidence: its horizon and its Yoneda band.

The film hides what is scattered below its surface, which faces up, or to one side where the sample
stands. What leaves it above is weighed with Fresnel's transmission |t(α_f)|²
(`physics/grazing.py`); a substrate of another critical angle and roughness widen the band. A second
beamstop may be in front of the specular beam.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.geometry import Geometry
from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.obstacle import Factor, Obstacle, edge
from xscatter.simulate.instrument.placement import Placement, far_edge
from xscatter.simulate.instrument.smearing import smear
from xscatter.simulate.physics.grazing import transmission

BELOW = 0.3  # transmission below the horizon, where only what leaks round the film is seen
LEAST = 0.02  # of the transmission above it
UP = -0.5 * np.pi  # azimuth: rows count downwards
KINDS = (
    "grazing: level film", "grazing: upright film", "grazing: tilted film",
    "grazing: below the critical angle", "grazing: transparent substrate",
    "grazing: broad Yoneda band", "grazing: specular beamstop",
)  # fmt: skip


@dataclass(frozen=True)
class SpecularStop:
    """A beamstop for the specular beam, on a holder from the nearest side, often that of the beam.

    Attributes:
        radius: in pixels of the layout.
        square: whether it is a plate.
        holder: full width of its holder in pixels of the layout; 0 for none.
        angle: azimuth of the holder in radians.
        opacity: fraction that it takes away.
        aside: offset from the specular beam in radii, along rows and columns.
    """

    radius: float
    square: bool
    holder: float
    angle: float
    opacity: float
    aside: tuple[float, float]

    def shadow(self, y: np.ndarray, x: np.ndarray, blur: float, scale: float) -> np.ndarray:
        """Return the shadow (rows, cols) in [0, opacity].

        Args:
            y: (rows, 1) from the specular beam in pixels of the image.
            x: (1, cols), the same across.
            blur: of its edge in pixels of the image.
            scale: side of a pixel of the image in pixels of the layout.
        """
        radius = self.radius / scale
        y, x = y - self.aside[0] * radius, x - self.aside[1] * radius
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = c * x + s * y, c * y - s * x
        distance = np.maximum(np.abs(u), np.abs(v)) if self.square else np.hypot(u, v)
        shadow = edge(distance - radius, blur)
        if self.holder > 0:
            half = 0.5 * self.holder / scale
            strip = edge(v - half, blur) - edge(v + half, blur)
            shadow = np.maximum(shadow, np.minimum(strip, edge(-u, blur)))
        return shadow * self.opacity


@dataclass(frozen=True)
class Film(Obstacle):
    """A film that the beam meets at a small angle; angles in radians.

    Attributes:
        critical: critical angle of total reflection.
        incidence: angle between beam and surface.
        azimuth: direction of the surface normal on the detector.
        film_loss: √(2 b)/critical, b the absorption index.
        substrate: critical angle of the substrate over that of the film; 1 where they are alike.
        roughness: width of the Yoneda band by roughness and divergence, over the critical angle.
        horizon_blur: width of the horizon over the critical angle.
        horizon_leak: fraction of the scattering that is seen below the horizon.
        stop: beamstop of the specular beam, or None.
    """

    critical: float
    incidence: float
    azimuth: float
    film_loss: float
    substrate: float
    roughness: float
    horizon_blur: float
    horizon_leak: float
    stop: SpecularStop | None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of grazing incidence that it is."""
        turn = abs((self.azimuth - UP + np.pi) % (2 * np.pi) - np.pi)
        level = turn < np.pi / 4
        away = min(turn, abs(turn - np.pi / 2), np.pi - turn)
        which = (
            level,
            not level,
            away > np.deg2rad(1.5),
            self.incidence < self.critical,
            self.horizon_leak > 0.25,
            self.substrate > 1.3 or self.roughness > 0.25,
            self.stop is not None,
        )
        return tuple(name for name, present in zip(KINDS, which, strict=True) if present)

    def exit_angle(self, geometry: Geometry, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Return α_f of pixels in radians: the angle above the surface.

        Args:
            geometry: of the detector.
            rows: of the pixels.
            cols: of the pixels; both broadcast.
        """
        down, right, along = geometry.directions(rows, cols)
        # The beam goes down into the film by the angle of incidence, so its surface is tilted up
        # against the beam by that much.
        up = right * np.cos(self.azimuth) + down * np.sin(self.azimuth)
        height = up * np.cos(self.incidence) - along * np.sin(self.incidence)
        return np.arcsin(height / np.sqrt(down**2 + right**2 + along**2))

    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """Return exit angles above the horizon in radians and |t|² of the film there."""
        multiples = np.append(np.linspace(0, 8, 4001), 2.0 ** np.arange(3.1, 14, 0.1))
        absorption = 0.5 * (self.film_loss * self.critical) ** 2
        table = transmission(self.critical * multiples, self.critical, absorption)
        if self.substrate > 1:  # between the critical angles the film guides waves
            second = self.critical * self.substrate
            bottom = transmission(self.critical * multiples, second, absorption)
            table = np.maximum(table, bottom * (multiples > 1))
        if self.roughness > 0:
            near = multiples <= 8
            width = self.roughness / (multiples[1] - multiples[0])
            table[near] = smear(table[None, near], width)[0]
        return self.critical * multiples, np.maximum(table, LEAST)

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield the horizon and the Yoneda band, and the beamstop of the specular beam."""
        horizon, yoneda = experiment.empty_map(), experiment.empty_map()
        # The edge of the film is not perfect: the horizon is as blurred as the beam is divergent.
        width = max(self.horizon_blur * self.critical, 1e-6)
        angles, table = self.band()
        leak, below = self.horizon_leak, max(BELOW, self.horizon_leak)
        for block, rows, cols in experiment.blocks():
            angle = self.exit_angle(experiment.geometry, rows, cols)
            horizon[block] = leak + (1 - leak) * 0.5 * (1 + np.tanh(angle / width))
            yoneda[block] = np.where(angle > 0, np.interp(angle, angles, table), below)
        yield Factor("horizon", horizon)
        yield Factor("Yoneda", yoneda, brightens=True)
        if self.stop is not None:
            stop, scale = self.stop, experiment.scale
            row, col = self.specular(experiment.geometry)
            blur = float(np.hypot(2.0 / scale, experiment.spread_pixels))
            yield Factor(
                "specular beamstop",
                experiment.map_of(
                    lambda rows, cols: 1 - stop.shadow(rows - row, cols - col, blur, scale)
                ),
            )

    def specular(self, geometry: Geometry) -> tuple[float, float]:
        """Return row and column of the specular beam, 2 α_i away from the beam."""
        # Near the beam a tilt of the detector does not matter.
        away = geometry.distance * np.tan(2 * self.incidence) / geometry.pixel_size
        row, col = geometry.center
        return row + away * np.sin(self.azimuth), col + away * np.cos(self.azimuth)


def draw(draws: Draws, detector: Detector, placement: Placement | None) -> Film | None:
    """Draw the film of one experiment in six."""
    if draws.fraction("geometry") >= 0.17:
        return None
    rng = draws.rng
    side = far_edge(draws, grazing=True)
    # A wide detector sees the critical angle of every film as a few pixels, a far one as many.
    critical = np.deg2rad(rng.uniform(0.08, 0.26)) * np.clip(np.rad2deg(side) / 3, 0.5, 1.5)
    turned = rng.random()
    quarter = 0.0 if turned < 0.72 else rng.choice([-0.5, 0.5]) * np.pi if turned < 0.95 else np.pi
    tilt = np.deg2rad(rng.normal(0, 0.4) if rng.random() < 0.6 else rng.normal(0, 4))
    incidence = critical * np.exp(rng.uniform(np.log(0.4), np.log(5.0)))
    return Film(
        critical=float(critical),
        # Never so steep that the detector lies below the horizon.
        incidence=float(min(incidence, 0.3 * side)),
        azimuth=float(UP + quarter + tilt),
        film_loss=float(10 ** rng.uniform(-1.3, -0.2)),
        substrate=float(rng.uniform(1.1, 2.5)) if rng.random() < 0.4 else 1.0,
        roughness=float(10 ** rng.uniform(-1.5, -0.3)) if rng.random() < 0.6 else 0.0,
        horizon_blur=float(10 ** rng.uniform(-1.5, 0.3)),
        horizon_leak=float(
            10 ** rng.uniform(-3.0, -0.6) if rng.random() < 0.7 else rng.uniform(0.25, 0.85)
        ),
        stop=_draw_stop(rng) if rng.random() < 0.4 else None,
    )


def _draw_stop(rng: np.random.Generator) -> SpecularStop:
    first, second = rng.normal(0, 0.25, 2)
    return SpecularStop(
        radius=float(np.exp(rng.uniform(np.log(6), np.log(40)))),
        square=bool(rng.random() < 0.4),
        holder=float(np.exp(rng.uniform(np.log(2), np.log(25)))) if rng.random() < 0.8 else 0.0,
        angle=float(rng.integers(4) * np.pi / 2 + rng.normal(0, 0.1)),
        opacity=float(1 - 10 ** rng.uniform(-4, -0.7)),
        aside=(float(first), float(second)),
    )
