"""The axes and maps of an experiment: features describe themselves on them.

`Experiment(study, number)` is a pure function of the study's seed and the number. What decides the
scene is drawn by `setup.py` in quantities that do not depend on the image size; what belongs to
single pixels (dead, hot, sensitivity) comes from streams of its own.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from xscatter import tags
from xscatter.geometry import Geometry
from xscatter.simulate.instrument.obstacle import Factor, Obstacle
from xscatter.simulate.limits import check_study, user_mask
from xscatter.simulate.setup import draw_setup
from xscatter.simulate.streams import Stream, experiment_stream
from xscatter.study import Study

ANGLES = 4096  # points of azimuthal tables
OVERSAMPLING = 4  # points of radial tables in a pixel
BLOCK = 64  # rows of maps made at a time
OfPixels = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of their rows (n, 1), columns (1, cols)
LEAST_RADIUS = 6.0  # pixels of the layout about a beam without beamstop
LEAST_OUTLINE = 60  # pixels of the layout on the detector by which a masked obstacle is recognised


def _largest_q(geometry: Geometry, size: int) -> float:
    # q grows from the beam outwards: its largest value lies on the rim, or in a corner.
    index, ends = np.arange(size), (0, size - 1)
    rim = [geometry.q_chi(index, np.full(size, end))[0].max() for end in ends]
    rim += [geometry.q_chi(np.full(size, end), index)[0].max() for end in ends]
    return max(rim)


def _seen_range(experiment: "Experiment") -> tuple[float, float]:
    """Return the least and largest q that are seen well, nm⁻¹."""
    # On a coarse grid, so that the answer does not depend on the image size.
    outline, size = experiment.setup.detector.outline, experiment.size
    along = (np.arange(100) + 0.5) / 100
    rows, cols = (
        (b + e * along) * size - 0.5 for b, e in zip(outline.begin, outline.extent, strict=True)
    )
    q, _ = experiment.geometry.q_chi(rows[:, None], cols[None, :])
    # A little beyond the edge of the beamstop, which is blurred.
    least = 1.3 * experiment.stop_radius * experiment.q_per_pixel
    # Beyond, rings are seen over a small part of their circle only.
    most = float(np.quantile(q, 0.9))
    if experiment.film:
        # Below the Yoneda band the film hides most of what scatters.
        exit_angle = experiment.film.incidence + experiment.film.critical
        band = 1e-9 * 2 * np.pi / experiment.geometry.wavelength * exit_angle
        least = max(least, min(band, 0.5 * most))
    # The beam off the image: begin where the image begins.
    return float(max(least, float(q.min()) * 1.05)), most


class Experiment:
    """One experiment of a study: all that features and the renderer ask for.

    Attributes:
        study: the study.
        number: of the experiment.
        setup: everything that was drawn: `detector`, `beam`, `placement`, `exposure`, obstacles.
        family: of the sample.
        film: that the beam meets under grazing incidence, or None.
        grazing: whether there is a film.
        geometry: where the pixels are.
        size: image side in pixels.
        scale: side of an image pixel in pixels of the detector's layout.
        stop_radius: radius in pixels about the beam that the beamstop hides, or that of the beam.
        wavelength_spread: full width of the wavelengths over their mean; rings are widened by it.

    Raises:
        UserError: the study cannot be simulated.

    Example:
        >>> from xscatter import Experiment, Study
        >>> experiment = Experiment(Study(name="example", simulate={"size": 64}), 0)
        >>> experiment.mask.shape, experiment.q_low < experiment.q_high
        ((64, 64), True)
    """

    def __init__(self, study: Study, number: int):
        # First: a study that cannot work must fail before anything is drawn.
        check_study(study)
        self.study, self.number = study, number
        self.setup = setup = draw_setup(study, number)
        self.family, self.film, self.grazing = setup.sample.family, setup.film, bool(setup.film)
        self.size, self.scale = study.simulate.size, setup.detector.scale
        self.geometry = setup.geometry(self.size)
        self.stop_radius = max(setup.beamstop.radius, LEAST_RADIUS) / self.scale
        self.wavelength_spread = setup.beam.wavelength_spread
        # Independent blurs add in squares.
        self._spread = np.hypot(setup.detector.point_spread, setup.beam.beam_size)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of instrument that it has, in alphabetical order."""
        return self.setup.kinds

    # ---- the axes on which features describe themselves -------------------------------------

    @cached_property
    def q_per_pixel(self) -> float:
        """Change of q over one pixel near the beam, nm⁻¹."""
        g = self.geometry
        # Distance along the beam: the detector may be tilted.
        along = g.distance / (np.cos(g.rot1) * np.cos(g.rot2))
        return 2e-9 * np.pi / g.wavelength * g.pixel_size / along

    @property
    def q_step(self) -> float:
        """Step of :attr:`q`, nm⁻¹."""
        return self.q_per_pixel / OVERSAMPLING

    @cached_property
    def q(self) -> np.ndarray:
        """q of radial tables (radii,), nm⁻¹, evenly spaced; the first is half a step, not 0."""
        q = np.arange(self._radii) * self.q_step
        q[0] = 0.5 * self.q_step
        return q

    @cached_property
    def _radii(self) -> int:
        return int(_largest_q(self.geometry, self.size) / self.q_step) + 2 * OVERSAMPLING

    @cached_property
    def chi(self) -> np.ndarray:
        """Azimuth of azimuthal tables (angles,), radians from -π to just below π."""
        return (np.arange(ANGLES) / ANGLES * 2 - 1) * np.pi

    @cached_property
    def axis(self) -> np.ndarray:
        """Points (2 radii - 1,) of the tables of `Plane`, nm⁻¹, from -q to q, evenly spaced."""
        return np.arange(-self._radii + 1, self._radii) * self.q_step

    @property
    def resolution(self) -> float:
        """Standard deviation of q by point spread, pixel and beam, nm⁻¹, as rendered."""
        return self.spread_pixels * self.q_per_pixel

    @property
    def blur(self) -> float:
        """Standard deviation of q without the pixel, nm⁻¹: the same at every size, for `draw`."""
        return float(self._spread * self.q_per_pixel / self.scale)

    @cached_property
    def spread_pixels(self) -> float:
        """Standard deviation of point spread, beam and half a pixel, in pixels of the image."""
        # 1/√12 = 0.29 is the standard deviation of a box of one pixel.
        return float(np.hypot(self._spread / self.scale, 0.29))

    _seen = cached_property(_seen_range)

    @property
    def q_low(self) -> float:
        """Least q that is seen beside the beamstop, nm⁻¹."""
        return self._seen[0]

    @property
    def q_high(self) -> float:
        """q below which rings are still seen over a good part of their circle, nm⁻¹."""
        return self._seen[1]

    # ---- maps of the whole detector ---------------------------------------------------------
    # They are made in blocks of rows, and only those that every image needs are kept.

    def blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield blocks of rows: a slice, indices of rows (n, 1) and of columns (1, cols)."""
        columns = np.arange(self.size, dtype=float)[None, :]
        for first in range(0, self.size, BLOCK):
            rows = slice(first, min(first + BLOCK, self.size))
            yield rows, np.arange(rows.start, rows.stop, dtype=float)[:, None], columns

    def empty_map(self, dtype: type = np.float32) -> np.ndarray:
        """Return a new map (rows, cols) to be filled."""
        return np.empty((self.size, self.size), dtype)

    def map_of(self, function: OfPixels, dtype: type = np.float32) -> np.ndarray:
        """Return the map (rows, cols) of ``function(rows, cols)``, a function of pixel indices."""
        values = self.empty_map(dtype)
        for block, rows, cols in self.blocks():
            values[block] = function(rows, cols)
        return values

    @cached_property
    def _indices(self) -> tuple[np.ndarray, np.ndarray]:
        radius, turn = self.empty_map(), self.empty_map()
        largest = np.nextafter(np.float32(ANGLES), np.float32(0))
        for block, rows, cols in self.blocks():
            q, chi = self.geometry.q_chi(rows, cols)
            radius[block] = q / self.q_step
            # In float32 the azimuth may round up to a whole turn, which is beyond the table.
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
    def _covers(self) -> list[tuple[Obstacle, np.ndarray]]:
        """Obstacles that are masked, with the pixels of their masks."""
        pairs = ((obstacle, obstacle.mask(self)) for obstacle in self.setup.obstacles)
        return [(obstacle, mask) for obstacle, mask in pairs if mask is not None]

    @cached_property
    def masked_tags(self) -> frozenset[str]:
        """Tags of the obstacles that are masked and whose outline can be told from the mask."""
        inside = ~self.setup.detector.outline.outside((np.arange(self.size) + 0.5) / self.size)
        return frozenset(
            obstacle.tag
            for obstacle, mask in self._covers
            if obstacle.tag and np.count_nonzero(mask & inside) * self.scale**2 >= LEAST_OUTLINE
        )

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        rng = experiment_stream(self.study.seed, self.number, Stream.BAD_PIXELS)
        return self.setup.detector.parts(self.size, rng)

    @property
    def zeros(self) -> np.ndarray:
        """(rows, cols) bool, pixels that are not masked and always written as 0."""
        return self._parts[1]

    @cached_property
    def offset(self) -> np.ndarray | None:
        """(rows, cols) uint32, what the detector adds to each pixel; None where it adds nothing."""
        detector = self.setup.detector
        added = detector.pattern.offset(self.size, self.scale, self._pattern_stream())
        return None if added is None else np.minimum(added, np.uint32(detector.saturation))

    def _pattern_stream(self) -> np.random.Generator:
        return experiment_stream(self.study.seed, self.number, Stream.FIXED_PATTERN)

    @cached_property
    def mask(self) -> np.ndarray:
        """(rows, cols) bool, True = not usable: gaps, beside the detector, bad pixels, masks."""
        mask = self._parts[0].copy()
        for _, cover in self._covers:
            mask |= cover
        own = user_mask(self.study)
        return mask if own is None else mask | own

    @cached_property
    def live(self) -> np.ndarray:
        """(rows, cols) bool, the opposite of the mask."""
        return ~self.mask

    @property
    def flat_field(self) -> np.ndarray:
        """(rows, cols) float32, sensitivity of pixels, 1 on average."""
        rng = experiment_stream(self.study.seed, self.number, Stream.FLAT_FIELD)
        flat, pattern = self.setup.detector.flat_field(self.size, rng), self.setup.detector.pattern
        if pattern.tile_gain:
            flat *= pattern.gains(self.size, self._pattern_stream())
        return flat

    @property
    def response(self) -> np.ndarray:
        """(rows, cols) float32: solid angle × polarisation × sensitivity; 0 on masked pixels.

        The solid angle is in pixels of the layout, so that one dose gives as many photons on any
        number of pixels.
        """
        value, g = self.flat_field, self.geometry
        for block, rows, cols in self.blocks():
            solid_angle = g.solid_angle(rows, cols) * self.scale**2
            value[block] *= solid_angle * g.polarisation(rows, cols, self.setup.beam.polarisation)
        value[self.mask | self.zeros] = 0
        return value

    def factors(self) -> Iterator[Factor]:
        """Yield every change of the scattering by an obstacle."""
        for obstacle in self.setup.obstacles:
            yield from obstacle.factors(self)

    @cached_property
    def _passage(self) -> tuple[np.ndarray, np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]]]:
        gain = self.response
        weight = np.zeros(self._radii)
        for block, _, _ in self.blocks():
            # Rounding may lead one step beyond the table.
            index = np.minimum(np.rint(self.q_index[block]).astype(np.int64), self._radii - 1)
            weight += np.bincount(index.ravel(), gain[block].ravel(), self._radii)
        altered = {}
        for factor in self.factors():
            gain *= factor.factor
            if factor.name in tags.INDEX:
                where = np.flatnonzero(factor.changed() & self.live)
                altered[factor.name] = where.astype(np.int32), factor.factor.ravel()[where]
        # Negative, so that loops tell masked pixels from dark ones by one comparison.
        gain[self.mask] = -1
        return gain, weight, altered

    @property
    def gain(self) -> np.ndarray:
        """(rows, cols) float32: response × all obstacles, and -1 on masked pixels."""
        return self._passage[0]

    @property
    def weight(self) -> np.ndarray:
        """(radii,) sum of the response over the pixels of each radius, without obstacles."""
        return self._passage[1]

    @property
    def altered(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By tag of an obstacle: live pixels (flat indices) that it changes visibly, its factor."""
        return self._passage[2]
