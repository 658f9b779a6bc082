"""One-dimensional profiles: columns of text, .npy, and HDF5, one or many in a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - the compression filters of detector files
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import Unreadable
from xscatter.frames.reading import LEAST

TEXT = (".csv", ".dat", ".txt", ".xy", ".xye", ".chi", ".tsv")
_HDF5 = (".h5", ".hdf5", ".hdf", ".nxs")
_POINTS = 8  # that a profile has at least


@dataclass(frozen=True)
class Profile:
    """A one-dimensional profile.

    Attributes:
        values: (points,).
        x: (points,) what it is measured against, or None.
        source: name of the file.
        index: number of the profile in its file.
    """

    values: np.ndarray
    x: np.ndarray | None = None
    source: str = "array"
    index: int = 0


def is_profile(name: str) -> bool:
    """Return whether a file holds profiles rather than frames, by its ending or its shape.

    A .npy file holds a profile if it is too narrow for a frame.
    """
    path = Path(name.partition("::")[0])
    if path.suffix.lower() in TEXT:
        return True
    try:
        if path.suffix.lower() == ".npy":
            shape = np.load(path, mmap_mode="r").shape
        elif path.suffix.lower() in _HDF5 and "::" in name:
            with h5py.File(path, "r", locking=False) as file:
                shape = file[name.partition("::")[2]].shape
        else:
            return False
    except (OSError, ValueError, KeyError, EOFError):
        return False  # the reader of frames says what is wrong
    return len(shape) == 1 or (len(shape) == 2 and min(shape) < LEAST)


def read_profiles(name: str) -> Iterator[Profile | Unreadable]:
    """Yield the profiles in a file; where it cannot be read, why.

    Text has columns: one of values, or x and values, and, with a header of names or of more than
    three columns, further values. Arrays of two dimensions hold one profile a row, unless they are
    two or three columns wide: x, values and their errors.

    Args:
        name: of the file; ``file.h5::/path/to/dataset`` names a dataset.
    """
    try:
        array, x = _array(name)
        for index, values in enumerate(array):
            if len(values) < _POINTS:
                raise UserError(f"{name}: a profile of {len(values)} points; {_POINTS} are needed")
            if not np.isfinite(values).any():
                raise UserError(f"{name}: the profile {index} has no finite value")
            yield Profile(np.asarray(values, np.float64), x, name, index)
    except UserError as error:
        yield Unreadable(name, 0, str(error))


def _array(name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Profiles (n, points) and x (points,) of a file."""
    file, _, dataset = name.partition("::")
    path = Path(file)
    try:
        if path.suffix.lower() in TEXT:
            array = _text(path)
        elif path.suffix.lower() in _HDF5:
            with h5py.File(path, "r", locking=False) as opened:
                array = np.asarray(opened[dataset][()])
        else:
            array = np.load(path)
    except (OSError, ValueError, KeyError, EOFError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{name}: cannot be read as a profile ({reason})") from error
    if array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
        raise UserError(f"{name}: holds an array of {array.shape} {array.dtype}, not profiles")
    if array.ndim == 1:
        return array[None], None
    points, columns = array.shape
    if columns == 1:
        return array.T, None
    if columns <= 3 and points >= _POINTS:
        return array[:, 1:2].T, array[:, 0]
    if path.suffix.lower() in TEXT:
        return array[:, 1:].T, array[:, 0]
    return array, None


def _text(path: Path) -> np.ndarray:
    """Numbers of a text file, without lines that do not begin with one."""
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        cells = line.replace(",", " ").replace(";", " ").split()
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            if rows:
                raise ValueError(f"{line[:40]!r} is no line of numbers") from None
    rows = [row for row in rows if row]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("it holds no columns of numbers")
    return np.array(rows)
