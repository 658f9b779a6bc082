"""PONI files of pyFAI, versions 1 to 3: the point of normal incidence and the detector's tilt.

The beam meets the detector at
    p1 = poni1 + L tan(rot2) / cos(rot1),  p2 = poni2 - L tan(rot1)
(metres along rows and columns from the corner of pixel (0, 0) of the detector), which follows from
pyFAI's rotation R = R3 R2 R1 with rot3 about the beam. From version 2.1 the orientation says from
which corner the rows and columns of the stored image are counted: 1 both reversed, 2 rows
reversed, 3 (default) neither, 4 columns reversed.
"""

import json
import math
import re
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.frames.frame import BeamGeometry
from xscatter.geometry import DETECTOR_SHAPES, PIXEL_SIZES

_NEEDED = ("distance", "poni1", "poni2")


def read_poni(path: str | Path, shape: tuple[int, int] | None) -> BeamGeometry:
    """Return the geometry that a PONI file gives to an image.

    Args:
        path: the file.
        shape: rows and columns of the image; None: those of the detector it names.

    Raises:
        UserError: it cannot be read, lacks a value, tilts the detector by a right angle, or is of a
            detector whose images have another shape.
    """
    keys = _entries(path)
    try:
        settings = json.loads(keys.get("detector_config") or "{}")
    except ValueError as error:
        raise UserError(f"{path}: its Detector_config is not JSON ({error})") from error
    try:
        distance, poni1, poni2 = (float(keys[name]) for name in _NEEDED)
        rot1, rot2 = float(keys.get("rot1", 0)), float(keys.get("rot2", 0))
        wavelength = float(keys["wavelength"]) if keys.get("wavelength", "None") != "None" else None
        pitch1 = settings.get("pixel1") or keys.get("pixelsize1") or keys.get("pixel1")
        pitch2 = settings.get("pixel2") or keys.get("pixelsize2") or keys.get("pixel2")
        pitch1, pitch2 = (
            float(p) if p else _pitch(keys.get("detector", ""), path) for p in (pitch1, pitch2)
        )
        orientation = int(settings.get("orientation") or 3)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: holds a value that is not a number ({error})") from error
    if not all(
        map(math.isfinite, (distance, poni1, poni2, rot1, rot2, pitch1, pitch2, wavelength or 0.0))
    ):
        raise UserError(f"{path}: holds a value that is not finite; calibrate again")
    if (
        min(abs(math.cos(rot1)), abs(math.cos(rot2))) < 1e-3
        or distance <= 0
        or pitch1 <= 0
        or pitch2 <= 0
    ):
        raise UserError(f"{path}: distance, pixel size or tilt are impossible; calibrate again")
    if orientation not in (1, 2, 3, 4):
        raise UserError(f"{path}: orientation {orientation} is not one of 1, 2, 3, 4")
    # The centre of another detector would be wrong without any sign of it.
    full = settings.get("max_shape") or _shape(keys.get("detector", ""))
    if shape and full and tuple(full) != shape:
        raise UserError(
            f"{path}: is of a detector of {full[0]}x{full[1]} pixels, the frame has "
            f"{shape[0]}x{shape[1]}; give the PONI file of this detector, and frames as it wrote "
            "them"
        )
    shape = shape or (0, 0)
    # PONI counts metres from the corner of a pixel, we count pixels from its centre.
    row = (poni1 + distance * math.tan(rot2) / math.cos(rot1)) / pitch1 - 0.5
    col = (poni2 - distance * math.tan(rot1)) / pitch2 - 0.5
    if orientation in (1, 2):
        row = shape[0] - 1 - row
    if orientation in (1, 4):
        col = shape[1] - 1 - col
    return BeamGeometry(wavelength, distance, (pitch1 + pitch2) / 2, (row, col))


def _entries(path: str | Path) -> dict[str, str]:
    """The entries of a PONI file, by name in lower case."""
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'it is not text'})"
        ) from error
    keys: dict[str, str] = {}
    for line in text.splitlines():  # calibrations are appended: the last value is valid
        name, colon, value = line.partition(":")
        if colon and not line.lstrip().startswith("#"):
            keys[name.strip().lower()] = value.strip()
    missing = [name for name in _NEEDED if name not in keys]
    if missing:
        raise UserError(f"{path}: is not a PONI file: lacks {', '.join(missing)}")
    return keys


def _shape(detector: str) -> tuple[int, int] | None:
    """Rows and columns of a detector by its name in pyFAI; None if it is not known."""
    match = re.fullmatch(r"(pilatus|eiger2?)[\s_]*(?:cdte)?[\s_]*(\w+)", detector.lower())
    return DETECTOR_SHAPES[match[1]].get(match[2]) if match else None


def _pitch(detector: str, path: str | Path) -> float:
    """Pixel size of a detector in metres."""
    for name, pitch in PIXEL_SIZES.items():
        if detector.lower().startswith(name):
            return pitch
    try:
        from pyFAI.detectors import detector_factory  # an optional package

        return float(detector_factory(detector).pixel1)
    except Exception as error:  # pyFAI missing, or another kind of error for every unknown detector
        raise UserError(
            f"{path}: the pixel size of {detector!r} is not known; give pixel1 and pixel2 in "
            "Detector_config"
        ) from error
