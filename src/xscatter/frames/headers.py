"""Geometry and saturation that the headers of detector files tell, in SI units."""

import math
import re
from typing import Any

from xscatter.frames.frame import Geometry

_NUMBER = r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"


def saturation(header: dict[str, Any]) -> float | None:
    """Counts at which a pixel is full, or None."""
    found = re.search(rf"Count_cutoff\D*{_NUMBER}", _text(header))
    return float(found[1]) if found else None


def geometry(header: dict[str, Any], shape: tuple[int, int]) -> Geometry:
    """What `header` of fabio says of the geometry of an image of `shape`; impossible values count as not told."""
    if "DETTYPE" in header and "CENTER" in header:
        return _bruker(header, shape)
    if "PSize_1" in header or "Center_1" in header:
        return _edf(header)
    if "beam_x" in header:
        return _mar(header)
    if "PixelLength" in header:
        return _mar345(header, shape)
    text = _text(header)
    center = _pair(rf"Beam_xy\D*{_NUMBER}\s*,\s*{_NUMBER}", text)
    turned = _one(rf"Detector_2theta\s+{_NUMBER}", text)
    if center is None or 0.0 in center or (turned and abs(turned) > 0.5):
        center = None  # (0, 0) is what nobody filled in; on a turned arm the beam does not meet the detector there
    return Geometry(
        _length(_one(rf"Wavelength\s+{_NUMBER}", text), 1e-10, 1e-12, 1e-8),
        _length(_one(rf"Detector_distance\s+{_NUMBER}", text), 1.0, 1e-3, 100),
        _length(_one(rf"Pixel_size\s+{_NUMBER}", text), 1.0, 1e-6, 1e-2),
        (center[1], center[0]) if center else None,
    )


def _bruker(header: dict[str, Any], shape: tuple[int, int]) -> Geometry:
    numbers = [float(word) for word in str(header["CENTER"]).split()[:2]]
    turned = str(header.get("ANGLES", "0")).split()
    center = None
    if len(numbers) == 2 and all(numbers) and abs(float(turned[0])) < 0.5:
        center = (shape[0] - 1 - numbers[1], numbers[0])  # its rows are counted from below
    waves = str(header.get("WAVELEN", "0")).split()
    distance = str(header.get("DISTANC", "0")).split()
    per_cm = [w for w in str(header["DETTYPE"]).split() if re.fullmatch(_NUMBER, w)]
    pitch = 0.01 / float(per_cm[0]) * 512 / shape[0] if per_cm and float(per_cm[0]) > 0 else None
    return Geometry(
        _length(float(waves[0]), 1e-10, 1e-12, 1e-8),
        _length(float(distance[0]), 1e-2, 1e-3, 100),
        pitch,
        center,
    )


def _edf(header: dict[str, Any]) -> Geometry:
    def value(name: str) -> float | None:
        found = re.search(_NUMBER, str(header.get(name, "")))
        return float(found[1]) if found else None

    x, y = value("Center_1"), value("Center_2")
    center = (y - 0.5, x - 0.5) if x is not None and y is not None and (x or y) else None
    return Geometry(value("WaveLength"), value("SampleDistance"), value("PSize_1"), center)


def _mar(header: dict[str, Any]) -> Geometry:
    def value(name: str) -> float:
        try:
            return float(header.get(name, 0))
        except (TypeError, ValueError):
            return 0.0

    x, y = value("beam_x") / 1000, value("beam_y") / 1000
    return Geometry(
        _length(value("source_wavelength") / 1e5, 1e-10, 1e-12, 1e-8),
        _length(value("xtal_to_detector") / 1000, 1e-3, 1e-3, 100),
        _length(value("pixelsize_x"), 1e-9, 1e-6, 1e-2),
        (y, x) if x and y else None,
    )


def _mar345(header: dict[str, Any], shape: tuple[int, int]) -> Geometry:
    """Image plates: millimetres, and angstroms (https://github.com/silx-kit/fabio, mar345image.py)."""
    center = _pair(rf"CENTER_X {_NUMBER}\nCENTER_Y {_NUMBER}", _text(header))
    # The middle of the plate is what nobody filled in; the beam does not meet a plate there that is turned away.
    if center and (
        max(abs(2 * center[0] - shape[1]), abs(2 * center[1] - shape[0])) <= 1
        or abs(header["TwoTheta"]) > 0.5
    ):
        center = None
    return Geometry(
        _length(header["Wavelength"], 1e-10, 1e-12, 1e-8),
        _length(header["Distance"], 1e-3, 1e-3, 100),
        _length(header["PixelLength"], 1e-3, 1e-6, 1e-2),
        (center[1], center[0]) if center and all(center) else None,
    )


def _text(header: dict[str, Any]) -> str:
    return "\n".join(f"{key} {value}" for key, value in header.items())


def _one(pattern: str, text: str) -> float | None:
    found = re.search(pattern, text)
    return float(found[1]) if found else None


def _pair(pattern: str, text: str) -> tuple[float, float] | None:
    found = re.search(pattern, text)
    return (float(found[1]), float(found[2])) if found else None


def _length(value: float | None, unit: float, least: float, most: float) -> float | None:
    """`value` in metres, or None where no such length can be."""
    if value is None or not math.isfinite(value) or not least <= value * unit <= most:
        return None
    return value * unit
