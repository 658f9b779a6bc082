"""The detector of an experiment: which pixels are usable, what they weigh and how they count."""

from dataclasses import dataclass, replace

import numpy as np

from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.fixed_pattern import FixedPattern
from xscatter.simulate.instrument.layouts import Layout, layout_pixels
from xscatter.simulate.instrument.outline import DetectorOutline

KINDS = (
    "read-out: counting",
    "read-out: integrating",
    "read-out: phosphor tail",
    "read-out: gaps as zeros",
    "read-out: arbitrary units",
)


@dataclass(frozen=True)
class Detector:
    """One detector of a layout; lengths in pixels of the layout.

    Attributes:
        layout: its kind.
        outline: where it is in the square of the image.
        pixel_size: side of a pixel of the image in metres.
        module_offset: rows and columns by which a region of interest begins within a module.
        bad_pixels: fraction of the pixels that are dead or hot.
        dark: expected counts of a pixel of the layout without beam.
        gain: digits per photon.
        read_out: standard deviation of the read-out noise in digits.
        point_spread: standard deviation of the point spread.
        tail: fraction of the light that a phosphor spreads far.
        tail_length: standard deviation of that light.
        zeros: whether gaps and dark corners are written as 0 instead of being masked.
        pattern: what is the same in all images.
    """

    layout: Layout
    outline: DetectorOutline
    pixel_size: float
    module_offset: tuple[float, float]
    bad_pixels: float
    dark: float
    gain: float
    read_out: float
    point_spread: float
    tail: float
    tail_length: float
    zeros: bool
    pattern: FixedPattern

    @classmethod
    def draw(cls, draws: Draws, layout: Layout, outline: DetectorOutline) -> "Detector":
        """Draw what differs between detectors of one layout.

        Args:
            draws: random streams of the experiment.
            layout: of the detector.
            outline: of its active area.
        """
        rng, scale = draws.rng, layout_pixels(draws.study.simulate)
        offset = (0.0, 0.0)  # whole modules, or a region of interest that begins anywhere
        if rng.random() >= 0.7:
            rows, cols = rng.uniform(0, (200, 400))
            offset = (float(rows), float(cols))
        # 3 to 300 pixels in a million, evenly on a logarithmic scale.
        bad_pixels = float(10 ** rng.uniform(-5.5, -3.5))
        dark = float(layout.dark * np.exp(rng.normal(0, 0.7 if layout.integrating else 0.3)))
        gain, read_out, point_spread, tail = 1.0, 0.0, layout.point_spread, 0.0
        if layout.integrating:
            gain = float(10 ** rng.uniform(*layout.log_gain))
            read_out = float(gain * rng.uniform(*layout.read_out))
            # Phosphors are as thick as the energy asks for.
            thickness = np.exp(rng.uniform(np.log(0.25), np.log(1.2)))
            point_spread = float(layout.point_spread * thickness)
            # Light that is scattered in phosphor, taper or plate; neutrons make none.
            if layout.read_out[1] > 0 and rng.random() < 0.5:
                tail = float(10 ** rng.uniform(-2.0, -0.8))
        elif rng.random() < 0.08:
            # Counts that somebody normalised, or averaged and multiplied.
            gain = float(10 ** rng.uniform(-0.3, 1.5))
        return cls(
            layout=layout,
            outline=outline,
            pixel_size=layout.pitch * scale,
            module_offset=offset,
            bad_pixels=bad_pixels,
            dark=dark,
            gain=gain,
            read_out=read_out,
            point_spread=point_spread,
            tail=tail,
            tail_length=float(np.exp(rng.uniform(np.log(15), np.log(120)))),
            zeros=bool(rng.random() < 0.15),
            pattern=FixedPattern.draw(rng, layout),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of detector and read-out that it is."""
        dark_parts = self.layout.module is not None or self.outline.aperture is not None
        which = (
            not self.layout.integrating,
            self.layout.integrating,
            self.tail > 0,
            self.zeros and dark_parts,
            self.layout.name == "neutron" or (self.gain != 1 and not self.layout.integrating),
        )
        own = tuple(name for name, present in zip(KINDS, which, strict=True) if present)
        return (f"detector: {self.layout.name} {self.outline.model}", *own, *self.pattern.kinds)

    @property
    def scale(self) -> float:
        """Side of a pixel of the image in pixels of the layout."""
        return self.pixel_size / self.layout.pitch

    @property
    def dark_counts(self) -> float:
        """Expected counts of a pixel of the image without beam."""
        # A pixel of the image covers scale² pixels of the layout.
        return self.dark * self.scale**2

    @property
    def saturation(self) -> int:
        """Largest count that a pixel of the image can hold."""
        most = self.layout.saturation * self.scale**2
        if not self.layout.integrating:  # its gain was applied after the counter
            most *= self.gain
        # Below 2³² − 1, which marks masked pixels.
        return int(min(max(most, 1000), 2**32 - 2))

    def parts(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the mask, and the pixels that are written as 0; both (size, size) bool.

        Masked are gaps, what is beside the detector, and bad pixels. Gaps and the corners beside
        a round detector are written as 0 instead where `zeros` is set.

        Args:
            size: of the image in pixels.
            rng: stream of the bad pixels.
        """
        layout, outline = self.layout, self.outline
        # Modules lie on their side.
        if outline.turned and layout.module:
            layout = layout._replace(module=layout.module[::-1], gap=layout.gap[::-1])
        fine = self.scale * outline.fineness
        first, second = (
            m - b * size * fine for m, b in zip(self.module_offset, outline.begin, strict=True)
        )
        gaps = gap_mask(layout, size, fine, (first, second))
        points = (np.arange(size) + 0.5) / size
        bad = rng.random(gaps.shape, dtype=np.float32) < self.bad_pixels
        if not self.zeros:
            return gaps | outline.outside(points) | bad, np.zeros_like(gaps)
        # Beside a rectangle there are no pixels to write; a round edge leaves dark corners.
        mask = replace(outline, aperture=None, bend=0.0, tilt=0.0).outside(points) | bad
        return mask, (gaps | outline.outside(points)) & ~mask

    def flat_field(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return the sensitivity (size, size) float32 of pixels, 1 on average.

        Args:
            size: of the image in pixels.
            rng: stream of the flat field.
        """
        flat = rng.standard_normal((size, size), dtype=np.float32)
        flat *= np.float32(self.layout.flat_field)
        flat += 1
        # No pixel is so insensitive as to look dead.
        return np.maximum(flat, 0.5, out=flat)


def gap_mask(layout: Layout, size: int, scale: float, offset: tuple[float, float]) -> np.ndarray:
    """Return (size, size) bool, True in gaps between modules.

    Args:
        layout: modules and gaps.
        size: of the image in pixels.
        scale: side of a pixel of the image in pixels of the detector.
        offset: rows and columns by which the image begins within the period of modules.
    """
    mask = np.zeros((size, size), bool)
    edges = np.arange(size + 1) * scale
    if layout.module:
        for axis in (0, 1):
            live, gap = layout.module[axis], layout.gap[axis]
            # Length of gap below each pixel edge; differences are how much of a pixel is gap.
            position = edges + offset[axis]
            periods, rest = np.divmod(position, live + gap)
            below = periods * gap + np.maximum(rest - live, 0)
            # A pixel of the image counts as dead if four tenths of it lie in a gap.
            dead = np.diff(below) > 0.4 * scale
            mask |= dead[:, None] if axis == 0 else dead[None, :]
    return mask
