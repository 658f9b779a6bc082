"""Read detector frames of any format into counts, mask and geometry."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import formats
from xscatter.frames.frame import Frame, Raw, Reader, Unreadable, is_plausible
from xscatter.frames.poni import read_poni
from xscatter.frames.usable import hot_pixels, usable

LEAST = 32  # pixels a side that a frame must have
MOST_MASKED = 0.98  # fraction of a frame
_CONFIDENCE = {"user": 1.0, "poni": 1.0, "header": 0.9, None: 0.0}


def read(
    path: str | Path,
    index: int = 0,
    *,
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> Frame:
    """Read one frame of a TIFF, CBF, EDF, mar345, Bruker, HDF5, NeXus or .npy file.

    Args:
        path: the file, which may be packed with gz or bz2; ``file.h5::/path/to/dataset`` names a
            dataset.
        index: number of the frame, for files of several.
        mask: pixels that are not usable, beside those that the file marks: an array (rows, cols)
            or another file of the same shape, where not 0 = not usable.
        poni: PONI file with the geometry.
        center: beam centre (row, column) in pixels; goes before PONI file and header.

    Raises:
        UserError: the file cannot be read as a frame, with its name and the reason.

    Example:
        >>> import numpy as np, tempfile
        >>> from xscatter import frames
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.random.default_rng(0).poisson(9, (64, 48)))
        ...     frame = frames.read(f"{folder}/a.npy", center=(30, 20.5))
        >>> frame.shape, frame.center, frame.center_from
        ((64, 48), (30.0, 20.5), 'user')
    """
    with formats.opened(str(path)) as readers:
        total, first = sum(reader.count for reader in readers), 0
        if not 0 <= index < total:
            more = "".join(f"; {reader.rest}" for reader in readers if reader.rest)
            raise UserError(f"{path}: holds {total} frames, there is no number {index}{more}")
        # Numbers run through all scans of a file.
        for reader in readers:
            if index < first + reader.count:
                break
            first += reader.count
        return _complete(reader, index - first, _mask(mask), poni, center)


def read_all(
    path: str | Path,
    *,
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> Iterator[Frame]:
    """Yield every frame of a file, one in memory at a time.

    Args:
        path: see :func:`read`, also for the other arguments.
        mask: pixels that are not usable.
        poni: PONI file with the geometry.
        center: beam centre (row, column) in pixels.

    Raises:
        UserError: the file, or its next frame, cannot be read.

    Example:
        >>> import numpy as np, tempfile
        >>> from xscatter import frames
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.random.default_rng(0).poisson(9, (3, 64, 48)))
        ...     [frame.index for frame in frames.read_all(f"{folder}/a.npy")]
        [0, 1, 2]
    """
    for frame in read_each(path, mask=mask, poni=poni, center=center):
        if isinstance(frame, Unreadable):
            raise UserError(frame.reason)
        yield frame


def read_each(
    path: str | Path,
    *,
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> Iterator[Frame | Unreadable]:
    """Yield every frame of a file; where one cannot be read, yield why in its place.

    Args:
        path: see :func:`read`, also for the other arguments.
        mask: pixels that are not usable.
        poni: PONI file with the geometry.
        center: beam centre (row, column) in pixels.
    """
    source = str(path)
    try:
        given = _mask(mask)
        with formats.opened(source) as readers:
            for reader in readers:
                yield from read_from(reader, mask=given, poni=poni, center=center)
    except UserError as error:
        yield Unreadable(source, 0, str(error))


def read_from(
    reader: Reader,
    numbers: Iterable[int] | None = None,
    *,
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> Iterator[Frame | Unreadable]:
    """Yield frames of a reader; where one cannot be read, yield why in its place.

    Args:
        reader: of a file, or of what else holds frames.
        numbers: of the frames; None: all of them.
        mask: see :func:`read`, also for the other arguments.
        poni: PONI file with the geometry.
        center: beam centre (row, column) in pixels.
    """
    given = _mask(mask)
    for index in range(reader.count) if numbers is None else numbers:
        # Whatever is wrong with one frame, the others are read.
        try:
            frame = _complete(reader, index, given, poni, center)
        except UserError as error:
            yield Unreadable(reader.source, index, str(error))
        except Exception as error:  # every library has its own kinds of errors
            yield Unreadable(reader.source, index, formats.explained(reader.source, error))
        else:
            yield frame
    if reader.rest and numbers is None:
        yield Unreadable(reader.source, reader.count, reader.rest)


def from_array(
    data: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    saturation: float | None = None,
    center: tuple[float, float] | None = None,
    source: str = "array",
    index: int = 0,
) -> Frame:
    """Return the frame that an array (rows, cols) holds, treated like one from a file.

    Args:
        data: counts as the detector delivers them, with its marks of pixels that are not usable.
        mask: (rows, cols), not 0 = not usable, beside the marks.
        saturation: counts at which a pixel is full; None: the largest value of an integer type.
        center: beam centre (row, column) in pixels.
        source: name of what the frame is from, in tables and messages.
        index: number of the frame in it.

    Raises:
        UserError: the frame is too small, nearly all of it is masked, or the mask has another
            shape.

    Example:
        >>> import numpy as np
        >>> from xscatter.frames import from_array
        >>> counts = np.random.default_rng(0).poisson(9, (64, 48))
        >>> counts[5, 7] = 400_000  # a hot pixel
        >>> frame = from_array(counts, center=(30, 20))
        >>> np.argwhere(frame.mask).tolist()
        [[5, 7]]
    """
    data = np.asarray(data)
    if data.ndim != 2:
        raise UserError(f"{source}: is an array of {data.shape}, not a frame of rows and columns")
    raw = Raw(data, saturation=saturation)
    return _frame(raw, source, index, 1, mask, None, center)


def check_options(
    mask: str | Path | np.ndarray | None = None,
    poni: str | Path | None = None,
    center: tuple[float, float] | None = None,
) -> None:
    """Check the options of :func:`read` before any frame exists.

    Args:
        mask: pixels that are not usable.
        poni: PONI file with the geometry.
        center: beam centre (row, column) in pixels.

    Raises:
        UserError: mask or PONI file cannot be read, the mask is a stack, or the beam centre is not
            finite.
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
    name = str(mask)
    try:
        stat = os.stat(name.partition("::")[0])
        state = (stat.st_size, stat.st_mtime_ns)
    except OSError:
        state = (0, 0)  # reading says what is wrong
    return _mask_file(name, state)


