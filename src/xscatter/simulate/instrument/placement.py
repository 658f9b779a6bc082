"""The placement of the detector: its distance, its tilt, and where the beam meets it."""

from dataclasses import dataclass

import numpy as np

from xscatter.core.errors import UserError
from xscatter.simulate.draws import Draws
from xscatter.simulate.instrument.coverage import ExpansionDisk
from xscatter.simulate.instrument.layouts import REFERENCE
from xscatter.simulate.instrument.outline import DetectorOutline

# Of the beam under grazing incidence: below the middle of the film's pattern, or to one side of it.
GRAZING_POSITIONS = {"middle": 0.45, "side": 0.25, "corner": 0.15, "outside": 0.15}
KINDS = (
    "beam: on the detector", "beam: near the edge", "beam: off the image",
    "grazing: detector to one side", "grazing: beam outside", "detector: tilted",
)  # fmt: skip
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
        kinds: names of the kinds of placement that it is.
        disk: of the expansion, which stays covered.
    """

    distance: float
    rot1: float
    rot2: float
    center: tuple[float, float]
    on_image: bool
    kinds: tuple[str, ...]
    disk: ExpansionDisk

    @classmethod
    def draw(
        cls, draws: Draws, outline: DetectorOutline, disk: ExpansionDisk, normal: float | None
    ) -> "Placement":
        """Draw a placement that keeps the disk of the expansion covered.

        Args:
            draws: of the experiment.
            outline: of the detector.
            disk: of the expansion.
            normal: azimuth of the normal of the film under grazing incidence, or None.

        Raises:
            UserError: no position of the beam keeps the disk covered.
        """
        rng, grazing = draws.rng, normal is not None
        # The angle of one image side decides the distance.
        edge = far_edge(draws, grazing)
        # Only detectors at wide angles are tilted.
        tilted = draws.fraction("tilt") < 0.15 and edge > 0.1
        tilt = np.deg2rad(rng.uniform(2, 12)) if tilted else np.deg2rad(0.2)
        turn = rng.uniform(0, 2 * np.pi)
        where = draws.choose("beam", GRAZING_POSITIONS if grazing else BEAM_POSITIONS)
        center = _draw_center(draws, outline, disk, where, normal)
        on_image = outline.holds(center)
        inner = (np.array(center) - outline.begin) / outline.extent
        near_edge = on_image and bool((np.abs(inner - 0.5) > 0.4).any())
        which = (
            on_image and not near_edge,
            near_edge,
            not on_image,
            where in ("side", "corner"),
            where == "outside" and not on_image,
            tilted,
        )
        return cls(
            distance=float(REFERENCE * disk.layout.pitch / np.tan(edge)),
            rot1=float(tilt * np.cos(turn)),
            rot2=float(tilt * np.sin(turn)),
            center=center,
            on_image=on_image,
            kinds=tuple(name for name, present in zip(KINDS, which, strict=True) if present),
            disk=disk,
        )


def far_edge(draws: Draws, grazing: bool) -> float:
    """Return the scattering angle of a side of the image in radians.

    Half of the experiments in transmission are at small angles, the other half at wide angles.
    """
    place = draws.fraction("range")
    if grazing:
        return np.deg2rad(10 ** np.interp(place, [0, 0.5, 0.75, 1], [0.0, 0.6, 1.2, 1.6]))
    return np.deg2rad(10 ** np.interp(place, [0, 0.5, 0.8, 1], [0.0, 0.7, 1.2, 1.6]))


def _draw_center(
    draws: Draws,
    outline: DetectorOutline,
    disk: ExpansionDisk,
    where: str,
    normal: float | None,
) -> tuple[float, float]:
    """Return row and column of the beam in fractions of the side.

    Args:
        draws: of the experiment.
        outline: of the detector.
        disk: of the expansion.
        where: a kind of place.
        normal: azimuth of the normal of a film, or None.
    """
    rng = draws.rng
    begin, extent = np.array(outline.begin), np.array(outline.extent)
    # Rejection: most places of most kinds are covered, so that few trials are needed.
    for _ in range(400):
        if normal is not None:
            center = begin + extent * _beside_film(rng, where, normal)
        elif where == "middle":
            center = begin + extent * rng.normal(0.5, 0.06, 2)
        elif where == "off centre":
            center = begin + extent * rng.uniform(0.15, 0.85, 2)
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


def _beside_film(rng: np.random.Generator, where: str, normal: float) -> np.ndarray:
    """Return a place of the beam (row, column) in fractions of the detector.

    The detector is above the horizon of a film with its normal along the azimuth `normal`: in
    front of the beam, to one side of it, or away from it.
    """
    height, aside = rng.uniform(0.03, 0.45), rng.uniform(0.25, 0.75)
    if where in ("side", "corner"):
        aside = rng.choice([-1, 1]) * rng.uniform(0.3, 0.52) + 0.5
        height = rng.uniform(-0.03, 0.12) if where == "corner" else height
    elif where == "outside":
        # Below the detector, or beside it.
        if rng.random() < 0.5:
            height = -rng.uniform(0.0, 0.15)
        else:
            aside = 0.5 + rng.choice([-1, 1]) * rng.uniform(0.5, 0.75)
    # From the edge of the detector that the film is at: 0.5 - height below its middle.
    up = np.array([np.sin(normal), np.cos(normal)])
    across = np.array([up[1], -up[0]])
    return 0.5 + (height - 0.5) * up + (aside - 0.5) * across


def _along_edge(rng: np.random.Generator, depth: float, extent: tuple[float, float]) -> np.ndarray:
    """Return a place (row, column), `depth` within one of the edges, in fractions of the detector.

    `extent` are the sides of the detector in the unit of `depth`.
    """
    axis = int(rng.random() < 0.5)
    center = np.full(2, rng.uniform(0.1, 0.9))
    center[axis] = depth / extent[axis]
    return center if rng.random() < 0.5 else 1 - center
