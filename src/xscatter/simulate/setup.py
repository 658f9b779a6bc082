"""The constants of an experiment: a pure function of the seed and the number."""

import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.geometry import Geometry
from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.beam import Beam
from xscatter.simulate.instrument.coverage import ExpansionDisk
from xscatter.simulate.instrument.detector import Detector
from xscatter.simulate.instrument.exposure import Exposure
from xscatter.simulate.instrument.layouts import LAYOUTS, WEIGHTS
from xscatter.simulate.instrument.obstacle import Obstacle
from xscatter.simulate.instrument.obstacles import beamstop, film, patch, window
from xscatter.simulate.instrument.outline import DetectorOutline
from xscatter.simulate.instrument.placement import Placement
from xscatter.simulate.instrument.registry import all_obstacles
from xscatter.simulate.limits import user_mask
from xscatter.simulate.sample import Sample
from xscatter.simulate.streams import Stream, experiment_stream
from xscatter.study import Study

# The obstacles that share the stream of the set-up. All others have a stream of their own.
FIRST = ("beamstop", "window", "patch", "film")
ATTEMPTS = 2000  # at most, to draw an instrument of the kinds that a study wants


@dataclass(frozen=True)
class Setup:
    """The constants of one experiment, each part with the type that drew it.

    Attributes:
        others: obstacles beside the four of `FIRST`, by name.
    """

    detector: Detector
    beam: Beam
    placement: Placement
    exposure: Exposure
    sample: Sample
    beamstop: beamstop.Beamstop
    window: window.Window | None
    patch: patch.Patch | None
    film: film.Film | None
    others: dict[str, Obstacle]

    @property
    def obstacles(self) -> list[Obstacle]:
        """All obstacles, in the order in which their factors are multiplied."""
        # Another order would round the last bit of some gains differently.
        candidates = (self.beamstop, self.window, self.patch, self.film, *self.others.values())
        return [obstacle for obstacle in candidates if obstacle is not None]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of all kinds of instrument that it is, in alphabetical order."""
        kinds = {*self.detector.kinds, *self.beam.kinds, *self.placement.kinds}
        return tuple(sorted(kinds.union(*(obstacle.kinds for obstacle in self.obstacles))))

    def geometry(self, size: int) -> Geometry:
        """Return where the pixels are of images of `size` pixels on a side."""
        row, col = self.placement.center
        return Geometry(
            self.beam.wavelength,
            self.placement.distance,
            self.detector.pixel_size,
            (row * size - 0.5, col * size - 0.5),
            self.placement.rot1,
            self.placement.rot2,
        )

    def settings(self) -> dict[str, Any]:
        """Return what was drawn as plain values, in the order that the shards keep."""
        detector, beam, placement = self.detector, self.beam, self.placement
        return {
            "detector": detector.layout.name,
            "geometry": "grazing" if self.film else "transmission",
            "pixel_size": detector.pixel_size,
            "wavelength": beam.wavelength,
            "polarisation": beam.polarisation,
            "beam_size": beam.beam_size,
            "frame": asdict(detector.outline),
            "module_offset": detector.module_offset,
            "bad_pixels": detector.bad_pixels,
            "dark": detector.dark,
            "gain": detector.gain,
            "read_out": detector.read_out,
            "point_spread": detector.point_spread,
            "tail": [detector.tail, detector.tail_length],
            "zeros": detector.zeros,
            "pattern": asdict(detector.pattern),
            **asdict(self.sample),
            **(self.film.settings() if self.film else {}),
            "distance": placement.distance,
            "window": self.window.settings() if self.window else None,
            "rot1": placement.rot1,
            "rot2": placement.rot2,
            "center": placement.center,
            "on_image": placement.on_image,
            "beamstop": self.beamstop.kind,
            "stop": self.beamstop.settings(),
            "patch": self.patch.settings() if self.patch else None,
            "exposure": self.exposure.log_photons,
            "air": self.exposure.air,
            "slits": self.exposure.slits,
            "coherent": self.exposure.coherent,
            "wavelength_spread": beam.wavelength_spread,
            **{name: obstacle.settings() for name, obstacle in self.others.items()},
        }


def draw_setup(study: Study, number: int) -> Setup:
    """Draw the constants of experiment `number`, of the kinds of instrument that the study wants.

    Raises:
        UserError: no position of the beam keeps the disk of the expansion covered, or no
        instrument of such kinds was drawn.
    """
    excluded = set(study.simulate.exclude_kinds)
    required = set(study.simulate.require_kinds)
    # Others are drawn until one has the kinds: it is still a function of seed and number alone.
    for attempt in range(ATTEMPTS):
        setup = _draw_once(study, number, attempt)
        if (not required or required & set(setup.kinds)) and not excluded & set(setup.kinds):
            return setup
    raise UserError(
        f"simulate.require_kinds, simulate.exclude_kinds: none of {ATTEMPTS} instruments drawn for "
        f"experiment {number} has such kinds; require more or exclude fewer"
    )


def _draw_once(study: Study, number: int, attempt: int) -> Setup:
    """Draw one instrument; the order of the lines is that of the draws, and part of the data."""
    key = (attempt,) if attempt else ()
    rng = experiment_stream(study.seed, number, Stream.SETUP, *key)
    draws = Draws(study, number, rng, attempt)
    chosen = {str(name): WEIGHTS[name] for name in study.simulate.detectors}
    layout = LAYOUTS[draws.choose("detector", chosen)]
    # In fractions of the side, as all that must not depend on the image size.
    radius = study.radius / study.simulate.size
    disk = ExpansionDisk(layout, radius, study.transform.minimum_coverage, user_mask(study))
    outline = DetectorOutline.draw(draws, layout)
    if not disk.accepts(np.array([0.5, 0.5]), outline):  # a strip that covers too little
        outline = outline.filled()
    beam = Beam.draw(draws.rng)
    detector = Detector.draw(draws, layout, outline)
    surface = film.draw(draws, detector, None)
    opening = window.draw(draws, detector, None)
    placement = Placement.draw(draws, outline, disk, surface.azimuth if surface else None)
    # After the placement: without a beam on the image there is no beamstop.
    stop = beamstop.draw(draws, detector, placement)
    if opening is not None:
        opening = opening.centered(draws.rng, placement)
    tape = patch.draw(draws, detector, placement)
    sample, exposure = Sample.draw(draws), Exposure.draw(draws)
    # A neutron camera: a velocity selector, often soft matter and a plain square detector.
    soft_square = layout.name == "square" and sample.soft
    if layout.name == "neutron" or (soft_square and draws.fraction("wavelength spread") < 0.5):
        beam, exposure = beam.of_neutrons(draws.rng), replace(exposure, coherent=False)
    # Streams of their own: a new obstacle changes no experiment that exists.
    others = _draw_others(draws, detector, placement)
    return Setup(detector, beam, placement, exposure, sample, stop, opening, tape, surface, others)


def _draw_others(draws: Draws, detector: Detector, placement: Placement) -> dict[str, Obstacle]:
    """Draw every obstacle that is not of `FIRST` from a stream of its own."""
    drawn = {}
    for name, module in all_obstacles().items():
        if name not in FIRST:
            # hash() differs from one process to the next.
            key = [zlib.crc32(name.encode())] + [draws.attempt] * (draws.attempt > 0)
            rng = experiment_stream(draws.study.seed, draws.number, Stream.OBSTACLE, *key)
            obstacle = module.draw(replace(draws, rng=rng), detector, placement)
            if obstacle is not None:
                drawn[name] = obstacle
    return drawn
