"""Read the series of frames of an open HDF5 file."""

from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import nexus
from xscatter.frames.frame import Raw, Reader
from xscatter.frames.hdf5 import FrameFacts
from xscatter.frames.storage import NEVER, StoredFrames


def readers(file: h5py.File, name: str, path: Path, stack: ExitStack) -> list[Reader]:
    """Return a reader of each series of frames; of several, each with the name of its dataset.

    Args:
        file: the open file.
        name: of the dataset; "": those of :func:`nexus.series`.
        path: of the file, for messages.
        stack: closes what is opened.

    Raises:
        UserError: it is not clear which dataset is meant, or none of its frames was written.
    """
    series = nexus.series(file, name, path)
    if len(series) == 1:
        [one] = series.values()
        return [_reader(file, one, path, f"{path}::{name}" if name else str(path), stack)]
    result = []
    for label, one in series.items():
        source = f"{path}::{label}"
        try:
            result.append(_reader(file, one, path, source, stack))
        except UserError as error:  # a scan without frames costs no other its own
            result.append(Reader(source, 0, _no_frame, str(error)))
    return result


def _no_frame(number: int) -> Raw:
    raise UserError(f"there is no frame {number}")


def _reader(
    file: h5py.File, series: nexus.Series, path: Path, source: str, stack: ExitStack
) -> Reader:
    parts = series.parts
    facts = FrameFacts(file, parts[0], path)
    stored = [StoredFrames(data) for data in parts]
    for one in stored:
        stack.callback(one.close)
    # Numbers run through all parts of a series.
    ends = np.cumsum([int(np.prod(data.shape[:-2])) for data in parts])

    def placed(number: int) -> tuple[StoredFrames, tuple[int, ...]]:
        part = int(np.searchsorted(ends, number, side="right"))
        inside = number - (int(ends[part - 1]) if part else 0)
        place = np.unravel_index(inside, parts[part].shape[:-2]) if parts[part].ndim > 2 else ()
        return stored[part], tuple(map(int, place))

    def get(number: int) -> Raw:
        one, place = placed(number)
        reason = one.lacks(place)
        if reason:
            raise UserError(f"{source}: frame {number}: {reason}")
        image = np.asarray(one.data[place])
        return Raw(image, facts.mask(number), facts.saturation, facts.geometry(number))

    total = count = int(ends[-1]) if len(ends) else 0
    while count:
        one, place = placed(count - 1)
        if one.lacks(place) != NEVER:
            break
        count -= 1
    if total and not count:
        raise UserError(
            f"{source}: none of its {total} frames was written; the scan was stopped before the "
            "first, or is still running"
        )
    rest = f"{source}: frames {count} to {total - 1} of {total}: {NEVER}" if count < total else ""
    if series.missing:
        rest = f"{source}: {series.missing}"
    return Reader(source, count, get, rest)
