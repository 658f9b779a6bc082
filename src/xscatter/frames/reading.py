"""Read detector frames of any format into counts, mask and geometry."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import formats
from xscatter.frames.frame import Frame, Raw
from xscatter.frames.poni import read_poni
from xscatter.frames.usable import usable

LEAST = 32  # pixels a side that a frame must have


def read(
    path: str | Path,
    index: int = 0,
    *,
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> Frame:
    """One frame of a TIFF, CBF, EDF, mar345, Bruker, HDF5, NeXus or .npy file, packed with gz or bz2 or not.

    Args:
        path: the file; ``file.h5::/path/to/dataset`` names a dataset.
        index: number of the frame, for files of several.
        mask: another file of the same shape, or an array (rows, cols): not 0 = not usable, in addition.
        poni: PONI file that gives the geometry.
        center: beam centre (row, column) in pixels; goes before PONI and header.

    Raises:
        UserError: the file cannot be read as a frame, with its name and the reason.
    """
    with formats.opened(str(path)) as reader:
        if not 0 <= index < len(reader):
            raise UserError(f"{path}: holds {len(reader)} frames, there is no number {index}")
        return _frame(reader[index], str(path), index, _mask(mask), poni, center)


def read_all(
    path: str | Path,
    *,
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> Iterator[Frame]:
    """Every frame of a file, one in memory at a time; see :func:`read`."""
    given = _mask(mask)
    with formats.opened(str(path)) as reader:
        for index in range(len(reader)):
            yield _frame(reader[index], str(path), index, given, poni, center)


def check_options(
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> None:
    """Look at the options of :func:`read` alone, before any frame is there.

    Raises:
        UserError: mask or PONI file cannot be read, the mask is a stack, or the beam centre is no place.
    """
    _mask(mask)
    if poni is not None:
        read_poni(poni, None)
    if center is not None and not np.isfinite(center).all():
        raise UserError(
            f"center: is {center[0]:g} {center[1]:g}; give the row and the column in pixels"
        )


def _mask(mask: str | Path | np.ndarray | None) -> np.ndarray | None:
    if mask is None or isinstance(mask, np.ndarray):
        return mask
    with formats.opened(str(mask)) as reader:
        if len(reader) > 1:
            raise UserError(
                f"{mask}: holds {len(reader)} frames; a mask is one of rows and columns"
            )
        return reader[0].data != 0


def _frame(
    raw: Raw,
    source: str,
    index: int,
    mask: np.ndarray | None,
    poni: str | Path | None,
    center: tuple[float, float] | None,
) -> Frame:
    shape = raw.data.shape
    if min(shape) < LEAST:
        raise UserError(
            f"{source}: is {shape[0]}x{shape[1]} pixels; a frame needs {LEAST} or more a side"
        )
    if mask is not None and mask.shape != shape:
        turned = (
            "turn it as the file is stored"
            if mask.shape == shape[::-1]
            else "give one of this detector"
        )
        sides = "x".join(map(str, mask.shape))
        raise UserError(f"{source}: is {shape[0]}x{shape[1]} pixels, its mask {sides}; {turned}")
    given = raw.mask if mask is None else (mask != 0) | (False if raw.mask is None else raw.mask)
    counts, bad, full = usable(raw.data, raw.saturation, given)
    if bad.mean() > 0.98:
        why = (
            "is the mask inverted? True means bad"
            if given is not None
            else "they hold no counts but marks or NaN"
        )
        raise UserError(f"{source}: {bad.mean():.0%} of its pixels are masked; {why}")
    geometry, origin = raw.geometry, "header" if raw.geometry.center else None
    if poni is not None:
        geometry, origin = read_poni(poni, shape), "poni"
    if center is not None:
        geometry, origin = replace(geometry, center=(float(center[0]), float(center[1]))), "user"
    confidence = {"user": 1.0, "poni": 1.0, "header": 0.9, None: 0.0}[origin]
    return Frame(counts, bad, full, geometry, origin, confidence, source, index, raw.frames)
