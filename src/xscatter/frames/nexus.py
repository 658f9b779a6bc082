"""Frames in HDF5: NeXus (NXsas, NXcanSAS, detector files of Eiger and Lambda), or the largest dataset in the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames.frame import Geometry, Raw

_UNITS = {
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "micron": 1e-6,
    "nm": 1e-9,
    "a": 1e-10,
}
_UNITS |= {"angstrom": 1e-10, "å": 1e-10, "metre": 1.0, "meter": 1.0}


def frames(file: h5py.File, name: str, path: Path) -> tuple[int, Callable[[int], Raw]]:
    """How many frames there are in the dataset `name` (or the one that the file's marks point at), and how to get one.

    Raises:
        UserError: there is no such dataset, or none that holds frames.
    """
    stack = [_named(file, name, path)] if name else _found(file, path)
    first = stack[0]
    mask, top, geometry = _mask(file, first), _saturation(file, first), _geometry(file, first)
    flat = first.ndim == 2
    ends = np.cumsum([1 if flat else int(np.prod(data.shape[:-2])) for data in stack])

    def get(number: int) -> Raw:
        part = int(np.searchsorted(ends, number, side="right"))
        data, inside = stack[part], number - (ends[part - 1] if part else 0)
        image = data[()] if flat else data[np.unravel_index(inside, data.shape[:-2])]
        return Raw(np.asarray(image), {}, mask=mask, saturation=top, geometry=geometry)

    return int(ends[-1]), get


def _named(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    item = file.get(name)
    if item is None:
        raise UserError(f"{path}::{name}: there is no such dataset in the file{_instead(file)}")
    if isinstance(item, h5py.Group):
        item = _signal(item)
    if not _is_frames(item):
        raise UserError(
            f"{path}::{name}: is not a dataset of frames (rows and columns of numbers){_instead(file)}"
        )
    return item


def _instead(file: h5py.File, most: int = 3) -> str:
    """What may have been meant: the first datasets of frames of the file."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(f"/{name}") if _is_frames(item) else None)
    more = ", …" if len(found) > most else ""
    return f"; frames are in {', '.join(found[:most])}{more}" if found else "; it holds none"


def _is_frames(item: Any) -> bool:
    return (
        isinstance(item, h5py.Dataset)
        and item.ndim in (2, 3, 4)
        and item.dtype.kind in "iuf"
        and min(item.shape[-2:]) > 8
    )


def _found(file: h5py.File, path: Path) -> list[h5py.Dataset]:
    """What `default` and `signal` name, else Eiger's numbered parts, else the one dataset that is the largest."""
    plotted = _default(file)
    if plotted is not None:
        return [plotted]
    signals, parts, others = [], [], []

    def visit(name: str, item: Any) -> None:
        data = _signal(item)
        if _is_frames(data):
            signals.append(data)
        # Numbered parts are links to other files, which visiting does not follow.
        if isinstance(item, h5py.Group):
            for key in sorted(item):
                if key.startswith("data_") and key[5:].isdigit():
                    part = item.get(key)
                    if part is None:
                        raise UserError(
                            f"{path}: links to {key}, which is missing; keep the files of a series together"
                        )
                    parts.append(part)
        if _is_frames(item) and not name.rpartition("/")[2].lower().endswith(
            ("mask", "flatfield", "dev", "qx", "qy")
        ):
            others.append(item)

    visit("/", file)
    file.visititems(visit)
    parts = [part for part in parts if _is_frames(part)]
    if parts and not signals:
        return parts
    largest = max((data.size for data in others), default=0)
    meant = set(
        signals or [data for data in others if data.size == largest]
    )  # one dataset may have several names
    if len(meant) != 1:
        raise UserError(
            f"{path}: it is not clear which dataset holds frames; write {path.name}::PATH{_instead(file)}"
        )
    return list(meant)


def _default(file: h5py.File) -> h5py.Dataset | None:
    """The dataset of frames that NeXus' attributes lead to: `default` from group to group, then `signal`."""
    group = file
    for _ in range(8):  # no tree is so deep, but links may form a ring
        if isinstance(group, h5py.Group) and group.attrs.get("default") is not None:
            group = group.get(_string(group.attrs["default"]))
    data = _signal(group)
    return data if _is_frames(data) else None


def _signal(group: Any) -> Any:
    """What the attribute `signal` of a group names; None where it has none, or is no group."""
    name = group.attrs.get("signal") if isinstance(group, h5py.Group) else None
    return None if name is None else group.get(_string(name))


def _string(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _near(file: h5py.File, data: h5py.Dataset, *names: str) -> h5py.Dataset | None:
    """The first dataset called one of `names` beside `data`, in an instrument of its entry, or anywhere else."""
    for name in names:
        if isinstance(data.parent.get(name), h5py.Dataset):
            return data.parent[name]
    found: list[h5py.Dataset] = []
    entry = data.name.split("/")[1] if data.name.count("/") > 1 else ""

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name.rpartition("/")[2] in names:
            found.append(item)

    group = file.get(entry) if entry else file
    (group if isinstance(group, h5py.Group) else file).visititems(visit)
    return min(found, key=lambda item: names.index(item.name.rpartition("/")[2])) if found else None


def _mask(file: h5py.File, data: h5py.Dataset) -> np.ndarray | None:
    mask = _near(file, data, "pixel_mask", "mask")
    if mask is None or mask.size != int(np.prod(data.shape[-2:])):
        return None
    return mask[()].reshape(data.shape[-2:]) != 0


def _saturation(file: h5py.File, data: h5py.Dataset) -> float | None:
    value = data.attrs.get("saturation_value")
    if value is None:
        # Of an Eiger: the count rate from which on its correction means nothing.
        item = _near(
            file, data, "saturation_value", "countrate_correction_count_cutoff", "count_cutoff"
        )
        value = None if item is None or item.dtype.kind not in "iuf" or item.size != 1 else item[()]
    top = None if value is None else float(np.ravel(value)[0])
    return top if top and top > 0 else None


def _value(item: h5py.Dataset | None, unit: str | None = "m") -> float | None:
    if item is None or item.size < 1:
        return None
    try:
        value = float(np.ravel(item[()])[0])
    except (TypeError, ValueError):
        return None
    if unit is None:
        return value
    scale = _UNITS.get(_string(item.attrs.get("units", unit)).strip().lower().rstrip("s"))
    return value * scale if scale and value > 0 else None


def _geometry(file: h5py.File, data: h5py.Dataset) -> Geometry:
    rows, cols = data.shape[-2:]
    wavelength = _value(_near(file, data, "incident_wavelength", "wavelength"), "angstrom")
    distance = _value(_near(file, data, "detector_distance", "distance", "SDD"))
    pitch = _value(_near(file, data, "x_pixel_size", "pixel_size"))
    beam = _near(file, data, "beam_center")
    if beam is not None and beam.size == 2:
        return Geometry(wavelength, distance, pitch, tuple(map(float, beam[()])))  # type: ignore[arg-type]
    x, y = (_value(_near(file, data, f"beam_center_{axis}"), None) for axis in "xy")
    center = (y, x) if x is not None and y is not None and (x or y) else None
    across, down = data.parent.get("Qx"), data.parent.get("Qy")
    # Without units they are not components of q: some writers fill in pixel numbers.
    named = all(
        item is not None and _string(item.attrs.get("units", "")).strip() for item in (across, down)
    )
    if named and across.shape == down.shape == (rows, cols):
        center = _origin(across[()], down[()])
    return Geometry(wavelength, distance, pitch, center)


def _origin(across: np.ndarray, down: np.ndarray) -> tuple[float, float] | None:
    """Where both components of q (rows, cols) vanish, from planes through them."""
    rows, cols = across.shape
    y, x = np.mgrid[:rows, :cols]
    plane = np.stack([y.ravel(), x.ravel(), np.ones(y.size)], 1)
    fit = np.linalg.lstsq(plane, np.stack([across.ravel(), down.ravel()], 1), rcond=None)[0]
    slopes = fit[:2].T
    if not np.isfinite(fit).all() or abs(np.linalg.det(slopes)) < 1e-12 * np.abs(slopes).max() ** 2:
        return None
    row, col = np.linalg.solve(slopes, -fit[2])
    return (float(row), float(col)) if max(abs(row), abs(col)) < 10 * max(rows, cols) else None
