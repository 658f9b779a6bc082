"""Open detector files of any format: HDF5 by its NeXus marks, .npy, and all others with fabio."""

import bz2
import gzip
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fabio
import h5py
import hdf5plugin  # noqa: F401 - the compression filters of detector files
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import headers, nexus
from xscatter.frames.frame import Raw

_HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".nx5", ".nexus")
_PACKED = {".gz": gzip.open, ".bz2": bz2.open}
_CBF_DATA = b"\x0c\x1a\x04\xd5"  # the compressed pixels begin with it
KNOWN = "TIFF, CBF, EDF, mar345, Bruker, HDF5, NeXus and .npy"
_HDF5_MARK = b"\x89HDF\r\n\x1a\n"
_CUT = "ends before its data does; it is truncated or still being written"
# How the libraries say so.
_CUT_WORDS = (
    "truncated",
    "ended before",
    "length is greater than file size",
    "unexpected end",
    "buffer is smaller",
)


@dataclass(frozen=True)
class Reader:
    """An open file: the number of its frames, and a function that reads one of them."""

    count: int
    get: Callable[[int], Raw]


@contextmanager
def opened(source: str) -> Iterator[Reader]:
    """Yield a reader of the frames of `source`: a file name, or ``file.h5::/path/to/dataset``.

    Raises:
        UserError: there is no such file, it is empty, truncated or of an unknown format; also for
            errors of the libraries while the file is open.
    """
    name, colons, dataset = str(source).partition("::")
    path = Path(name)
    try:
        if colons and not dataset.strip("/"):
            raise UserError(
                f"{source}: names no dataset; write {name}::/path/to/data, or {name} alone"
            )
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name the files in it")
        if path.stat().st_size == 0:
            raise UserError(f"{path}: is empty")
        with ExitStack() as stack:
            reader = _reader(path, dataset, stack)
            if reader.count == 0:
                raise UserError(
                    f"{source}: holds no frames; the scan was stopped before the first, "
                    "or is still running"
                )
            yield reader
    except UserError:
        raise
    except FileNotFoundError as error:
        hint = ""
        if ":/" in name and not dataset:
            hint = f"; did you mean {name.replace(':/', '::/')}?"
        raise UserError(f"{path}: there is no such file{hint}") from error
    except PermissionError as error:
        raise UserError(f"{path}: may not be read; ask its owner for permission") from error
    except MemoryError as error:
        raise UserError(f"{path}: needs more memory than this machine has") from error
    except Exception as error:  # every library has its own kinds of errors for incomplete files
        raise UserError(_explained(source, error)) from error


def _explained(source: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    if reason.startswith("Fabio could not identify"):
        return f"{source}: is no detector frame; {KNOWN} are read"
    # The CBF reader only asserts that there are as many numbers as the header says.
    asserted = isinstance(error, (AssertionError, EOFError))
    if asserted or any(words in reason.lower() for words in _CUT_WORDS):
        return f"{source}: {_CUT}"
    return f"{source}: cannot be read as a detector frame ({reason})"


def _reader(path: Path, dataset: str, stack: ExitStack) -> Reader:
    suffixes = ["", "", *(suffix.lower() for suffix in path.suffixes)]
    unpack = _PACKED.get(suffixes[-1])
    inner = suffixes[-2] if unpack else suffixes[-1]
    opener: Any = unpack or open
    with opener(path, "rb") as stream:
        start = stream.read(8)
        # fabio never stops looking for this mark in a file that ends before it.
        if (start.startswith(b"###CBF") or inner == ".cbf") and _CBF_DATA not in stream.read():
            raise UserError(f"{path}: {_CUT}, or no CBF")
    if dataset or inner in _HDF5 or start == _HDF5_MARK:
        if start != _HDF5_MARK:
            raise UserError(f"{path}: is not an HDF5 file, or is not complete")
        content = io.BytesIO(opener(path, "rb").read()) if unpack else path
        file = stack.enter_context(h5py.File(content, "r"))
        return Reader(*nexus.frames(file, dataset, path))
    if inner == ".npy":
        return _npy(path, unpack)
    return _fabio(path, stack)


def _npy(path: Path, unpack: Any) -> Reader:
    if unpack:
        with unpack(path, "rb") as stream:
            array = np.load(io.BytesIO(stream.read()))
    else:
        array = np.load(path, mmap_mode="r")
    if array.ndim not in (2, 3) or array.dtype.kind not in "iufb":
        raise UserError(
            f"{path}: holds an array of {array.shape} {array.dtype}, not one or more frames of "
            "numbers"
        )
    stacked = array if array.ndim == 3 else array[None]
    return Reader(len(stacked), lambda number: Raw(np.array(stacked[number])))


def _fabio(path: Path, stack: ExitStack) -> Reader:
    logging.getLogger("fabio").setLevel(logging.CRITICAL)
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    image = fabio.open(str(path))
    stack.callback(image.close)

    def get(number: int) -> Raw:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = image if image.nframes == 1 else image.getframe(number)
            data, header = one.data, dict(one.header or {})
            # fabio fills the missing end of an EDF file with zeros, and notes it on its own frame.
            parts = getattr(image, "_frames", None) or []
            cut = number < len(parts) and getattr(parts[number], "incomplete_data", False)
        if cut or data is None:  # None: the TIFF reader reports it so
            raise UserError(f"{path}: {_CUT}")
        if data.ndim != 2:
            raise UserError(
                f"{path}: holds an array of {data.shape}, not a frame of rows and columns "
                "(a colour picture?)"
            )
        return Raw(
            np.asarray(data),
            saturation=headers.saturation(header),
            geometry=headers.geometry(header, data.shape),
        )

    return Reader(image.nframes, get)
