"""The fixed pattern of a detector, the same in all images: pedestal, tiles, hot pixels and lines.

An integrating detector adds a pedestal to its digits. A detector that is made of tiles, or read by
several amplifiers, has another pedestal and another gain in each. Hot pixels and hot lines that
nobody masked add counts of their own.
"""

from dataclasses import dataclass

import numpy as np

from xscatter.simulate.instrument.layouts import Layout

TILES = ((1, 1), (2, 2), (1, 2), (2, 1), (3, 3), (1, 4))
KINDS = (
    "read-out: pedestal",
    "read-out: tiles",
    "read-out: hot pixels",
    "read-out: hot lines",
)


@dataclass(frozen=True)
class FixedPattern:
    """The part of every image that a detector adds.

    Attributes:
        pedestal: digits of a pixel of the layout.
        tiles: rows and columns of tiles.
        tile_offset: relative standard deviation of the pedestals of tiles.
        tile_gain: relative standard deviation of the gains of tiles.
        hot: fraction of the pixels of the image that are hot and not masked.
        lines: number of hot lines.
        columns: whether the lines are columns, not rows.
        heat: largest counts of a hot pixel or line, in pixels of the layout.
    """

    pedestal: float = 0.0
    tiles: tuple[int, int] = (1, 1)
    tile_offset: float = 0.0
    tile_gain: float = 0.0
    hot: float = 0.0
    lines: int = 0
    columns: bool = True
    heat: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, layout: Layout) -> "FixedPattern":
        """Draw the pattern of a detector of `layout`."""
        pedestal = float(10 ** rng.uniform(0.3, 2.5)) if rng.random() < 0.6 else 0.0
        tiled = rng.random() < 0.5
        tiles = TILES[int(rng.choice(len(TILES) - 1, p=(0.4, 0.2, 0.2, 0.1, 0.1))) + 1]
        offset, gain = 10 ** rng.uniform((-2.7, -2.5), (-1.1, -1.2))
        hot = float(10 ** rng.uniform(-5.0, -3.0)) if rng.random() < 0.25 else 0.0
        lines = int(rng.integers(1, 4)) if rng.random() < 0.05 else 0
        columns, heat = bool(rng.random() < 0.7), float(10 ** rng.uniform(0.0, 4.0))
        # Only what reads charge has a pedestal, and only what has no modules has tiles.
        charge, tiled = layout.read_out[1] > 0, tiled and layout.read_out[1] > 0
        return cls(
            pedestal=pedestal if charge else 0.0,
            tiles=tiles if tiled else (1, 1),
            tile_offset=float(offset) if tiled else 0.0,
            tile_gain=float(gain) if tiled else 0.0,
            hot=hot,
            lines=lines,
            columns=columns,
            heat=heat,
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of read-out that it is."""
        which = (self.pedestal > 0, self.tiles != (1, 1), self.hot > 0, self.lines > 0)
        return tuple(name for name, present in zip(KINDS, which, strict=True) if present)

    def gains(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the gain (size, size) float32 of the tile of each pixel.

        Args:
            size: of the image in pixels.
            rng: stream of the pattern.
        """
        gain = 1 + self.tile_gain * rng.standard_normal(self.tiles)
        return np.maximum(self._spread_out(gain, size), 0.3).astype(np.float32)

    def offset(self, size: int, scale: float, rng: np.random.Generator) -> np.ndarray | None:
        """Return what is added to each pixel (size, size) uint32, or None where nothing is.

        Args:
            size: of the image in pixels.
            scale: side of a pixel of the image in pixels of the layout.
            rng: stream of the pattern.
        """
        if not (self.pedestal or self.hot or self.lines):
            return None
        rng.standard_normal(self.tiles)  # those of the gains
        tile = self.pedestal * np.maximum(1 + self.tile_offset * rng.standard_normal(self.tiles), 0)
        added = self._spread_out(tile * scale**2, size)
        number = rng.poisson(self.hot * size**2) if self.hot else 0
        where = rng.integers(0, size, (2, number))
        added[where[0], where[1]] += self.heat * rng.random(number) * scale**2
        for line in rng.integers(0, size, self.lines):
            # A bad line often begins somewhere within the detector.
            begin = int(rng.integers(0, size)) if rng.random() < 0.5 else 0
            warmth = self.heat * 10 ** rng.uniform(-3, -1) * scale
            if self.columns:
                added[begin:, line] += warmth
            else:
                added[line, begin:] += warmth
        return np.minimum(added, 2.0**31).astype(np.uint32)

    def _spread_out(self, values: np.ndarray, size: int) -> np.ndarray:
        """Return `values` of tiles (rows, cols) on the pixels of an image."""
        rows, cols = (np.arange(size) * n // size for n in self.tiles)
        return values[np.ix_(rows, cols)]
