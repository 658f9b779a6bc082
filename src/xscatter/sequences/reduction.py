"""Reduction of the frames of a sequence to sums, in the one geometry of its first frame."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from xscatter.frames import BeamGeometry, Frame, Unreadable, find_center
from xscatter.geometry import Geometry
from xscatter.sequences.evidence import Axis
from xscatter.sequences.polar import PolarGrid, Sums, pieces_of, profile_sums
from xscatter.sequences.profiles import Profile
from xscatter.sequences.quantities import (
    Measured,
    RingFollower,
    Rings,
    all_quantities,
    measure_quantities,
    units_on,
)

Item = Frame | Profile | Unreadable
_CONFIDENT = 0.5  # least confidence of a beam centre that is estimated
_IN_Q = "1/nm"
_TOTAL = "total"
_MOVED = 2.0  # pixels between two beam centres in headers that make another geometry


@dataclass(frozen=True)
class Reduction:
    """Reduction of the frames of one sequence to sums.

    Attributes:
        shape: of the frames or profiles.
        axis: along the rings.
        geometry: of the first frame, according to its header.
        center_from: where the beam centre of the first frame comes from.
        grid: of frames; None: these are profiles.
        poisson: of profiles: whether the first one held counts.
    """

    shape: tuple[int, ...]
    axis: Axis
    geometry: BeamGeometry = field(default_factory=BeamGeometry)
    center_from: str | None = None
    grid: PolarGrid | None = None
    poisson: bool = True

    @classmethod
    def of(cls, item: Frame | Profile) -> "Reduction":
        """Return the reduction of a sequence that begins with `item`."""
        if isinstance(item, Profile):
            piece = pieces_of(len(item.values))
            x = np.arange(len(piece)) if item.x is None else item.x
            weights = np.bincount(piece).astype(float)
            name = "point" if item.x is None else "x"
            axis = Axis(np.bincount(piece, x) / weights, name, "", weights)
            return cls(item.values.shape, axis, poisson=profile_sums(item.values).poisson)
        frame = centred(item)
        center = frame.center if frame.confidence >= _CONFIDENT else None
        hot = frame.saturated if frame.hot is None else frame.saturated | frame.hot
        # Hot and saturated pixels belong to one frame, gaps and dead pixels to all.
        grid = PolarGrid(center, frame.mask & ~hot)
        axis = _axis(frame.geometry, grid)
        return cls(frame.shape, axis, item.geometry, item.center_from, grid)

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        grid = None
        if self.grid is not None:
            grid = {"center": self.grid.center, "mask": np.packbits(self.grid.mask)}
        return {
            "shape": self.shape,
            "axis": vars(self.axis),
            "geometry": asdict(self.geometry),
            "center_from": self.center_from,
            "grid": grid,
            "poisson": self.poisson,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Reduction":
        """Return the reduction with this :meth:`state`."""
        shape, grid = tuple(state["shape"]), state["grid"]
        if grid is not None:
            mask = np.unpackbits(grid["mask"], count=int(np.prod(shape))).reshape(shape)
            center = None if grid["center"] is None else tuple(grid["center"])
            grid = PolarGrid(center, mask.astype(bool))
        known = dict(state["geometry"])
        known["center"] = None if known["center"] is None else tuple(known["center"])
        return cls(
            shape,
            Axis(**state["axis"]),
            BeamGeometry(**known),
            state["center_from"],
            grid,
            state["poisson"],
        )

    def sums(self, item: Frame | Profile) -> Sums:
        """Return the sums of a frame of this sequence."""
        if isinstance(item, Profile):
            return profile_sums(item.values, self.poisson)
        assert self.grid is not None
        return self.grid.sums(item)

    def quantities(
        self, sums: Sums, noise_factor: float, follower: RingFollower | None = None
    ) -> dict[str, Measured]:
        """Return the quantities of a frame of this sequence; without a centre, the total alone.

        Args:
            sums: of the frame.
            noise_factor: variance of a quiet frame of this stream over that of photons alone.
            follower: has seen the frames before; None: the frame is measured for itself.
        """
        pixels = self.axis.weights[:, None] if self.grid is None else self.grid.live
        rings = Rings(
            sums.counts * sums.usable,
            pixels * sums.usable,
            self.axis.values,
            in_q=self.axis.unit == _IN_Q,
            noise_factor=noise_factor if sums.poisson else 1.0,
            poisson=sums.poisson,
        )
        if self.grid is not None and self.grid.center is None:
            return {_TOTAL: all_quantities()[_TOTAL].measure(rings)}
        if follower is not None:
            rings = replace(rings, followed=follower.take(rings))
        return measure_quantities(rings)

    def units(self) -> dict[str, str]:
        """Return the unit of each quantity; lengths in q have that of the axis of the rings."""
        return units_on(self.unit)

    @property
    def unit(self) -> str:
        """Unit of positions and widths: nm⁻¹, or that of the axis without a geometry."""
        return "nm⁻¹" if self.axis.unit == _IN_Q else self.axis.unit

    def differs(self, item: Frame | Profile) -> str:
        """Return why an item cannot belong to the sequence; "" if it can."""
        shape = item.values.shape if isinstance(item, Profile) else item.shape
        if isinstance(item, Profile) != (self.grid is None):
            return "it is not of the kind of the frames before it"
        if shape != self.shape:
            sizes = ["x".join(map(str, one)) for one in (shape, self.shape)]
            what = "points" if isinstance(item, Profile) else "pixels"
            return f"it has {sizes[0]} {what}, those before it {sizes[1]}"
        if isinstance(item, Profile):
            return ""
        here, there = item.geometry, self.geometry
        for name in ("wavelength", "distance", "pixel_size"):
            one, other = getattr(here, name), getattr(there, name)
            if one and other and abs(one / other - 1) > 1e-3:
                what = name.replace("_", " ")
                return f"its {what} is {one:.6g} m, that of those before it {other:.6g} m"
        if item.center_from == self.center_from and item.center_from in ("header", "poni"):
            assert here.center is not None
            assert there.center is not None
            if max(abs(a - b) for a, b in zip(here.center, there.center, strict=True)) > _MOVED:
                return "its beam centre is another one"
        return ""


def centred(frame: Frame) -> Frame:
    """Return the frame with its beam centre, estimated if no header tells it."""
    if frame.center is not None:
        return frame
    # As for tags: the confidence was fitted on frames whose hot pixels are not masked.
    mask = frame.mask if frame.hot is None else frame.mask & ~frame.hot
    estimate = find_center(frame.counts, mask)
    return frame.with_center(estimate.center, "estimate", estimate.confidence)


def _axis(known: BeamGeometry, grid: PolarGrid) -> Axis:
    """The axis along the rings: q if the geometry is known, else pixels."""
    radii, weights = grid.radii, np.maximum(grid.live.sum(axis=1), 1)
    if grid.center is None:
        return Axis(radii, "distance from the middle of the frame", "pixels", weights)
    if not (known.wavelength and known.distance and known.pixel_size):
        return Axis(radii, "radius", "pixels", weights)
    place = Geometry(known.wavelength, known.distance, known.pixel_size, grid.center)
    q, _ = place.q_chi(np.full(len(radii), grid.center[0]), grid.center[1] + radii)
    return Axis(q, "q", _IN_Q, weights)
