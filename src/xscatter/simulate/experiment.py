"""What is constant within an experiment: instrument, geometry, family of samples.

`Experiment(study, number)` is a pure function of the study's seed and the number. What decides the
scene is drawn first, in quantities that do not depend on the image size; what belongs to single
pixels (dead, hot, sensitivity) comes from a stream of its own.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from xscatter.seeds import Purpose, generator
from xscatter.simulate.beamstop import beamstop_shadow, window_shadow
from xscatter.simulate.detector import LAYOUTS, Geometry, gap_mask
from xscatter.simulate.limits import check_study, user_mask
from xscatter.simulate.physics.grazing import transmission
from xscatter.simulate.settings import draw_settings
from xscatter.study import Study

ANGLES = 4096  # points of azimuthal tables
OVERSAMPLING = 4  # points of radial tables in a pixel


@dataclass
class Experiment:
    """One experiment of a study; all that features and the renderer ask for."""

    study: Study
    number: int
    settings: dict[str, Any] = field(init=False)
    geometry: Geometry = field(init=False)
    weights: dict[str, Any] = field(init=False, default_factory=dict)  # filled by `scene`

    def __post_init__(self) -> None:
        check_study(self.study)
        self.settings = draw_settings(self.study, self.number)
        chosen = self.settings
        self.geometry = Geometry(
            chosen["wavelength"],
            chosen["distance"],
            chosen["pixel_size"],
            (chosen["center"][0] * self.size - 0.5, chosen["center"][1] * self.size - 0.5),
            chosen["rot1"],
            chosen["rot2"],
        )

    @property
    def size(self) -> int:
        """Image side in pixels."""
        return self.study.simulate.size

    @property
    def grazing(self) -> bool:
        """Whether the beam meets a film under grazing incidence (else it crosses the sample)."""
        return self.settings["geometry"] == "grazing"

    @property
    def scale(self) -> float:
        """Side of an image pixel in pixels of the detector's layout."""
        return self.settings["pixel_size"] / LAYOUTS[self.settings["detector"]].pitch

    @cached_property
    def _rows_cols(self) -> tuple[np.ndarray, np.ndarray]:
        index = np.arange(self.size, dtype=float)
        return index[:, None], index[None, :]

    @cached_property
    def _q_chi(self) -> tuple[np.ndarray, np.ndarray]:
        q, chi = self.geometry.q_chi(*self._rows_cols)
        return q, chi

    # ---- the axes on which features describe themselves -------------------------------------

    @cached_property
    def q_per_pixel(self) -> float:
        """Change of q over one pixel near the beam, nm⁻¹."""
        g = self.geometry
        along = g.distance / (np.cos(g.rot1) * np.cos(g.rot2))
        return 2e-9 * np.pi / g.wavelength * g.pixel_size / along

    @cached_property
    def q(self) -> np.ndarray:
        """q of the points of radial tables (radii,), nm⁻¹, evenly spaced; the first is half a step, not 0."""
        q = np.arange(self._radii) * self.q_step
        q[0] = 0.5 * self.q_step
        return q

    @cached_property
    def q_step(self) -> float:
        """Step of :attr:`q`, nm⁻¹."""
        return self.q_per_pixel / OVERSAMPLING

    @cached_property
    def _radii(self) -> int:
        return int(self._q_chi[0].max() / self.q_step) + 2 * OVERSAMPLING

    @cached_property
    def chi(self) -> np.ndarray:
        """Azimuth of the points of azimuthal tables (angles,), radians from -π to just below π."""
        return (np.arange(ANGLES) / ANGLES * 2 - 1) * np.pi

    @cached_property
    def axis(self) -> np.ndarray:
        """Points (2 radii - 1,) of the tables of `Plane`, nm⁻¹, from -q to q, evenly spaced."""
        return np.arange(-self._radii + 1, self._radii) * self.q_step

    @cached_property
    def resolution(self) -> float:
        """Standard deviation of q by point spread, pixel and beam size, nm⁻¹; the renderer applies it."""
        return self.spread_pixels * self.q_per_pixel

    @cached_property
    def spread_pixels(self) -> float:
        """Standard deviation of the point spread (with the beam and half the pixel) in pixels of the image."""
        layout = LAYOUTS[self.settings["detector"]]
        return float(np.hypot(np.hypot(layout.point_spread, self.settings["beam_size"]) / self.scale, 0.29))

    @property
    def q_low(self) -> float:
        """Least q that is seen beside the beamstop, nm⁻¹."""
        return float(self._seen[0])

    @property
    def q_high(self) -> float:
        """q below which rings are still seen over a good part of their circle, nm⁻¹."""
        return float(self._seen[1])

    @cached_property
    def _seen(self) -> tuple[float, float]:
        # On a coarse grid, so that the answer does not depend on the image size.
        edge = (np.arange(100) + 0.5) * self.size / 100 - 0.5
        q, _ = self.geometry.q_chi(edge[:, None], edge[None, :])
        least = 1.3 * self.stop_radius * self.q_per_pixel
        # The beam off the image: begin where the image begins.
        return max(least, float(q.min()) * 1.05), float(np.quantile(q, 0.9))

    @cached_property
    def stop_radius(self) -> float:
        """Radius about the beam that the beamstop hides, or a few pixels of the layout without one; image pixels."""
        return max(self.settings["stop"]["radius"], 6.0) / self.scale

    def pixels(self, q: np.ndarray, chi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns (not rounded) of points at `q` (nm⁻¹) and azimuth `chi`; NaN where none."""
        return self.geometry.pixels(q, chi)

    # ---- maps of the whole detector ---------------------------------------------------------

    @cached_property
    def q_index(self) -> np.ndarray:
        """Where each pixel falls in radial tables: (rows, cols) float32."""
        return (self._q_chi[0] / self.q_step).astype(np.float32)

    @cached_property
    def chi_index(self) -> np.ndarray:
        """Where each pixel falls in azimuthal tables: (rows, cols) float32 in [0, angles)."""
        turn = (self._q_chi[1] / (2 * np.pi) + 0.5) * ANGLES
        return np.minimum(turn % ANGLES, np.nextafter(np.float32(ANGLES), np.float32(0))).astype(np.float32)

    @cached_property
    def _pixel_stream(self) -> dict[str, np.ndarray]:
        rng = generator(self.study.seed, Purpose.EXPERIMENT, self.number, 1)
        layout = LAYOUTS[self.settings["detector"]]
        shape = (self.size, self.size)
        flat = (1 + layout.flat_field * rng.standard_normal(shape, dtype=np.float32)).astype(np.float32)
        bad = rng.random(shape, dtype=np.float32) < self.settings["bad_pixels"]
        return {"flat": np.maximum(flat, 0.5), "bad": bad}

    @cached_property
    def mask(self) -> np.ndarray:
        """(rows, cols) bool, True = not usable: gaps, outside of the aperture, dead and hot pixels."""
        layout = LAYOUTS[self.settings["detector"]]
        mask = gap_mask(layout, self.size, self.scale, self.settings["module_offset"]) | self._pixel_stream["bad"]
        own = user_mask(self.study)
        return mask if own is None else mask | own

    @cached_property
    def live(self) -> np.ndarray:
        """(rows, cols) bool, the opposite of the mask."""
        return ~self.mask

    @cached_property
    def response(self) -> np.ndarray:
        """(rows, cols) float32: solid angle × polarisation × sensitivity; 0 on masked pixels.

        The solid angle is in pixels of the layout, so that one dose gives as many photons on any
        number of pixels.
        """
        rows, cols = self._rows_cols
        value = self.geometry.solid_angle(rows, cols) * self.geometry.polarisation(
            rows, cols, self.settings["polarisation"]
        )
        value *= self.scale**2
        return np.where(self.mask, 0, value * self._pixel_stream["flat"]).astype(np.float32)

    def exit_angle(self) -> np.ndarray:
        """α_f (rows, cols) radians: angle above the surface of a film that lies flat, the beam running along it."""
        rows, cols = self._rows_cols
        up, across, along = self.geometry.directions(rows, cols)
        # Rows count downwards and the film faces up. The beam goes down into the film by the angle of
        # incidence, so its surface is tilted up against the beam by that much.
        angle = self.settings["incidence"]
        height = -up * np.cos(angle) - along * np.sin(angle)
        return np.arcsin(height / np.sqrt(up**2 + across**2 + along**2))

    @cached_property
    def obstacles(self) -> dict[str, np.ndarray]:
        """What changes the scattering on its way, by tag: factors (rows, cols) float32, 1 where nothing does."""
        found = {}
        rows, cols = self._rows_cols
        drow, dcol = rows - self.geometry.center[0], cols - self.geometry.center[1]
        if self.settings["beamstop"] != "none":
            stop = dict(self.settings["stop"])
            for key in ("radius", "blur", "holder", "elbow"):
                stop[key] = stop[key] / self.scale
            stop["blur"] = float(np.hypot(stop["blur"], self.spread_pixels))
            shadow = beamstop_shadow(self.settings["beamstop"], drow, dcol, stop)
            found[f"{self.settings['beamstop']} beamstop"] = 1 - shadow * np.float32(1 - stop["leak"])
        if self.settings["window"]:
            window = self.settings["window"]
            y, x = ((v + 0.5) / self.size - c for v, c in zip((rows, cols), window["center"], strict=True))
            blur = float(np.hypot(window["blur"] / self.scale, self.spread_pixels))
            shadow = window_shadow(window["shape"], y * self.size, x * self.size, window["radius"] * self.size, blur)
            found["windowed"] = 1 - shadow * np.float32(1 - window["leak"])
        if self.grazing:
            exit_angle = self.exit_angle()
            critical = self.settings["critical"]
            # The edge of the film is not perfect: the horizon is as blurred as the beam is divergent.
            width = max(self.settings["horizon_blur"] * critical, 1e-6)
            open_part = 0.5 * (1 + np.tanh(exit_angle / width))
            leak = self.settings["horizon_leak"]
            found["horizon"] = (leak + (1 - leak) * open_part).astype(np.float32)
            table = np.linspace(0, max(float(exit_angle.max()), critical) * 1.001, 4096)
            factor = transmission(table, critical, 0.5 * (self.settings["film_loss"] * critical) ** 2)
            above = np.interp(np.maximum(exit_angle, 0), table, np.maximum(factor, 0.02))
            found["Yoneda"] = np.where(exit_angle > 0, above, 0.3).astype(np.float32)
        return found

    @cached_property
    def altered(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """For each of `obstacles`, the live pixels (flat indices) that it changes visibly, and its factor there."""
        found = {}
        for name, factor in self.obstacles.items():
            changed = (factor > 1.1) if name == "Yoneda" else (factor < 0.9)
            where = np.flatnonzero(changed & self.live)
            found[name] = where, factor.ravel()[where].astype(np.float64)
        return found

    @cached_property
    def transmittance(self) -> np.ndarray:
        """(rows, cols) float32: the product of all `obstacles`."""
        value = np.ones((self.size, self.size), np.float32)
        for factor in self.obstacles.values():
            value *= factor
        return value

    @cached_property
    def gain(self) -> np.ndarray:
        """(rows, cols) float32: response × transmittance, and -1 on masked pixels."""
        return np.where(self.mask, np.float32(-1), self.response * self.transmittance)

    @cached_property
    def weight(self) -> np.ndarray:
        """(radii,) sum of the response over the pixels nearest to each radius, beamstop taken away."""
        index = np.minimum(np.rint(self.q_index).astype(np.int64), self._radii - 1)
        return np.bincount(index.ravel(), self.response.ravel(), self._radii)

    @property
    def dark(self) -> float:
        """Expected counts of a pixel of the image without beam."""
        return self.settings["dark"] * self.scale**2

    @property
    def saturation(self) -> int:
        """Largest count that a pixel of the image can hold."""
        layout = LAYOUTS[self.settings["detector"]]
        return int(min(max(layout.saturation * self.scale**2, 1000), 2**32 - 2))
