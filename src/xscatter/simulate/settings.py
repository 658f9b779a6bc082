"""The constants of an experiment, drawn: stratified over experiments where a class must not be missing.

Lengths are in pixels of the detector's layout, positions in parts of the side, so that nothing here
depends on the number of pixels of an image.
"""

from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.seeds import Purpose, generator
from xscatter.simulate.beamstop import beamstop_mask
from xscatter.simulate.detector import LAYOUTS, REFERENCE, Frame, Layout
from xscatter.simulate.limits import user_mask
from xscatter.simulate.strata import choose, fraction
from xscatter.study import Study

BEAM_POSITIONS = {"middle": 0.45, "off centre": 0.25, "edge": 0.15, "off the image": 0.15}
BEAMSTOPS = {"circular": 0.28, "linear": 0.24, "wedge": 0.24, "none": 0.24}
SOFT = {"solution", "block copolymer", "polymer"}  # what is measured with a spread of wavelengths
GRID = (
    np.arange(120) + 0.5
) / 120  # rows and columns, in parts of the side, at which coverage is counted
FAMILIES = {
    "powder": 0.16, "solution": 0.14, "block copolymer": 0.14, "superlattice": 0.16, "polymer": 0.14,
    "fibre": 0.12, "crystal": 0.14,
}  # fmt: skip


