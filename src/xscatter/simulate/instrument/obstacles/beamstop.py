"""The beamstop: a disk on a holder, a rod that may have a head, a wedge, a plate; or none."""

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

BEAMSTOPS = {"circular": 0.30, "linear": 0.25, "wedge": 0.18, "square": 0.05, "none": 0.22}
LARGE_HEAD = 3.3  # a head that is wider, relative to its rod, is a disk on a holder
WIRE = 4.0  # pixels: a holder below this width is a wire
LEAKY = 1e-2  # a beamstop that lets more pass shows the beam behind it
KINDS = (
    "beamstop: none", "beamstop: disk", "beamstop: disk on a rod", "beamstop: disk on a wire",
    "beamstop: disk with a diode", "beamstop: rod", "beamstop: rod with a round head",
    "beamstop: rod with a square head", "beamstop: wedge", "beamstop: square plate",
    "beamstop: tapered", "beamstop: bent holder", "beamstop: suspended on both sides",
    "beamstop: semi-transparent", "beamstop: masked",
)  # fmt: skip


@dataclass(frozen=True)
class Beamstop(Obstacle):
    """A beamstop; lengths in pixels, angles in radians.

    Attributes:
        kind: circular, linear, wedge, square or none.
        radius: of a disk, half the width of a rod or of a square plate, or distance from the beam
            to a wedge's edges.
        blur: of its edges.
        holder: full width of the rod that holds a disk; 0 for none.
        holder_opacity: fraction of the scattering that the holder takes away.
        elbow: distance from the beam at which the holder is bent.
        bend: angle of the elbow.
        mount: width of the block behind a disk over its radius; 0 for none.
        angle: direction of holder, rod or wedge.
        opening: half the angle of a wedge.
        leak: fraction of the scattering that passes.
        head: radius of a head over half the width of its rod; 0 for none.
        square_head: whether the head is a square.
        taper: by which a rod or holder grows in width, over its length.
        both_sides: whether the holder runs on beyond the beam, to the other side.
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
    square_head: bool
    taper: float
    both_sides: bool
    rod_opacity: float
    hole: float
    hole_opacity: float
    margin: float
    holder_masked: bool
    masked: bool

    @property
    def tag(self) -> str | None:
        """Its tag."""
        # The vocabulary has no word for a square plate.
        return None if self.kind in ("none", "square") else f"{self.kind} beamstop"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of beamstop that it is."""
        if self.kind == "none":
            return ("beamstop: none",)
        names = {"wedge": ["wedge"], "square": ["square plate"]}.get(self.kind, [])
        held = self.kind in ("circular", "square") and self.holder > 0
        if self.kind == "circular":
            on = " on a wire" if self.holder < WIRE else " on a rod"
            names += ["disk" + (on if held else "")] + ["disk with a diode"] * (self.hole > 0)
        if self.kind == "linear":
            shape = "square" if self.square_head else "round"
            names += [f"rod with a {shape} head" if self.head > 0 else "rod"]
        names += ["tapered"] * (self.taper > 0 and (held or self.kind == "linear"))
        names += ["bent holder"] * (self.bend != 0 and held)
        names += ["suspended on both sides"] * (self.both_sides and held)
        names += ["semi-transparent"] * (self.leak > LEAKY) + ["masked"] * self.masked
        return tuple(f"beamstop: {name}" for name in names)

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
        disk = self._disk
        parts = {"circular": disk, "square": disk, "linear": self._rod, "wedge": self._wedge}
        return parts[self.kind](x, y).astype(np.float32)

    def _disk(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        square = self.kind == "square"
        distance = np.maximum(np.abs(x), np.abs(y)) if square else np.hypot(x, y)
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
        begun = np.abs(x) if self.both_sides else x
        near = np.minimum(self._strip(begun, y, self.holder), edge(far, self.blur))
        rod = np.maximum(near, self._strip(along, across, self.holder))
        if self.mount <= 0:
            return rod
        mount = self._strip(x, y, self.mount * self.radius)
        return np.maximum(rod, np.minimum(mount, edge(x - 2.5 * self.radius, self.blur)))

    def _rod(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A rod that hides the beam with its end, or is the stalk of a head that does."""
        width = 2 * self.radius / max(self.head, 1.0)
        # The rod begins a radius beyond the beam, which it hides with its end.
        shadow = self._strip(x + self.radius, y, width)
        beyond = 1 - edge(x - 2 * self.radius, self.blur)
        shadow *= 1 - (1 - self.rod_opacity) * beyond
        if self.head > 0:
            distance = np.maximum(np.abs(x), np.abs(y)) if self.square_head else np.hypot(x, y)
            shadow = np.maximum(shadow, edge(distance - self.radius, self.blur))
        return shadow

    def _strip(self, x: np.ndarray, y: np.ndarray, width: float) -> np.ndarray:
        """Shadow of a rod of full `width` that begins at the origin and runs along +x."""
        half = 0.5 * (width + self.taper * np.clip(x, 0, 1e4))
        # Both edges, so that a wire that is thinner than its blur darkens little.
        across = edge(y - half, self.blur) - edge(y + half, self.blur)
        return np.minimum(across, edge(-x, self.blur))

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
        if self.kind == "none":
            return
        stop = self.on_pixels(experiment.scale)
        # The point spread blurs the shadow as it blurs the scattering.
        stop = replace(stop, blur=float(np.hypot(stop.blur, experiment.spread_pixels)))
        row, col = experiment.geometry.center

        def passing(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
            return 1 - stop.shadow(rows - row, cols - col) * (1 - stop.leak)

        yield Factor(self.tag or "beamstop", experiment.map_of(passing))

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
    radius = float(min(np.exp(rng.uniform(np.log(8), np.log(60))), largest))
    axis = rng.integers(4) * np.pi / 2
    tilt = rng.normal(0, 0.05) if rng.random() < 0.5 else 0.0
    oblique = rng.uniform(-np.pi, np.pi)
    stop = Beamstop(
        kind=kind,
        radius=0.0 if kind == "none" else radius,
        blur=float(rng.uniform(0.5, 4.0)),
        # From a wire of one pixel to a rod.
        holder=float(min(np.exp(rng.uniform(np.log(1.0), np.log(25))), 2 * radius / LARGE_HEAD))
        if rng.random() < 0.6
        else 0.0,
        holder_opacity=float(rng.uniform(0.5, 1.0) if rng.random() < 0.5 else 1.0),
        elbow=float(rng.uniform(60, 400)),
        bend=float(np.deg2rad(rng.normal(0, 4 if rng.random() < 0.7 else 30)))
        if rng.random() < 0.4
        else 0.0,
        mount=float(rng.uniform(1.1, 1.6)) if rng.random() < 0.15 else 0.0,
        angle=float(oblique if rng.random() < 0.4 else axis + tilt),
        opening=float(np.deg2rad(rng.uniform(3, 15))),
        leak=float(10 ** (rng.uniform(-5, -2) if rng.random() < 0.85 else rng.uniform(-2, -0.7))),
        # A pin has a head, and its rod may let some through; a disk may have a hole or a diode.
        head=float(rng.uniform(1.1, 3.0)) if rng.random() < 0.5 else 0.0,
        square_head=bool(rng.random() < 0.3),
        taper=float(10 ** rng.uniform(-2.0, -1.0)) if rng.random() < 0.2 else 0.0,
        both_sides=bool(rng.random() < 0.15),
        rod_opacity=float(rng.uniform(0.6, 1.0)) if rng.random() < 0.4 else 1.0,
        hole=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.25 else 0.0,
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
