"""What is constant within an experiment: instrument, geometry, family of samples.

`Experiment(study, number)` is a pure function of the study's seed and the number. What decides the
scene is drawn first, in quantities that do not depend on the image size; what belongs to single
pixels (dead, hot, sensitivity) comes from a stream of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from xscatter import tags
from xscatter.core.seeds import Purpose, generator
from xscatter.geometry import Geometry
from xscatter.simulate.beamstop import beamstop_mask, beamstop_shadow, patch_shadow, window_shadow
from xscatter.simulate.detector import LAYOUTS, Frame, gap_mask
from xscatter.simulate.limits import check_study, user_mask
from xscatter.simulate.physics.grazing import transmission
from xscatter.simulate.settings import draw_settings
from xscatter.study import Study

ANGLES = 4096  # points of azimuthal tables
OVERSAMPLING = 4  # points of radial tables in a pixel
BLOCK = 64  # rows of maps made at a time
BAD_PIXELS, FLAT_FIELD = 1, 2  # streams of single pixels


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
    def frame(self) -> Frame:
        """The detector in the square of the image."""
        return Frame(**self.settings["frame"])

    @property
    def scale(self) -> float:
        """Side of an image pixel in pixels of the detector's layout."""
        return self.settings["pixel_size"] / LAYOUTS[self.settings["detector"]].pitch

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
        # q grows from the beam outwards: its largest value lies on the rim, or in a corner.
        index = np.arange(self.size)
        rim = [
            self.geometry.q_chi(index, np.full(self.size, end))[0].max()
            for end in (0, self.size - 1)
        ]
        rim += [
            self.geometry.q_chi(np.full(self.size, end), index)[0].max()
            for end in (0, self.size - 1)
        ]
        return int(max(rim) / self.q_step) + 2 * OVERSAMPLING

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

    @property
    def blur(self) -> float:
        """Standard deviation of q by the instrument alone, nm⁻¹: the same whatever the pixels, as `draw` needs it."""
        spread = np.hypot(self.settings["point_spread"], self.settings["beam_size"])
        return float(spread * self.q_per_pixel / self.scale)

    @cached_property
    def spread_pixels(self) -> float:
        """Standard deviation of the point spread (with the beam and half the pixel) in pixels of the image."""
        spread = np.hypot(self.settings["point_spread"], self.settings["beam_size"])
        return float(np.hypot(spread / self.scale, 0.29))

    @property
    def wavelength_spread(self) -> float:
        """Full width at half maximum of the wavelengths over their mean: rings are wider by this part of their q."""
        return self.settings["wavelength_spread"]

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
        begin, extent = self.frame.begin, self.frame.extent
        part = (np.arange(100) + 0.5) / 100
        rows, cols = ((b + e * part) * self.size - 0.5 for b, e in zip(begin, extent, strict=True))
        q, _ = self.geometry.q_chi(rows[:, None], cols[None, :])
        least = 1.3 * self.stop_radius * self.q_per_pixel
        most = float(np.quantile(q, 0.9))
        if self.grazing:
            # Below the Yoneda band the film hides most of what scatters.
            band = (
                1e-9
                * 2
                * np.pi
                / self.geometry.wavelength
                * (self.settings["incidence"] + self.settings["critical"])
            )
            least = max(least, min(band, 0.5 * most))
        # The beam off the image: begin where the image begins.
        return max(least, float(q.min()) * 1.05), most

    @cached_property
    def stop_radius(self) -> float:
        """Radius about the beam that the beamstop hides, or a few pixels of the layout without one; image pixels."""
        return max(self.settings["stop"]["radius"], 6.0) / self.scale

    def pixels(self, q: np.ndarray, chi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns (not rounded) of points at `q` (nm⁻¹) and azimuth `chi`; NaN where none."""
        return self.geometry.pixels(q, chi)

    # ---- maps of the whole detector ---------------------------------------------------------
    # They are made in blocks of rows, and only those that every image needs are kept.

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        columns = np.arange(self.size, dtype=float)[None, :]
        for first in range(0, self.size, BLOCK):
            rows = slice(first, min(first + BLOCK, self.size))
            yield rows, np.arange(rows.start, rows.stop, dtype=float)[:, None], columns

    def _new_map(self) -> np.ndarray:
        return np.empty((self.size, self.size), np.float32)

    @cached_property
    def _indices(self) -> tuple[np.ndarray, np.ndarray]:
        radius, turn = self._new_map(), self._new_map()
        largest = np.nextafter(np.float32(ANGLES), np.float32(0))
        for block, rows, cols in self._blocks():
            q, chi = self.geometry.q_chi(rows, cols)
            radius[block] = q / self.q_step
            turn[block] = np.minimum((chi / (2 * np.pi) + 0.5) * ANGLES % ANGLES, largest)
        return radius, turn

    @property
    def q_index(self) -> np.ndarray:
        """Where each pixel falls in radial tables: (rows, cols) float32."""
        return self._indices[0]

    @property
    def chi_index(self) -> np.ndarray:
        """Where each pixel falls in azimuthal tables: (rows, cols) float32 in [0, angles)."""
        return self._indices[1]

    @cached_property
    def mask(self) -> np.ndarray:
        """(rows, cols) bool, True = not usable: gaps, beside the detector or its aperture, dead and hot pixels."""
        layout, frame = LAYOUTS[self.settings["detector"]], self.frame
        if frame.turned and layout.module:
            layout = layout._replace(module=layout.module[::-1], gap=layout.gap[::-1])
        fine = self.scale * frame.fineness
        start = [
            m - b * self.size * fine
            for m, b in zip(self.settings["module_offset"], frame.begin, strict=True)
        ]
        mask = gap_mask(layout, self.size, fine, (start[0], start[1]))
        mask |= frame.outside((np.arange(self.size) + 0.5) / self.size)
        rng = generator(self.study.seed, Purpose.EXPERIMENT, self.number, BAD_PIXELS)
        mask |= rng.random(mask.shape, dtype=np.float32) < self.settings["bad_pixels"]
        if self.settings["stop"]["masked"]:
            mask |= self._masked_stop
        own = user_mask(self.study)
        return mask if own is None else mask | own

    @cached_property
    def _masked_stop(self) -> np.ndarray:
        found = np.empty((self.size, self.size), bool)
        for block, rows, cols in self._blocks():
            drow, dcol = rows - self.geometry.center[0], cols - self.geometry.center[1]
            found[block] = beamstop_mask(self.settings["beamstop"], drow, dcol, self._stop)
        return found

    @property
    def _stop(self) -> dict[str, Any]:
        """The beamstop in pixels of the image."""
        stop = dict(self.settings["stop"])
        for key in ("radius", "blur", "holder", "elbow", "margin"):
            stop[key] = stop[key] / self.scale
        return stop

    @cached_property
    def masked_beamstop(self) -> str | None:
        """Tag of the beamstop if it is masked, and its outline can be told: 60 pixels of the layout on the detector."""
        if not self.settings["stop"]["masked"]:
            return None
        inside = ~self.frame.outside((np.arange(self.size) + 0.5) / self.size)
        area = np.count_nonzero(self._masked_stop & inside) * self.scale**2
        return f"{self.settings['beamstop']} beamstop" if area >= 60 else None

    @cached_property
    def live(self) -> np.ndarray:
        """(rows, cols) bool, the opposite of the mask."""
        return ~self.mask

    @property
    def flat_field(self) -> np.ndarray:
        """(rows, cols) float32, sensitivity of pixels, 1 on average."""
        rng = generator(self.study.seed, Purpose.EXPERIMENT, self.number, FLAT_FIELD)
        flat = rng.standard_normal((self.size, self.size), dtype=np.float32)
        flat *= np.float32(LAYOUTS[self.settings["detector"]].flat_field)
        flat += 1
        return np.maximum(flat, 0.5, out=flat)

    @property
    def response(self) -> np.ndarray:
        """(rows, cols) float32: solid angle × polarisation × sensitivity; 0 on masked pixels.

        The solid angle is in pixels of the layout, so that one dose gives as many photons on any
        number of pixels.
        """
        value = self.flat_field
        for block, rows, cols in self._blocks():
            solid_angle = self.geometry.solid_angle(rows, cols) * self.scale**2
            value[block] *= solid_angle * self.geometry.polarisation(
                rows, cols, self.settings["polarisation"]
            )
        value[self.mask] = 0
        return value

    def exit_angle(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """α_f in radians of pixels: angle above the surface of a film that lies flat, the beam running along it."""
        up, across, along = self.geometry.directions(rows, cols)
        # Rows count downwards and the film faces up. The beam goes down into the film by the angle of
        # incidence, so its surface is tilted up against the beam by that much.
        angle = self.settings["incidence"]
        height = -up * np.cos(angle) - along * np.sin(angle)
        return np.arcsin(height / np.sqrt(up**2 + across**2 + along**2))

    def obstacles(self) -> dict[str, np.ndarray]:
        """What changes the scattering on its way: factors (rows, cols) float32, 1 where nothing does.

        By tag; a patch, which has none, under "patch".
        """
        found = {}
        if self.settings["beamstop"] != "none":
            stop = self._stop
            stop["blur"] = float(np.hypot(stop["blur"], self.spread_pixels))
            found[f"{self.settings['beamstop']} beamstop"] = factor = self._new_map()
            for block, rows, cols in self._blocks():
                drow, dcol = rows - self.geometry.center[0], cols - self.geometry.center[1]
                factor[block] = 1 - beamstop_shadow(self.settings["beamstop"], drow, dcol, stop) * (
                    1 - stop["leak"]
                )
        if self.settings["window"]:
            window = self.settings["window"]
            radius, blur = (
                window["radius"] * self.size,
                float(np.hypot(window["blur"] / self.scale, self.spread_pixels)),
            )
            found["windowed"] = factor = self._new_map()
            for block, rows, cols in self._blocks():
                y, x = (
                    v + 0.5 - c * self.size
                    for v, c in zip((rows, cols), window["center"], strict=True)
                )
                factor[block] = 1 - window_shadow(window["shape"], y, x, radius, blur) * (
                    1 - window["leak"]
                )
        if self.settings["patch"]:
            patch = dict(self.settings["patch"])
            patch["half"] = [part * self.size for part in patch["half"]]
            patch["blur"] = float(np.hypot(patch["blur"] / self.scale, self.spread_pixels))
            found["patch"] = factor = self._new_map()
            for block, rows, cols in self._blocks():
                y, x = (
                    v + 0.5 - c * self.size
                    for v, c in zip((rows, cols), patch["center"], strict=True)
                )
                factor[block] = 1 - patch_shadow(y, x, patch)
        if self.grazing:
            found["horizon"], found["Yoneda"] = self._new_map(), self._new_map()
            critical, leak = self.settings["critical"], self.settings["horizon_leak"]
            # The edge of the film is not perfect: the horizon is as blurred as the beam is divergent.
            width = max(self.settings["horizon_blur"] * critical, 1e-6)
            angles = critical * np.append(np.linspace(0, 8, 4000), 2.0 ** np.arange(3.1, 14, 0.1))
            table = np.maximum(
                transmission(angles, critical, 0.5 * (self.settings["film_loss"] * critical) ** 2),
                0.02,
            )
            for block, rows, cols in self._blocks():
                angle = self.exit_angle(rows, cols)
                found["horizon"][block] = leak + (1 - leak) * 0.5 * (1 + np.tanh(angle / width))
                found["Yoneda"][block] = np.where(angle > 0, np.interp(angle, angles, table), 0.3)
        return found

    @cached_property
    def _passage(self) -> tuple[np.ndarray, np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]]]:
        gain = self.response
        weight = np.zeros(self._radii)
        for block, _, _ in self._blocks():
            index = np.minimum(np.rint(self.q_index[block]).astype(np.int64), self._radii - 1)
            weight += np.bincount(index.ravel(), gain[block].ravel(), self._radii)
        altered = {}
        for name, factor in self.obstacles().items():
            gain *= factor
            if name not in tags.INDEX:
                continue
            changed = (factor > 1.1) if name == "Yoneda" else (factor < 0.9)
            where = np.flatnonzero(changed & self.live)
            altered[name] = where.astype(np.int32), factor.ravel()[where]
        gain[self.mask] = -1
        return gain, weight, altered

    @property
    def gain(self) -> np.ndarray:
        """(rows, cols) float32: response × all obstacles, and -1 on masked pixels."""
        return self._passage[0]

    @property
    def weight(self) -> np.ndarray:
        """(radii,) sum of the response over the pixels nearest to each radius, obstacles taken away."""
        return self._passage[1]

    @property
    def altered(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """For each obstacle that has a tag, the live pixels (flat indices) that it changes visibly, and its factor."""
        return self._passage[2]

    @property
    def dark(self) -> float:
        """Expected counts of a pixel of the image without beam."""
        return self.settings["dark"] * self.scale**2

    @property
    def saturation(self) -> int:
        """Largest count that a pixel of the image can hold."""
        layout = LAYOUTS[self.settings["detector"]]
        return int(min(max(layout.saturation * self.scale**2, 1000), 2**32 - 2))
