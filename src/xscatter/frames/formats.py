"""Open detector files of any format: HDF5 by its NeXus marks, TIFF, .npy, all others with fabio."""

import bz2
import gzip
import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fabio
import hdf5plugin  # noqa: F401 - the compression filters of detector files
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import declared, headers, series, tiff
from xscatter.frames.frame import CUT, Raw, Reader
from xscatter.frames.storage import open_file

_HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".nx5", ".nexus")
_PACKED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
KNOWN = "TIFF, CBF, EDF, mar345, Bruker, HDF5, NeXus and .npy"
_HDF5_MARK = b"\x89HDF\r\n\x1a\n"
# How the libraries say so.
_CUT_WORDS = (
    "truncated",
    "ended before",
    "length is greater than file size",
    "unexpected end",
    "buffer is smaller",
)


@contextmanager
def opened(source: str) -> Iterator[list[Reader]]:
    """Yield a reader of the frames of `source`: a file name, or ``file.h5::/path/to/dataset``.

    A file of several scans has a reader for each.

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
            readers = _readers(path, dataset, stack)
            if not any(reader.count for reader in readers):
                raise UserError(
                    f"{source}: holds no frames; the scan was stopped before the first, "
                    "or is still running"
                )
            yield readers
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
        raise UserError(explained(source, error)) from error


def explained(source: str, error: Exception) -> str:
    """Return in one line why `source` cannot be read, from the error of a library."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    if reason.startswith("Fabio could not identify"):
        return f"{source}: is no detector frame; {KNOWN} are read"
    if isinstance(error, (gzip.BadGzipFile, zlib.error)) or "CRC check" in reason:
        return f"{source}: was damaged, its check sum is wrong; copy it again ({reason})"
    # The CBF reader only asserts that there are as many numbers as the header says.
    asserted = isinstance(error, (AssertionError, EOFError))
    if asserted or any(words in reason.lower() for words in _CUT_WORDS):
        return f"{source}: {CUT}"
    return f"{source}: cannot be read as a detector frame ({reason})"


def _readers(path: Path, dataset: str, stack: ExitStack) -> list[Reader]:
    suffixes = ["", "", *(suffix.lower() for suffix in path.suffixes)]
    unpack = _PACKED.get(suffixes[-1])
    inner = suffixes[-2] if unpack else suffixes[-1]
    stream: BinaryIO = stack.enter_context(path.open("rb"))
    if unpack:
        # To its end, where the check sum is; some readers stop before.
        stream = io.BytesIO(unpack(stream).read())
    start = stream.read(8)
    stream.seek(0)
    if dataset or inner in _HDF5 or start == _HDF5_MARK:
        # Before its own mark a file may hold whatever its maker likes.
        if not _is_hdf5(stream):
            raise UserError(f"{path}: is not an HDF5 file, or is not complete")
        file = stack.enter_context(open_file(stream if unpack else path))
        return series.readers(file, dataset, path, stack)
    if inner == ".npy":
        return [_npy(path, stream if unpack else None)]
    if start.startswith(tiff.MARKS):
        pages, plain = tiff.reader(path, stream, stack)
        if not plain:
            return [pages]
        try:
            # It knows what makers write into the header.
            return [_fabio(path, stream, stack)]
        except Exception:  # that what they wrote is wrong costs no frame
            return [pages]
    return [_fabio(path, stream, stack)]


def _is_hdf5(stream: BinaryIO) -> bool:
    """Whether HDF5's mark is at the begin, or after a block of the user: 512 bytes, 1024, …"""
    end, place = stream.seek(0, 2), 0
    while place < end:
        stream.seek(place)
        if stream.read(8) == _HDF5_MARK:
            return True
        place = max(512, 2 * place)
    return False


def _npy(path: Path, content: BinaryIO | None) -> Reader:
    array = np.load(content) if content else np.load(path, mmap_mode="r")
    if array.ndim not in (2, 3) or array.dtype.kind not in "iufb":
        raise UserError(
            f"{path}: holds an array of {array.shape} {array.dtype}, not one or more frames of "
            "numbers"
        )
    stacked = array if array.ndim == 3 else array[None]
    return Reader(str(path), len(stacked), lambda number: Raw(np.array(stacked[number])))


def _fabio(path: Path, stream: BinaryIO, stack: ExitStack) -> Reader:
    logging.getLogger("fabio").setLevel(logging.CRITICAL)
    # It prints a line for every packed TIFF.
    fabio.fabioimage.print = lambda *_: None  # type: ignore[attr-defined]
    start = stream.read(8)
    # fabio never stops looking for the pixels in a CBF file that ends before them.
    content = b""
    if start.startswith(b"###CBF") or ".cbf" in path.suffixes[-2:]:
        content = start + stream.read()
        declared.check_cbf(path, content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image, comments = fabio.open(str(path)), ""
        except (ValueError, IndexError):
            if not content:
                raise
            # A word of its maker's comments that fabio does not understand costs no frame.
            image, comments = _cbf_without_comments(content)
    stack.callback(image.close)
    if isinstance(image, fabio.mar345image.Mar345Image):
        declared.check_mar345(path, start + stream.read())
    elif isinstance(image, fabio.kcdimage.KcdImage):
        declared.check_kcd(path, image.header, start + stream.read())

    def get(number: int) -> Raw:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = image if image.nframes == 1 else image.getframe(number)
            data, header = one.data, {**(one.header or {}), "comments": comments}
            # fabio fills the missing end of an EDF file with zeros, and notes it on its own frame.
            parts = getattr(image, "_frames", None) or []
            cut = number < len(parts) and getattr(parts[number], "incomplete_data", False)
        if cut or data is None:  # None: the TIFF reader reports it so
            raise UserError(f"{path}: {CUT}")
        if isinstance(image, fabio.edfimage.EdfImage):
            declared.check_edf(path, header, data)
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

    return Reader(str(path), image.nframes, get)


def _cbf_without_comments(content: bytes) -> tuple[Any, str]:
    begin = content.index(declared.CBF_DATA)
    lines = content[:begin].split(b"\n")
    comments = b"\n".join(line for line in lines if line.startswith(b"# "))
    header = b"\n".join(b"#" if line.startswith(b"# ") else line for line in lines)
    image = fabio.cbfimage.CbfImage().read(io.BytesIO(header + content[begin:]))
    return image, comments.decode("latin-1")
