"""The time of a frame as its HDF5 file tells it: a dataset of times beside the frames."""

from pathlib import Path

import h5py

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
        with open(path, "rb") as stream:
            known = stream.read(8) == _MARK
        if not known:
            raise UserError(f"{path}: only HDF5 files tell their times; {fix}")
        with h5py.File(path, "r", locking=False) as file:
            times = times_in(file)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    if times is None or index >= len(times):
        raise UserError(f"{path}: holds no time of frame {index}; {fix}")
    return float(times[index])