def draw_settings(study: Study, number: int) -> dict[str, Any]:
    """The constants of experiment `number`: a pure function of the seed; lengths in pixels of the layout.

    Raises:
        UserError: no position of the beam keeps the disk of the expansion covered.
    """
    seed = study.seed
    rng = generator(seed, Purpose.EXPERIMENT, number, 0)
    layout = LAYOUTS[choose(seed, "detector", number, study.simulate.detectors)]
    size = study.simulate.size
    resample = study.simulate.sampling == "resample"
    scale = REFERENCE / size if resample else 1.0
    side = size * scale  # pixels of the layout
    grazing = fraction(seed, "geometry", number) < 0.16
    frame = _draw_frame(study, layout, number, rng)
    settings: dict[str, Any] = {
        "detector": layout.name,
        "geometry": "grazing" if grazing else "transmission",
        "pixel_size": layout.pitch * scale,
        "wavelength": 1.23984e-9 / rng.uniform(7.0, 18.0),
        "polarisation": float(np.clip(rng.normal(0.95, 0.04), 0, 1))
        if rng.random() < 0.85
        else 0.0,
        "beam_size": float(rng.uniform(0.5, 3.0)),
        "frame": frame._asdict(),
        # Whole modules, or a region of interest that begins anywhere.
        "module_offset": [0.0, 0.0]
        if rng.random() < 0.7
        else [float(x) for x in rng.uniform(0, (200, 400))],
        "bad_pixels": float(10 ** rng.uniform(-5.5, -3.5)),
        "dark": float(layout.dark * np.exp(rng.normal(0, 0.7 if layout.integrating else 0.3))),
        "gain": 1.0,
        "read_out": 0.0,
        "point_spread": layout.point_spread,
        "family": choose(seed, "family", number, FAMILIES),
        "second_family": choose(seed, "second family", number, FAMILIES),
    }
    if layout.integrating:
        settings["gain"] = float(10 ** rng.uniform(-0.2, 0.8))
        settings["read_out"] = float(settings["gain"] * rng.uniform(0.3, 1.0))
        # Phosphors are as thick as the energy asks for.
        settings["point_spread"] = float(
            layout.point_spread * np.exp(rng.uniform(np.log(0.25), np.log(1.2)))
        )
    # The angle of the far edge: small-angle for the one half of experiments, wide-angle for the other.
    place = fraction(seed, "range", number)
    edge = np.deg2rad(10 ** np.interp(place, [0, 0.5, 0.8, 1], [0.0, 0.7, 1.2, 1.6]))
    if grazing:
        edge = np.deg2rad(10 ** np.interp(place, [0, 0.7, 1], [0.1, 0.6, 1.3]))
        critical = np.deg2rad(rng.uniform(0.09, 0.24)) * np.clip(np.rad2deg(edge) / 3, 0.5, 1.5)
        settings |= {
            "critical": float(critical),
            "incidence": float(critical * rng.uniform(0.8, 2.5)),
            "film_loss": float(rng.uniform(0.15, 0.5)),
            "horizon_blur": float(10 ** rng.uniform(-1.5, -0.3)),
            "horizon_leak": float(10 ** rng.uniform(-2.0, -0.5)),
        }
    settings["distance"] = float(REFERENCE * layout.pitch / np.tan(edge))
    settings["window"] = None
    if fraction(seed, "window", number) < 0.09:
        settings["window"] = {
            "shape": "circle" if rng.random() < 0.6 else "square",
            "center": (np.array(frame.begin) + frame.extent * rng.normal(0.5, 0.1, 2)).tolist(),
            "radius": float(rng.uniform(0.3, 0.65)),
            "about_beam": bool(
                rng.random() < 0.6
            ),  # the end of a flight tube, not a hole in something
            "blur": float(rng.uniform(1, 15)),
            "leak": float(10 ** rng.uniform(-3, -0.7)),
        }
    tilt = (
        np.deg2rad(rng.uniform(2, 12))
        if fraction(seed, "tilt", number) < 0.15 and edge > 0.1
        else np.deg2rad(0.2)
    )
    turn = rng.uniform(0, 2 * np.pi)
    settings["rot1"], settings["rot2"] = float(tilt * np.cos(turn)), float(tilt * np.sin(turn))
    where = "grazing" if grazing else choose(seed, "beam", number, BEAM_POSITIONS)
    settings["center"] = _draw_center(study, layout, frame, where, rng)
    # Whether the beam meets the detector, or falls beside it.
    settings["on_image"] = all(
        b <= c < b + e
        for c, b, e in zip(settings["center"], frame.begin, frame.extent, strict=True)
    )
    kind = choose(seed, "beamstop", number, BEAMSTOPS) if settings["on_image"] else "none"
    largest = 0.1 * side * min(1.0, 2 * min(frame.extent))
    settings["beamstop"] = kind
    settings["stop"] = {
        "radius": float(min(np.exp(rng.uniform(np.log(10), np.log(60))), largest))
        if kind != "none"
        else 0.0,
        "blur": float(rng.uniform(0.5, 4.0)),
        "holder": float(rng.uniform(3, 20)) if rng.random() < 0.45 else 0.0,
        "holder_opacity": float(rng.uniform(0.5, 1.0)),
        "elbow": float(rng.uniform(60, 400)),
        "bend": float(np.deg2rad(rng.normal(0, 2.5))) if rng.random() < 0.5 else 0.0,
        "mount": float(rng.uniform(1.1, 1.6)) if rng.random() < 0.4 else 0.0,
        "angle": float(
            rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else rng.integers(4) * np.pi / 2
        ),
        "opening": float(np.deg2rad(rng.uniform(3, 15))),
        "leak": float(10 ** rng.uniform(-5, -2)),
        # A pin has a head, and its rod may let some through; a disk may have a hole, or a diode, in its middle.
        "head": float(rng.uniform(1.1, 2.0)) if rng.random() < 0.5 else 0.0,
        "rod_opacity": float(rng.uniform(0.6, 1.0)) if rng.random() < 0.4 else 1.0,
        "hole": float(rng.uniform(0.1, 0.3)) if rng.random() < 0.25 else 0.0,
        "hole_opacity": float(1 - 10 ** rng.uniform(-3, -0.5)),
    }
    # A mask over the beamstop is drawn by hand: a little larger than the shadow, not always over the holder.
    stop = settings["stop"]
    stop["margin"] = float(rng.uniform(0, 8))
    stop["holder_masked"] = bool(rng.random() < 0.75)
    masked = study.simulate.masked_beamstops
    stop["masked"] = bool(kind != "none" and fraction(seed, "masked beamstop", number) < masked)
    if stop["masked"]:
        center = np.array(settings["center"])
        hidden = beamstop_mask(
            kind, *(side * (GRID[:, None] - center[0]), side * (GRID[None, :] - center[1])), stop
        )
        left = covered(
            layout, center, study.radius / study.simulate.size, user_mask(study), frame, hidden
        )
        stop["masked"] = left >= 1.1 * study.transform.minimum_coverage
    if settings["window"] and settings["window"]["about_beam"] and settings["on_image"]:
        settings["window"]["center"] = (settings["center"] + rng.normal(0, 0.06, 2)).tolist()
    settings["patch"] = None
    if fraction(seed, "patch", number) < 0.15:
        settings["patch"] = {
            "center": (np.array(frame.begin) + frame.extent * rng.uniform(0, 1, 2)).tolist(),
            "half": np.exp(rng.uniform(np.log(0.02), np.log(0.2), 2)).tolist(),
            "angle": float(rng.normal(0, 0.1) if rng.random() < 0.6 else rng.uniform(0, np.pi)),
            "blur": float(np.exp(rng.uniform(np.log(1), np.log(30)))),
            "opacity": float(rng.uniform(0.15, 1.0)),
        }
    settings["exposure"] = 4.2 + 3.3 * fraction(
        seed, "exposure", number
    )  # log10 of photons in a typical image
    settings["air"] = fraction(seed, "air", number)
    settings["slits"] = fraction(seed, "slits", number)
    settings["coherent"] = fraction(seed, "coherence", number) < 0.25
    settings["wavelength_spread"] = 0.0
    families = {settings["family"], settings["second_family"]}
    if (
        layout.name == "square"
        and families <= SOFT
        and fraction(seed, "wavelength spread", number) < 0.7
    ):
        # A neutron camera: a velocity selector, cold neutrons, and a beam as wide as its flux asks for.
        settings["wavelength_spread"] = float(rng.uniform(0.06, 0.19))
        settings["wavelength"] = float(rng.uniform(0.45e-9, 1.2e-9))
        settings["beam_size"] = float(rng.uniform(2.0, 8.0))
        settings["polarisation"] = 0.0
        settings["coherent"] = False
    return settings


