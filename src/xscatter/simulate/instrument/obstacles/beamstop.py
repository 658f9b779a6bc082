"""The beamstop: a disk on a holder, a rod that may have a round head, or a wedge; or none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.coverage import GRID
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.layouts import layout_pixels
from xscatter.simulate.instrument.obstacle import Factor, Obstacle, edge
from xscatter.simulate.instrument.placement import Placement

BEAMSTOPS = {"circular": 0.28, "linear": 0.24, "wedge": 0.24, "none": 0.24}


@dataclass(frozen=True)
class Beamstop(Obstacle):
    """A beamstop; lengths in pixels, angles in radians.

    Attributes:
        kind: circular, linear, wedge or none.
        radius: of a disk, half the width of a rod, or distance from the beam to a wedge's edges.
        blur: of its edges.
        holder: full width of the rod that holds a disk; 0 for none.
        holder_opacity: fraction of the scattering that the holder takes away.
        elbow: distance from the beam at which the holder is bent.
        bend: angle of the elbow.
        mount: width of the block behind a disk over its radius; 0 for none.
        angle: direction of holder, rod or wedge.
        opening: half the angle of a wedge.
        leak: fraction of the scattering that passes.
        head: radius of a round head over half the width of its rod; 0 for none.
        rod_opacity: fraction that a rod takes away beyond its head.
        hole: radius of a hole, or diode, in a disk over that of the disk; 0 for none.
        hole_opacity: fraction that the hole takes away.
        margin: by which a mask is larger than the shadow.
        holder_masked: whether a mask covers the holder, too.
        masked: whether the beamstop belongs to the mask of the experiment.
    """

    kind: str
    radius: float
    blur: float
    holder: float
    holder_opacity: float
    elbow: float
    bend: float
    mount: float
    angle: float
    opening: float
    leak: float
    head: float
    rod_opacity: float
    hole: float
    hole_opacity: float
    margin: float
    holder_masked: bool
    masked: bool

    @property
    def tag(self) -> str | None:
        """Its tag."""
        return None if self.kind == "none" else f"{self.kind} beamstop"

    def on_pixels(self, scale: float) -> "Beamstop":
        """Return the beamstop in pixels that are `scale` of its own on a side."""
        return replace(
            self,
            radius=self.radius / scale,
            blur=self.blur / scale,
            holder=self.holder / scale,
            elbow=self.elbow / scale,
            margin=self.margin / scale,
        )

    def shadow(self, drow: np.ndarray, dcol: np.ndarray) -> np.ndarray:
        """Return the shadow (rows, cols) float32 in [0, 1]; 1 is fully dark.

        Args:
            drow: (rows, 1), pixels from the beam.
            dcol: (1, cols), pixels from the beam.
        """
        if self.kind == "none":
            return np.zeros(np.broadcast_shapes(drow.shape, dcol.shape), np.float32)
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        x = dcol * cosine + drow * sine
        y = drow * cosine - dcol * sine
        parts = {"circular": self._disk, "linear": self._rod, "wedge": self._wedge}
        return parts[self.kind](x, y).astype(np.float32)

    def _disk(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        distance = np.hypot(x, y)
        shadow = edge(distance - self.radius, self.blur)
        if self.hole > 0:
            hole = edge(distance - self.hole * self.radius, self.blur)
            shadow *= 1 - (1 - self.hole_opacity) * hole
        if self.holder > 0:
            shadow = np.maximum(shadow, self._holder(x, y) * self.holder_opacity)
        return shadow

    def _holder(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A rod up to the elbow, from there another that is bent, and a block behind the disk."""
        cosine, sine = np.cos(self.bend), np.sin(self.bend)
        far = x - self.elbow
        along, across = far * cosine + y * sine, y * cosine - far * sine
        # The minimum of two shadows is where both are: the rod ends at the elbow.
        near = np.minimum(_strip(x, y, self.holder, self.blur), edge(far, self.blur))
        rod = np.maximum(near, _strip(along, across, self.holder, self.blur))
        if self.mount <= 0:
            return rod
        mount = _strip(x, y, self.mount * self.radius, self.blur)
        return np.maximum(rod, np.minimum(mount, edge(x - 2.5 * self.radius, self.blur)))

    def _rod(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A rod that hides the beam with its end, or is the stalk of a head that does."""
        width = 2 * self.radius / max(self.head, 1.0)
        # The rod begins a radius beyond the beam, which it hides with its end.
        shadow = _strip(x + self.radius, y, width, self.blur)
        beyond = 1 - edge(x - 2 * self.radius, self.blur)
        shadow *= 1 - (1 - self.rod_opacity) * beyond
        if self.head > 0:
            shadow = np.maximum(shadow, edge(np.hypot(x, y) - self.radius, self.blur))
        return shadow

    def _wedge(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        # The apex lies so that the beam is `radius` from both sides.
        reach = self.radius / np.sin(self.opening)
        side = np.abs(y) * np.cos(self.opening) - (x + reach) * np.sin(self.opening)
        return edge(side, self.blur)

    def covering(self, drow: np.ndarray, dcol: np.ndarray) -> np.ndarray:
        """Return the mask (rows, cols) bool that somebody drew: its outline, grown by `margin`.

        Holes are covered, and the holder where it is masked. Arguments as for :meth:`shadow`.
        """
        with_holder = self.holder_masked and self.holder > 0
        grown = replace(
            self,
            radius=self.radius + self.margin,
            holder=self.holder + 2 * self.margin if with_holder else 0.0,
            blur=0.0,
            hole=0.0,
            holder_opacity=1.0,
            rod_opacity=1.0,
        )
        # A mask has no half shadows.
        return grown.shadow(drow, dcol) > 0.5

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield its transmission."""
        if self.tag is None:
            return
        stop = self.on_pixels(experiment.scale)
        # The point spread blurs the shadow as it blurs the scattering.
        stop = replace(stop, blur=float(np.hypot(stop.blur, experiment.spread_pixels)))
        row, col = experiment.geometry.center

        def passing(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
            return 1 - stop.shadow(rows - row, cols - col) * (1 - stop.leak)

        yield Factor(self.tag, experiment.map_of(passing))

    def mask(self, experiment: Any) -> np.ndarray | None:
        """Return what covers it, if it is masked."""
        if not self.masked:
            return None
        stop = self.on_pixels(experiment.scale)
        row, col = experiment.geometry.center
        return experiment.map_of(lambda rows, cols: stop.covering(rows - row, cols - col), bool)

    def settings(self) -> dict[str, Any]:
        """Return what was drawn, without its kind."""
        values = super().settings()
        del values["kind"]
        return values


def _strip(x: np.ndarray, y: np.ndarray, width: float, blur: float) -> np.ndarray:
    """Shadow of a rod of full `width` that begins at the origin and runs along +x."""
    return edge(np.maximum(np.abs(y) - width / 2, -x), blur)


def draw(draws: Draws, detector: Detector, placement: Placement) -> Beamstop:
    """Draw the beamstop, of kind none where the beam misses the detector.

    It is masked in the fraction of experiments that the study asks for, where enough of the disk
    of the expansion stays live.
    """
    rng, simulate = draws.rng, draws.study.simulate
    kind = draws.choose("beamstop", BEAMSTOPS) if placement.on_image else "none"
    side = simulate.size * layout_pixels(simulate)  # pixels of the layout
    # On small or narrow images a large beamstop would leave nothing to see.
    largest = 0.1 * side * min(1.0, 2 * min(detector.outline.extent))
    stop = Beamstop(
        kind=kind,
        radius=float(min(np.exp(rng.uniform(np.log(10), np.log(60))), largest))
        if kind != "none"
        else 0.0,
        blur=float(rng.uniform(0.5, 4.0)),
        holder=float(rng.uniform(3, 20)) if rng.random() < 0.45 else 0.0,
        holder_opacity=float(rng.uniform(0.5, 1.0)),
        elbow=float(rng.uniform(60, 400)),
        bend=float(np.deg2rad(rng.normal(0, 2.5))) if rng.random() < 0.5 else 0.0,
        mount=float(rng.uniform(1.1, 1.6)) if rng.random() < 0.4 else 0.0,
        angle=float(
            rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else rng.integers(4) * np.pi / 2
        ),
        opening=float(np.deg2rad(rng.uniform(3, 15))),
        leak=float(10 ** rng.uniform(-5, -2)),
        # A pin has a head, and its rod may let some through; a disk may have a hole or a diode.
        head=float(rng.uniform(1.1, 2.0)) if rng.random() < 0.5 else 0.0,
        rod_opacity=float(rng.uniform(0.6, 1.0)) if rng.random() < 0.4 else 1.0,
        hole=float(rng.uniform(0.1, 0.3)) if rng.random() < 0.25 else 0.0,
        hole_opacity=float(1 - 10 ** rng.uniform(-3, -0.5)),
        # A mask is drawn by hand: a little larger than the shadow, not always over the holder.
        margin=float(rng.uniform(0, 8)),
        holder_masked=bool(rng.random() < 0.75),
        masked=False,
    )
    if kind == "none" or draws.fraction("masked beamstop") >= simulate.masked_beamstop_fraction:
        return stop
    center = np.array(placement.center)
    # A mask takes pixels from the disk: it is refused where too few would be left.
    hidden = stop.covering(side * (GRID[:, None] - center[0]), side * (GRID[None, :] - center[1]))
    return replace(stop, masked=placement.disk.accepts(center, detector.outline, hidden))
