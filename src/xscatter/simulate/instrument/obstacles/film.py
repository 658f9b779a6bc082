"""A film under grazing incidence: its horizon and its Yoneda band.

The film lies flat and hides what is scattered below its surface. What leaves it above is weighed
with Fresnel's transmission |t(α_f)|² (`physics/grazing.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.geometry import Geometry
from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.obstacle import Factor, Obstacle
from xscatter.simulate.instrument.placement import Placement, far_edge
from xscatter.simulate.physics.grazing import transmission

BELOW = 0.3  # transmission below the horizon, where only what leaks round the film is seen
LEAST = 0.02  # of the transmission above it


@dataclass(frozen=True)
class Film(Obstacle):
    """A film that the beam meets at a small angle; angles in radians.

    Attributes:
        critical: critical angle of total reflection.
        incidence: angle between beam and surface.
        film_loss: √(2 b)/critical, b the absorption index.
        horizon_blur: width of the horizon over the critical angle.
        horizon_leak: fraction of the scattering that is seen below the horizon.
    """

    critical: float
    incidence: float
    film_loss: float
    horizon_blur: float
    horizon_leak: float

    def exit_angle(self, geometry: Geometry, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Return α_f of pixels in radians: the angle above the surface.

        Args:
            geometry: of the detector.
            rows: of the pixels.
            cols: of the pixels; both broadcast.
        """
        up, across, along = geometry.directions(rows, cols)
        # Rows count downwards and the film faces up. The beam goes down into the film by the angle
        # of incidence, so its surface is tilted up against the beam by that much.
        height = -up * np.cos(self.incidence) - along * np.sin(self.incidence)
        return np.arcsin(height / np.sqrt(up**2 + across**2 + along**2))

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield the horizon and the Yoneda band."""
        horizon, yoneda = experiment.empty_map(), experiment.empty_map()
        # The edge of the film is not perfect: the horizon is as blurred as the beam is divergent.
        width = max(self.horizon_blur * self.critical, 1e-6)
        multiples = np.append(np.linspace(0, 8, 4000), 2.0 ** np.arange(3.1, 14, 0.1))
        angles = self.critical * multiples
        absorption = 0.5 * (self.film_loss * self.critical) ** 2
        table = np.maximum(transmission(angles, self.critical, absorption), LEAST)
        leak = self.horizon_leak
        for block, rows, cols in experiment.blocks():
            angle = self.exit_angle(experiment.geometry, rows, cols)
            horizon[block] = leak + (1 - leak) * 0.5 * (1 + np.tanh(angle / width))
            yoneda[block] = np.where(angle > 0, np.interp(angle, angles, table), BELOW)
        yield Factor("horizon", horizon)
        yield Factor("Yoneda", yoneda, brightens=True)


def draw(draws: Draws, detector: Detector, placement: Placement | None) -> Film | None:
    """Draw the film of one experiment in six."""
    if draws.fraction("geometry") >= 0.16:
        return None
    rng = draws.rng
    edge = far_edge(draws, grazing=True)
    critical = np.deg2rad(rng.uniform(0.09, 0.24)) * np.clip(np.rad2deg(edge) / 3, 0.5, 1.5)
    return Film(
        critical=float(critical),
        incidence=float(critical * rng.uniform(0.8, 2.5)),
        film_loss=float(rng.uniform(0.15, 0.5)),
        horizon_blur=float(10 ** rng.uniform(-1.5, -0.3)),
        horizon_leak=float(10 ** rng.uniform(-2.0, -0.5)),
    )
