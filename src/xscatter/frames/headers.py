"""Geometry and saturation from the headers of detector files, in SI units."""

import math
import re
from typing import Any

from xscatter.frames.frame import MOST_TURNED, BeamGeometry

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"


def saturation(header: dict[str, Any]) -> float | None:
    """Return the counts at which a pixel is full, or None."""
    # 0 and "(nil)": there is no such limit.
    return _one(rf"Count_cutoff[ \t:=]+{_NUMBER}", _text(header)) or None


def geometry(header: dict[str, Any], shape: tuple[int, int]) -> BeamGeometry:
    """Return the geometry that a `header` of fabio gives to an image of `shape` (rows, cols).

    Impossible values count as not known.
    """
    # The makers are told apart by keys that only they write.
    if "DETTYPE" in header and "CENTER" in header:
        return _bruker(header, shape)
    if "PSize_1" in header or "Center_1" in header:
        return _edf(header)
    if "beam_x" in header:
        return _mar(header)
    if "PixelLength" in header:
        return _mar345(header, shape)
    text = _text(header)
    center = _pair(rf"Beam_xy[\s(:=]*{_NUMBER}\s*,\s*{_NUMBER}", text)
    turned = _one(rf"Detector_2theta\s+{_NUMBER}", text)
    if center is None or 0.0 in center or _is_turned(turned):
        center = None  # 0 was not filled in
    return BeamGeometry(
        _length(_one(rf"Wavelength\s+{_NUMBER}", text), 1e-10, 1e-12, 1e-8),
        _length(_one(rf"Detector_distance\s+{_NUMBER}", text), 1.0, 1e-3, 100),
        _length(_one(rf"Pixel_size\s+{_NUMBER}", text), 1.0, 1e-6, 1e-2),
        (center[1], center[0]) if center else None,
    )


def _bruker(header: dict[str, Any], shape: tuple[int, int]) -> BeamGeometry:
    place = _words(header, "CENTER")[:2]
    center = None
    if len(place) == 2 and all(place) and not _is_turned(*_words(header, "ANGLES")[:1]):
        center = (shape[0] - 1 - place[1], place[0])  # its rows are counted from below
    per_cm = [n for n in _words(header, "DETTYPE") if n > 0]
    # DETTYPE gives pixels per centimetre of a frame of 512 rows.
    pitch = 0.01 / per_cm[0] * 512 / shape[0] if per_cm else None
    return BeamGeometry(
        _length(_first(header, "WAVELEN"), 1e-10, 1e-12, 1e-8),
        _length(_first(header, "DISTANC"), 1e-2, 1e-3, 100),
        _length(pitch, 1.0, 1e-6, 1e-2),
        center,
    )


def _edf(header: dict[str, Any]) -> BeamGeometry:
    x, y = _first(header, "Center_1"), _first(header, "Center_2")
    # EDF counts from the corner of the first pixel.
    center = (y - 0.5, x - 0.5) if x is not None and y is not None and (x or y) else None
    return BeamGeometry(
        _length(_first(header, "WaveLength"), 1.0, 1e-12, 1e-8),
        _length(_first(header, "SampleDistance"), 1.0, 1e-3, 100),
        _length(_first(header, "PSize_1"), 1.0, 1e-6, 1e-2),
        center,
    )


def _mar(header: dict[str, Any]) -> BeamGeometry:
    def value(name: str) -> float:
        return _first(header, name) or 0.0

    # Headers of MarCCD hold thousandths of pixels, and of degrees.
    x, y = value("beam_x") / 1000, value("beam_y") / 1000
    turned = _is_turned(value("start_twotheta") / 1000)
    return BeamGeometry(
        _length(value("source_wavelength") / 1e5, 1e-10, 1e-12, 1e-8),
        _length(value("xtal_to_detector") / 1000, 1e-3, 1e-3, 100),
        _length(value("pixelsize_x"), 1e-9, 1e-6, 1e-2),
        (y, x) if x and y and not turned else None,
    )


def _mar345(header: dict[str, Any], shape: tuple[int, int]) -> BeamGeometry:
    """Image plates: millimetres and angstroms (https://github.com/silx-kit/fabio, mar345image)."""
    center = _pair(rf"CENTER_X {_NUMBER}\nCENTER_Y {_NUMBER}", _text(header))
    # The middle of the plate was not filled in; the beam does not meet a turned plate there.
    if center and (
        max(abs(2 * center[0] - shape[1]), abs(2 * center[1] - shape[0])) <= 1
        or _is_turned(_first(header, "TwoTheta"))
    ):
        center = None
    return BeamGeometry(
        _length(_first(header, "Wavelength"), 1e-10, 1e-12, 1e-8),
        _length(_first(header, "Distance"), 1e-3, 1e-3, 100),
        _length(_first(header, "PixelLength"), 1e-3, 1e-6, 1e-2),
        (center[1], center[0]) if center and all(center) else None,
    )


def _is_turned(degrees: float | None = None) -> bool:
    return degrees is not None and abs(degrees) > MOST_TURNED


def _words(header: dict[str, Any], name: str) -> list[float]:
    """The numbers in an entry of a header; words that are no finite numbers are left out."""
    words = str(header.get(name, "")).replace(",", " ").split()
    return [float(word) for word in words if re.fullmatch(_NUMBER, word)]


def _first(header: dict[str, Any], name: str) -> float | None:
    """The number with which an entry of a header begins, or None."""
    match = re.match(rf"\s*{_NUMBER}", str(header.get(name, "")))
    return float(match[1]) if match else None


def _text(header: dict[str, Any]) -> str:
    return "\n".join(f"{key} {value}" for key, value in header.items())


def _one(pattern: str, text: str) -> float | None:
    match = re.search(pattern, text)
    return float(match[1]) if match else None


def _pair(pattern: str, text: str) -> tuple[float, float] | None:
    match = re.search(pattern, text)
    return (float(match[1]), float(match[2])) if match else None


def _length(value: float | None, unit: float, least: float, most: float) -> float | None:
    """Return `value` times `unit` in metres, or None where such a length is impossible."""
    if value is None or not math.isfinite(value) or not least <= value * unit <= most:
        return None
    return value * unit
