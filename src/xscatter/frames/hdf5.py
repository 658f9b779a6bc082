"""Mask, saturation and geometry of the frames in an HDF5 file, by NeXus' names."""

from typing import Any

import h5py
import numpy as np

from xscatter.frames.frame import BeamGeometry

_UNITS = {
    "m": 1.0,
    "metre": 1.0,
    "meter": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "micron": 1e-6,
    "nm": 1e-9,
    "a": 1e-10,
    "å": 1e-10,
    "angstrom": 1e-10,
}


def pixel_mask(file: h5py.File, data: h5py.Dataset) -> np.ndarray | None:
    """Return the mask (rows, cols) of the frames in `data`, True = not usable, or None."""
    mask = _near(file, data, "pixel_mask", "mask")
    # A mask of another detector, or of all frames: not usable here.
    if mask is None or mask.size != int(np.prod(data.shape[-2:])):
        return None
    return mask[()].reshape(data.shape[-2:]) != 0


def saturation(file: h5py.File, data: h5py.Dataset) -> float | None:
    """Return the counts at which a pixel of the frames in `data` is full, or None."""
    value = data.attrs.get("saturation_value")
    if value is None:
        # Of an Eiger: the count rate from which on its correction means nothing.
        item = _near(
            file, data, "saturation_value", "countrate_correction_count_cutoff", "count_cutoff"
        )
        value = None if item is None or item.dtype.kind not in "iuf" or item.size != 1 else item[()]
    full = None if value is None else float(np.ravel(value)[0])
    return full if full and full > 0 else None


def beam_geometry(file: h5py.File, data: h5py.Dataset) -> BeamGeometry:
    """Return the geometry of the frames in `data`, as far as the file holds it."""
    rows, cols = data.shape[-2:]
    wavelength = _value(_near(file, data, "incident_wavelength", "wavelength"), "angstrom")
    distance = _value(_near(file, data, "detector_distance", "distance", "SDD"))
    pitch = _value(_near(file, data, "x_pixel_size", "pixel_size"))
    beam = _near(file, data, "beam_center")
    if beam is not None and beam.size == 2:
        row, col = map(float, np.ravel(beam[()]))
        return BeamGeometry(wavelength, distance, pitch, (row, col))
    x, y = (_value(_near(file, data, f"beam_center_{axis}"), None) for axis in "xy")
    center = (y, x) if x is not None and y is not None and (x or y) else None
    across, down = data.parent.get("Qx"), data.parent.get("Qy")
    # Without units they are not components of q: some writers fill in pixel numbers.
    named = all(
        item is not None and text(item.attrs.get("units", "")).strip() for item in (across, down)
    )
    if named and across.shape == down.shape == (rows, cols):
        center = _origin(across[()], down[()])
    return BeamGeometry(wavelength, distance, pitch, center)


def text(value: Any) -> str:
    """Return an attribute as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _near(file: h5py.File, data: h5py.Dataset, *names: str) -> h5py.Dataset | None:
    """The first dataset called one of `names`: beside `data`, or anywhere in its entry."""
    for name in names:
        if isinstance(data.parent.get(name), h5py.Dataset):
            return data.parent[name]
    items: list[h5py.Dataset] = []
    entry = data.name.split("/")[1] if data.name.count("/") > 1 else ""

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name.rpartition("/")[2] in names:
            items.append(item)

    group = file.get(entry) if entry else file
    (group if isinstance(group, h5py.Group) else file).visititems(visit)
    return min(items, key=lambda item: names.index(item.name.rpartition("/")[2]), default=None)


def _value(item: h5py.Dataset | None, unit: str | None = "m") -> float | None:
    """The number in `item`, in metres if it has a `unit`, which is the one of an unnamed unit."""
    if item is None or item.size < 1:
        return None
    try:
        value = float(np.ravel(item[()])[0])
    except (TypeError, ValueError):
        return None
    if unit is None:
        return value
    scale = _UNITS.get(text(item.attrs.get("units", unit)).strip().lower().rstrip("s"))
    return value * scale if scale and value > 0 else None


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
