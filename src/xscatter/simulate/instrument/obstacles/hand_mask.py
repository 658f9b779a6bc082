"""A mask that somebody drew, or dead modules: bars, polygons and blots that are not usable."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.coverage import GRID
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.layouts import layout_pixels
from xscatter.simulate.instrument.obstacle import Factor, Obstacle
from xscatter.simulate.instrument.placement import Placement

Corners = tuple[tuple[float, float], ...]  # of a convex polygon, in turn: row and column
KINDS = ("mask: bars", "mask: polygons", "mask: dead modules")


@dataclass(frozen=True)
class HandMask(Obstacle):
    """Convex polygons that are masked.

    Attributes:
        kind: one of `KINDS`.
        corners: of each polygon, in fractions of the side.
    """

    kind: str
    corners: tuple[Corners, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Its kind."""
        return (self.kind,)

    def covering(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Return which points (rows, cols) bool are masked.

        Args:
            rows: (rows, 1) in fractions of the side.
            cols: (1, cols), too.
        """
        masked = np.zeros(np.broadcast_shapes(rows.shape, cols.shape), bool)
        for corners in self.corners:
            # Within a convex polygon every side has the point on the same hand.
            left, right = np.ones_like(masked), np.ones_like(masked)
            for (y, x), (next_y, next_x) in zip(corners, corners[1:] + corners[:1], strict=True):
                hand = (next_x - x) * (rows - y) - (next_y - y) * (cols - x)
                left &= hand >= 0
                right &= hand <= 0
            masked |= left | right
        return masked

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield nothing: it darkens nothing."""
        return iter(())

    def mask(self, experiment: Any) -> np.ndarray:
        """Return its pixels."""
        size = experiment.size
        return experiment.map_of(
            lambda rows, cols: self.covering((rows + 0.5) / size, (cols + 0.5) / size), bool
        )


def draw(draws: Draws, detector: Detector, placement: Placement) -> HandMask | None:
    """Draw the mask of one experiment in nine, where enough of the disk of the expansion is left.

    A masked beamstop has the same right: no experiment has both.
    """
    rng, simulate = draws.rng, draws.study.simulate
    kind = str(rng.choice(KINDS, p=(0.35, 0.45, 0.2)))
    masked_stop = draws.fraction("masked beamstop") < simulate.masked_beamstop_fraction
    if rng.random() >= 0.11 or masked_stop:
        return None
    center = np.array(placement.center)
    side = simulate.size * layout_pixels(simulate) * detector.outline.fineness
    corners = []
    whole = kind == "mask: dead modules" and detector.layout.module is None
    for _ in range(1 if whole else int(rng.integers(1, 5))):
        if kind == "mask: bars":
            corners.append(_bar(rng, center))
        else:
            dead = kind == "mask: dead modules"
            corners.append(_module(rng, detector, side) if dead else _polygon(rng))
    drawn = HandMask(kind, tuple(corners))
    hidden = drawn.covering(GRID[:, None], GRID[None, :])
    return drawn if placement.disk.accepts(center, detector.outline, hidden) else None


def _bar(rng: np.random.Generator, center: np.ndarray) -> Corners:
    """Return a bar from edge to edge, or from the beam outwards, mostly along an axis."""
    angle = rng.integers(4) * np.pi / 2 if rng.random() < 0.6 else rng.uniform(0, 2 * np.pi)
    from_beam = rng.random() < 0.5
    place = center if from_beam else rng.uniform(0, 1, 2)
    along = np.array([np.sin(angle), np.cos(angle)])
    half = 0.5 * np.exp(rng.uniform(np.log(0.008), np.log(0.1))) * along[::-1] * [1, -1]
    begin = place - (0.03 if from_beam else 2.0) * along
    end = place + 2.0 * along
    return _points(begin + half, end + half, end - half, begin - half)


def _polygon(rng: np.random.Generator) -> Corners:
    """Return a blot with three to seven corners on an ellipse, so that it is convex."""
    azimuths = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
    half = np.exp(rng.uniform(np.log(0.01), np.log(0.12), 2))
    place = rng.uniform(0, 1, 2)
    return _points(*(place + half * [np.sin(a), np.cos(a)] for a in azimuths))


def _module(rng: np.random.Generator, detector: Detector, side: float) -> Corners:
    """Return one module, or a quarter of a detector that has none.

    Args:
        rng: random stream.
        detector: whose module it is.
        side: of the image in pixels of the detector.
    """
    outline, layout = detector.outline, detector.layout
    begin, extent = np.array(outline.begin), np.array(outline.extent)
    if layout.module is None:
        first, sides = begin + extent * rng.integers(0, 2, 2) / 2, extent / 2
    else:
        turn = -1 if outline.turned else 1
        live = np.array(layout.module[::turn], float)
        period, offset = live + layout.gap[::turn], np.array(detector.module_offset)
        number = rng.integers(0, np.maximum((extent * side + offset) // period, 1))
        # With the gaps about it.
        first = begin + (number * period - offset - layout.gap[::turn]) / side
        sides = (period + layout.gap[::turn]) / side
    last = first + sides
    return _points(first, (first[0], last[1]), last, (last[0], first[1]))


def _points(*points: Any) -> Corners:
    return tuple((float(row), float(col)) for row, col in points)
