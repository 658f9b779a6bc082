"""Mask, saturation and geometry of the frames in an HDF5 file, by NeXus' names."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames.frame import MOST_TURNED, BeamGeometry

_UNITS = {
    "m": 1.0,
    "metre": 1.0,
    "meter": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    "micron": 1e-6,
    "nm": 1e-9,
    "a": 1e-10,
    "å": 1e-10,
    "angstrom": 1e-10,
}
_DEGREES = {"": 1.0, "deg": 1.0, "degree": 1.0, "rad": 180 / math.pi, "radian": 180 / math.pi}
_ARM = ("two_theta", "twotheta", "two_theta_start", "detector_2theta", "det_2theta", "tth")
_PIXEL = ("", "pixel", "px", "none", "1", "dimensionless")
_CORNER = 0.2  # of the sides: few beams are there, and all places in mm on small pixels
_MASK_BITS = 0xFFFF  # NXmx: the higher ones say more about a pixel than whether it can be used


_TIMES = ("time", "timestamp", "timestamps", "frame_time", "start_time")


def times_in(file: h5py.File) -> np.ndarray | None:
    """Return the longest series of times in a file, in seconds; None: it has none.

    Args:
        file: the open file.
    """
    series: list[np.ndarray] = []

    def visit(name: str, item: Any) -> None:
        named = isinstance(item, h5py.Dataset) and name.rpartition("/")[2] in _TIMES
        if named and item.ndim <= 1 and item.dtype.kind in "iuf":
            series.append(np.atleast_1d(item[()]))

    file.visititems(visit)
    return max(series, key=len, default=None)


class FrameFacts:
    """Facts that a file holds about the frames of one dataset.

    Args:
        file: the open file.
        data: (rows, cols), or with other axes before these.
        path: of the file, for messages.

    Attributes:
        saturation: counts at which a pixel is full, or None.

    Raises:
        UserError: the mask has its rows where the frames have their columns.
    """

    def __init__(self, file: h5py.File, data: h5py.Dataset, path: Path):
        self._data, self._frames = data, int(np.prod(data.shape[:-2]))
        self._names = _datasets(file, data)
        self.saturation = self._saturation()
        self._mask, self._masks = None, self._mask_dataset(path)
        if self._masks is not None and (self._masks.ndim == 2 or len(self._masks) == 1):
            self._mask = _unusable(self._masks[()].reshape(data.shape[-2:]))
        self._wavelength = _length(self._near("incident_wavelength", "wavelength"), "angstrom")
        self._distance = _length(self._near("detector_distance", "distance", "SDD"))
        self._pitch = _length(self._near("x_pixel_size", "pixel_size"))
        self._center = self._origin_of_q()
        beam = self._near("beam_center")
        if self._center is None and beam is not None and beam.size == 2:
            place = _pixels(beam, self._pitch)
            self._center = None if place is None else (float(place[0]), float(place[1]))
        axes = [self._near(f"beam_center_{axis}") for axis in "yx"]
        self._rows, self._cols = (_pixels(item, self._pitch) for item in axes)
        if all(item is not None and not _unit(item) for item in axes) and self._is_in_doubt():
            self._rows = self._cols = None
        self._turned = _degrees(self._near(*_ARM))

    def mask(self, number: int) -> np.ndarray | None:
        """Return the mask (rows, cols) of a frame, True = not usable, or None."""
        if self._masks is None or self._mask is not None:
            return self._mask
        return _unusable(self._masks[number])

    def geometry(self, number: int) -> BeamGeometry:
        """Return the geometry of a frame, as far as the file holds it."""
        center = self._center
        if center is None and self._rows is not None and self._cols is not None:
            center = self._own(self._rows, number), self._own(self._cols, number)
        if self._turned is not None and abs(self._own(self._turned, number)) > MOST_TURNED:
            center = None
        return BeamGeometry(self._wavelength, self._distance, self._pitch, center)

    def _is_in_doubt(self) -> bool:
        """Whether a place without a unit may well be in millimetres.

        As pixels it is outside the frame or in its first corner, as millimetres on the detector.
        """
        if self._rows is None or self._cols is None or not self._pitch:
            return False
        sides = np.array(self._data.shape[-2:])
        place = np.array([np.median(self._rows), np.median(self._cols)])
        corner = (place < _CORNER * sides).all() and self._pitch < 1e-3
        outside = (place > sides).any()
        on_detector = ((place > 0) & (place * 1e-3 / self._pitch < sides)).all()
        return bool((corner or outside) and on_detector)

    def _own(self, values: np.ndarray, number: int) -> float:
        """The value of a frame, where there is one for each, or one for all."""
        return float(values[number if len(values) == self._frames else 0])

    def _near(self, *names: str) -> h5py.Dataset | None:
        """The first dataset called one of `names`: beside the data, or anywhere in its entry."""
        for name in names:
            if isinstance(self._data.parent.get(name), h5py.Dataset):
                return self._data.parent[name]
        return next((self._names[name] for name in names if name in self._names), None)

    def _mask_dataset(self, path: Path) -> h5py.Dataset | None:
        mask = self._near("pixel_mask", "mask")
        if mask is None or mask.ndim not in (2, 3):
            return None
        shape, sides = self._data.shape[-2:], mask.shape[-2:]
        if sides == shape[::-1] and shape[0] != shape[1]:
            raise UserError(
                f"{path}: its frames are {shape[0]}x{shape[1]} pixels, its mask {mask.name} is "
                f"{sides[0]}x{sides[1]}; store the mask as the frames are"
            )
        # A mask of another detector, or of some of the frames, is not usable here.
        fits = sides == shape and (mask.ndim == 2 or len(mask) in (1, self._frames))
        return mask if fits else None

    def _saturation(self) -> float | None:
        value = self._data.attrs.get("saturation_value")
        if value is None:
            # Of an Eiger: the count rate from which on its correction means nothing.
            item = self._near(
                "saturation_value", "countrate_correction_count_cutoff", "count_cutoff"
            )
            numbers = _numbers(item)
            value = numbers if numbers is not None and numbers.size == 1 else None
        full = 0.0 if value is None else float(np.ravel(value)[0])
        return full if full > 0 else None

    def _origin_of_q(self) -> tuple[float, float] | None:
        across, down = self._data.parent.get("Qx"), self._data.parent.get("Qy")
        # Without units they are not components of q: some writers fill in pixel numbers.
        named = all(
            item is not None and text(item.attrs.get("units", "")).strip()
            for item in (across, down)
        )
        if named and across.shape == down.shape == self._data.shape[-2:]:
            return _origin(across[()], down[()])
        return None


def text(value: Any) -> str:
    """Return an attribute as text, also where it is not UTF-8 but Latin-1."""
    if isinstance(value, str):
        # HDF5's strings of any length reach us as text with marks for other bytes.
        value = value.encode("utf-8", "surrogateescape")
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _datasets(file: h5py.File, data: h5py.Dataset) -> dict[str, h5py.Dataset]:
    """The datasets of the entry of `data` by the last part of their names, the first of each."""
    names: dict[str, h5py.Dataset] = {}
    entry = data.name.split("/")[1] if data.name.count("/") > 1 else ""

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            names.setdefault(name.rpartition("/")[2], item)

    group = file.get(entry) if entry else file
    (group if isinstance(group, h5py.Group) else file).visititems(visit)
    return names


def _unusable(mask: np.ndarray) -> np.ndarray:
    if mask.dtype.kind in "iu" and mask.dtype.itemsize >= 4:
        return (mask.astype(np.int64) & _MASK_BITS) != 0
    return mask != 0


def _numbers(item: h5py.Dataset | None) -> np.ndarray | None:
    if item is None or item.size < 1 or item.dtype.kind not in "iuf":
        return None
    return np.ravel(item[()]).astype(float)


def _unit(item: h5py.Dataset, default: str = "") -> str:
    unit = text(item.attrs.get("units", default)).strip().lower()
    return unit if len(unit) < 2 else unit.rstrip("s")


def _length(item: h5py.Dataset | None, unit: str = "m") -> float | None:
    """The number in `item` in metres; `unit` is the one of an unnamed unit."""
    values = _numbers(item)
    if item is None or values is None:
        return None
    scale = _UNITS.get(_unit(item, unit))
    value = values[0] * (scale or 0)
    return float(value) if math.isfinite(value) and value > 0 else None


def _pixels(item: h5py.Dataset | None, pitch: float | None) -> np.ndarray | None:
    """Places along one axis in pixels, whatever their unit; None where that cannot be known."""
    values = _numbers(item)
    if item is None or values is None:
        return None
    unit = _unit(item)
    if unit in _UNITS:
        return values * _UNITS[unit] / pitch if pitch else None
    if unit not in _PIXEL:
        return None
    # Metres without a unit: no beam is known to meet the first pixel of a detector.
    metres = not unit and pitch and 0 < np.abs(values).max() < 1 and np.abs(values).max() > pitch
    return values / pitch if metres else values


def _degrees(item: h5py.Dataset | None) -> np.ndarray | None:
    values = _numbers(item)
    if item is None or values is None:
        return None
    return values * _DEGREES.get(_unit(item), 1.0)


def _origin(across: np.ndarray, down: np.ndarray) -> tuple[float, float] | None:
    """Where both components of q (rows, cols) are 0, from planes fitted to them."""
    rows, cols = across.shape
    y, x = np.mgrid[:rows, :cols]
    # q grows nearly evenly with the pixels, so a plane through it finds the zero.
    plane = np.stack([y.ravel(), x.ravel(), np.ones(y.size)], 1)
    fit = np.linalg.lstsq(plane, np.stack([across.ravel(), down.ravel()], 1), rcond=None)[0]
    slopes = fit[:2].T
    if not np.isfinite(fit).all() or abs(np.linalg.det(slopes)) < 1e-12 * np.abs(slopes).max() ** 2:
        return None
    row, col = np.linalg.solve(slopes, -fit[2])
    # A centre ten frames away is an error of the file.
    return (float(row), float(col)) if max(abs(row), abs(col)) < 10 * max(rows, cols) else None