def _draw_frame(study: Study, layout: Layout, number: int, rng: np.random.Generator) -> Frame:
    """The detector in the square of the image; one that fills it where strips cover too little of the expansion."""
    names = {f"{rows} x {cols}": weight for (rows, cols), weight in layout.models.items()}
    rows, cols = (int(word) for word in choose(study.seed, "model", number, names).split(" x "))
    turned = rng.random() < 0.3
    if turned:
        rows, cols = cols, rows
    longer = max(rows, cols)
    fineness = longer / REFERENCE if study.simulate.sampling == "resample" else 1.0
    frame = Frame((rows / longer, cols / longer), fineness, turned)
    bend, tilt = float(rng.uniform(-0.02, 0.03)), float(np.deg2rad(rng.normal(0, 0.8)))
    aperture = float(rng.uniform(0.46, 0.51))
    if layout.taper and rows == cols:
        kind = fraction(study.seed, "aperture", number)
        frame = frame._replace(aperture=aperture) if kind < 0.55 else frame
        frame = frame._replace(bend=bend, tilt=tilt) if kind > 0.75 else frame
    radius = study.radius / study.simulate.size
    most = covered(layout, np.array([0.5, 0.5]), radius, user_mask(study), frame)
    return (
        frame
        if most >= 1.1 * study.transform.minimum_coverage
        else Frame(fineness=fineness, turned=turned)
    )


def _draw_center(
    study: Study, layout: Layout, frame: Frame, where: str, rng: np.random.Generator
) -> list[float]:
    """Beam centre as a part of the side of the square (row, column)."""
    radius = study.radius / study.simulate.size
    own = user_mask(study)
    begin, extent = np.array(frame.begin), np.array(frame.extent)
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
            center = begin + extent * _along_edge(rng, -rng.uniform(0.01, 0.25), frame.extent)
        if covered(layout, center, radius, own, frame) >= study.transform.minimum_coverage:
            return [float(x) for x in center]
    # None of this kind will do: the nearest to it that does, on the way to the middle.
    for step in np.linspace(0, 1, 41):
        trial = center + step * (0.5 - center)
        if covered(layout, trial, radius, own, frame) >= study.transform.minimum_coverage:
            return [float(x) for x in trial]
    most = covered(layout, np.array([0.5, 0.5]), radius, own, frame)
    raise UserError(
        f"transform.minimum_coverage: is {study.transform.minimum_coverage}, but at most {most:.3f} of a disk of "
        f"radius {study.radius:g} pixels lies on an image of {study.simulate.size}; lower it or transform.radius"
    )


def _along_edge(rng: np.random.Generator, depth: float, extent: tuple[float, float]) -> np.ndarray:
    """A place (row, column) in parts of the detector whose sides are `extent`, `depth` within one of its edges."""
    axis = int(rng.random() < 0.5)
    center = np.full(2, rng.uniform(0.1, 0.9))
    center[axis] = depth / extent[axis]
    return center if rng.random() < 0.5 else 1 - center


def covered(
    layout: Layout,
    center: np.ndarray,
    radius: float,
    mask: np.ndarray | None = None,
    frame: Frame | None = None,
    hidden: np.ndarray | None = None,
) -> float:
    """Part of the disk of `radius` about `center` (parts of the side) that lies on live pixels.

    Counted on a grid of 120 × 120 whatever the image size, less the largest part that gaps, bad
    pixels and the rounding of the edges can take, so the true part is never below. `hidden` (120, 120)
    bool is not live either.
    """
    inside = np.hypot(GRID[:, None] - center[0], GRID[None, :] - center[1]) <= radius
    if hidden is not None:
        inside &= ~hidden
    sure = 0.88 if layout.module else 0.98
    if frame is not None:
        inside &= ~frame.outside(GRID)
        if min(frame.extent) < 0.9:  # a row of image pixels more or less
            sure *= 1 - 0.016 / min(frame.extent)
    if mask is not None:
        place = ((GRID - 1 / 240) * len(mask)).astype(int)
        inside &= ~mask[np.ix_(place, place)]
    return float(inside.mean() / (np.pi * radius**2) * sure)