# A folder of single frames would read its mask as often as its frames; the state is part of the
# key, so that a mask that is drawn anew is read anew.
@lru_cache(maxsize=2)
def _mask_file(name: str, state: tuple[int, int]) -> np.ndarray:
    with formats.opened(name) as readers:
        total = sum(reader.count for reader in readers)
        if total > 1:
            raise UserError(f"{name}: holds {total} frames; a mask is one of rows and columns")
        mask = readers[0].get(0).data != 0
    mask.setflags(write=False)
    return mask


def _complete(
    reader: Reader,
    index: int,
    mask: np.ndarray | None,
    poni: str | Path | None,
    center: tuple[float, float] | None,
) -> Frame:
    return _frame(reader.get(index), reader.source, index, reader.count, mask, poni, center)


def _frame(
    raw: Raw,
    source: str,
    index: int,
    frames: int,
    mask: np.ndarray | None,
    poni: str | Path | None,
    center: tuple[float, float] | None,
) -> Frame:
    """The frame with its final mask, and the beam centre of the most trustworthy origin."""
    shape = raw.data.shape
    where = source if frames == 1 else f"{source}: frame {index}"
    if min(shape) < LEAST:
        raise UserError(
            f"{where}: is {shape[0]}x{shape[1]} pixels; a frame needs {LEAST} or more a side"
        )
    if mask is not None:
        _check_shape(mask, shape, where)
        mask = mask != 0
    known = [m for m in (raw.mask, mask) if m is not None]
    given = None if not known else known[0] if len(known) == 1 else known[0] | known[1]
    counts, bad, full, unit = usable(raw.data, raw.saturation, given)
    masked = np.count_nonzero(bad) / bad.size
    if masked > MOST_MASKED:
        why = (
            "is the mask inverted? True means bad"
            if known
            else "they hold marks or NaN instead of counts"
        )
        raise UserError(f"{where}: {masked:.0%} of its pixels are masked; {why}")
    hot = hot_pixels(counts, bad, unit)
    geometry = raw.geometry
    if not is_plausible(geometry.center, shape):
        geometry = replace(geometry, center=None)
    origin = "header" if geometry.center else None
    if poni is not None:
        geometry, origin = read_poni(poni, shape), "poni"
    if center is not None:
        geometry, origin = replace(geometry, center=(float(center[0]), float(center[1]))), "user"
    confidence = _CONFIDENCE[origin]
    mask = bad | hot
    return Frame(counts, mask, full, hot, geometry, origin, confidence, source, index, frames, unit)


def _check_shape(mask: np.ndarray, shape: tuple[int, ...], source: str) -> None:
    if mask.shape == shape:
        return
    sides = "x".join(map(str, mask.shape))
    fix = "give one of this detector"
    if mask.shape == shape[::-1]:
        fix = "turn it as the file is stored"
    raise UserError(f"{source}: is {shape[0]}x{shape[1]} pixels, its mask {sides}; {fix}")
