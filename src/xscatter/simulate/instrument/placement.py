"""The placement of the detector: its distance, its tilt, and where the beam meets it."""

from dataclasses import dataclass

import numpy as np

from xscatter.core.errors import UserError
from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.coverage import ExpansionDisk
from xscatter.simulate.instrument.layouts import REFERENCE
from xscatter.simulate.instrument.outline import DetectorOutline

BEAM_POSITIONS = {"middle": 0.45, "off centre": 0.25, "edge": 0.15, "off the image": 0.15}


@dataclass(frozen=True)
class Placement:
    """The detector and the beam.

    Attributes:
        distance: from the sample to the point of normal incidence in metres.
        rot1: tilt about the axis along rows in radians, as in pyFAI.
        rot2: tilt about the axis along columns in radians.
        center: row and column of the beam in fractions of the side of the image.
        on_image: whether the beam meets the detector.
        disk: of the expansion, which stays covered.
    """

    distance: float
    rot1: float
    rot2: float
    center: tuple[float, float]
    on_image: bool
    disk: ExpansionDisk

    @classmethod
    def draw(
        cls, draws: Draws, outline: DetectorOutline, disk: ExpansionDisk, grazing: bool
    ) -> "Placement":
        """Draw a placement that keeps the disk of the expansion covered.

        Args:
            draws: of the experiment.
            outline: of the detector.
            disk: of the expansion.
            grazing: whether the beam meets a film under grazing incidence.

        Raises:
            UserError: no position of the beam keeps the disk covered.
        """
        rng = draws.rng
        # The angle of one image side decides the distance.
        edge = far_edge(draws, grazing)
        # Only detectors at wide angles are tilted.
        tilted = draws.fraction("tilt") < 0.15 and edge > 0.1
        tilt = np.deg2rad(rng.uniform(2, 12)) if tilted else np.deg2rad(0.2)
        turn = rng.uniform(0, 2 * np.pi)
        where = "grazing" if grazing else draws.choose("beam", BEAM_POSITIONS)
        center = _draw_center(draws, outline, disk, where)
        return cls(
            distance=float(REFERENCE * disk.layout.pitch / np.tan(edge)),
            rot1=float(tilt * np.cos(turn)),
            rot2=float(tilt * np.sin(turn)),
            center=center,
            on_image=outline.holds(center),
            disk=disk,
        )


def far_edge(draws: Draws, grazing: bool) -> float:
    """Return the scattering angle of a side of the image in radians.

    Half of the experiments in transmission are at small angles, the other half at wide angles.
    """
    place = draws.fraction("range")
    if grazing:
        return np.deg2rad(10 ** np.interp(place, [0, 0.7, 1], [0.1, 0.6, 1.3]))
    return np.deg2rad(10 ** np.interp(place, [0, 0.5, 0.8, 1], [0.0, 0.7, 1.2, 1.6]))


def _draw_center(
    draws: Draws, outline: DetectorOutline, disk: ExpansionDisk, where: str
) -> tuple[float, float]:
    """Return row and column of the beam in fractions of the side; `where` is a kind of place."""
    rng = draws.rng
    begin, extent = np.array(outline.begin), np.array(outline.extent)
    # Rejection: most places of most kinds are covered, so that few trials are needed.
    for _ in range(400):
        if where == "middle":
            center = begin + extent * rng.normal(0.5, 0.06, 2)
        elif where == "off centre":
            center = begin + extent * rng.uniform(0.15, 0.85, 2)
        elif where == "grazing":
            center = begin + extent * [rng.uniform(0.72, 0.97), rng.uniform(0.25, 0.75)]
        elif where == "edge":
            center = begin + extent * _along_edge(rng, rng.uniform(0.0, 0.1), (1.0, 1.0))
        else:
            center = begin + extent * _along_edge(rng, -rng.uniform(0.01, 0.25), outline.extent)
        if disk.covered(center, outline) >= disk.minimum:
            return float(center[0]), float(center[1])
    # No place of this kind is covered: take the nearest that is, on the way to the middle.
    for step in np.linspace(0, 1, 41):
        trial = center + step * (0.5 - center)
        if disk.covered(trial, outline) >= disk.minimum:
            return float(trial[0]), float(trial[1])
    most = disk.covered(np.array([0.5, 0.5]), outline)
    study = draws.study
    raise UserError(
        f"transform.minimum_coverage: is {disk.minimum}, but at most {most:.3f} of a disk of "
        f"radius {study.radius:g} pixels is on an image of {study.simulate.size}; "
        "lower it or transform.radius"
    )


def _along_edge(rng: np.random.Generator, depth: float, extent: tuple[float, float]) -> np.ndarray:
    """Return a place (row, column), `depth` within one of the edges, in fractions of the detector.

    `extent` are the sides of the detector in the unit of `depth`.
    """
    axis = int(rng.random() < 0.5)
    center = np.full(2, rng.uniform(0.1, 0.9))
    center[axis] = depth / extent[axis]
    return center if rng.random() < 0.5 else 1 - center
