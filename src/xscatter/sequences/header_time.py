"""The time of a frame as its HDF5 file tells it: a dataset of times beside the frames."""

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames.hdf5 import times_in

_MARK = b"\x89HDF\r\n\x1a\n"


def header_time(source: str, index: int) -> float:
    """Return the time of a frame in seconds.

    Args:
        source: name of the file, with ``::/dataset`` if one was named.
        index: number of the frame in the file.

    Raises:
        UserError: the file does not tell it.
    """
    path = Path(source.partition("::")[0])
    fix = "use --time mtime, or a CSV table with a column time"
    try:
        state = path.stat()
        times = _told(path, state.st_mtime_ns, state.st_size)
    except ValueError as error:
        raise UserError(f"{path}: only HDF5 files tell their times; {fix}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    if times is None or index >= len(times):
        raise UserError(f"{path}: holds no time of frame {index}; {fix}")
    return float(times[index])


@lru_cache(maxsize=4)
def _told(path: Path, mtime_ns: int, size: int) -> np.ndarray | None:
    """Return the times in a file; a search of all its datasets is too slow for every frame.

    Args:
        path: of the file.
        mtime_ns: its time, which with the size tells whether it grew.
        size: in bytes.

    Raises:
        ValueError: it is no HDF5 file.
    """
    with open(path, "rb") as stream:
        if stream.read(8) != _MARK:
            raise ValueError(path)
    with h5py.File(path, "r", locking=False) as file:
        return times_in(file)
