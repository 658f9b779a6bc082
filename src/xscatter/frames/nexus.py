"""Frames in HDF5: NeXus (NXsas, NXcanSAS, files of Eiger and Lambda), or the largest dataset."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames.frame import Raw
from xscatter.frames.hdf5 import beam_geometry, pixel_mask, saturation, text

_NO_FRAMES = ("mask", "flatfield", "dev", "qx", "qy")  # names of datasets end so


def frames(file: h5py.File, name: str, path: Path) -> tuple[int, Callable[[int], Raw]]:
    """Return the number of frames in a file, and a function that reads one.

    Args:
        file: the open file.
        name: of the dataset; "": the one that the file's attributes name.
        path: of the file, for messages.

    Raises:
        UserError: there is no such dataset, or none that holds frames.
    """
    stack = [_named(file, name, path)] if name else _signals(file, path)
    first = stack[0]
    mask, full, geometry = (
        pixel_mask(file, first),
        saturation(file, first),
        beam_geometry(file, first),
    )
    flat = first.ndim == 2
    # Numbers run through all parts of a series.
    ends = np.cumsum([1 if flat else int(np.prod(data.shape[:-2])) for data in stack])

    def get(number: int) -> Raw:
        part = int(np.searchsorted(ends, number, side="right"))
        data, inside = stack[part], number - (ends[part - 1] if part else 0)
        image = data[()] if flat else data[np.unravel_index(inside, data.shape[:-2])]
        return Raw(np.asarray(image), mask, full, geometry)

    return int(ends[-1]), get


def _named(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    item = file.get(name)
    if item is None:
        raise UserError(f"{path}::{name}: there is no such dataset in the file{_instead(file)}")
    if isinstance(item, h5py.Group):
        item = _signal(item)
    if not _is_frames(item):
        raise UserError(
            f"{path}::{name}: is not a dataset of frames (rows and columns of numbers)"
            f"{_instead(file)}"
        )
    return item


def _instead(file: h5py.File, most: int = 3) -> str:
    """The first datasets of frames of the file, one of which may have been meant."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(f"/{name}") if _is_frames(item) else None)
    more = ", …" if len(names) > most else ""
    return f"; frames are in {', '.join(names[:most])}{more}" if names else "; it holds none"


def _is_frames(item: Any) -> bool:
    return (
        isinstance(item, h5py.Dataset)
        and item.ndim in (2, 3, 4)
        and item.dtype.kind in "iuf"
        # Smaller ones are tables or spectra.
        and min(item.shape[-2:]) > 8
    )


def _signals(file: h5py.File, path: Path) -> list[h5py.Dataset]:
    """The dataset that `default` or `signal` names, or Eiger's numbered parts, or the largest."""
    plotted = _default(file)
    if plotted is not None:
        return [plotted]
    signals, parts, others = [], [], []

    def visit(name: str, item: Any) -> None:
        data = _signal(item)
        if _is_frames(data):
            signals.append(data)
        if isinstance(item, h5py.Group):
            parts.extend(_numbered(item, path))
        elif _is_frames(item) and not name.rpartition("/")[2].lower().endswith(_NO_FRAMES):
            others.append(item)

    visit("/", file)
    file.visititems(visit)
    parts = [part for part in parts if _is_frames(part)]
    # A file that names its data wins over the naming habit of one maker.
    if parts and not signals:
        return parts
    largest = max((data.size for data in others), default=0)
    # One dataset may have several names: a set holds it once.
    meant = set(signals or [data for data in others if data.size == largest])
    if len(meant) != 1:
        raise UserError(
            f"{path}: it is not clear which dataset holds frames; write {path.name}::PATH"
            f"{_instead(file)}"
        )
    return list(meant)


def _numbered(group: h5py.Group, path: Path) -> list[Any]:
    """Eiger's data_000001 and so on: links to other files, which visiting does not follow."""
    parts = []
    for key in sorted(group):
        if key.startswith("data_") and key[5:].isdigit():
            part = group.get(key)
            if part is None:
                raise UserError(
                    f"{path}: links to {key}, which is missing; keep the files of a series together"
                )
            parts.append(part)
    return parts


def _default(file: h5py.File) -> h5py.Dataset | None:
    """The dataset of frames to which `default` leads from group to group, and then `signal`."""
    group = file
    for _ in range(8):  # no tree is so deep, but links may form a ring
        if isinstance(group, h5py.Group) and group.attrs.get("default") is not None:
            group = group.get(text(group.attrs["default"]))
    data = _signal(group)
    return data if _is_frames(data) else None


def _signal(group: Any) -> Any:
    """The item that the attribute `signal` of a group names; None: no group, or no attribute."""
    name = group.attrs.get("signal") if isinstance(group, h5py.Group) else None
    return None if name is None else group.get(text(name))
