"""TIFF of any kind: several pages, large, tiled, compressed; and what a file should hold and lacks.

Every page is checked before it is decoded, because decoders fill what is missing with zeros.
"""

import logging
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import lzw
from xscatter.frames.frame import CUT, Raw, Reader

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LZW, _HORIZONTAL = 5, 2
_MOST_PAGES = 10_000_000


def reader(path: Path, stream: BinaryIO, stack: ExitStack) -> tuple[Reader, bool]:
    """Return a reader of the pages of a TIFF file, and whether it is one plain page.

    Args:
        path: of the file, for messages.
        stream: its content, not packed.
        stack: closes it.

    Raises:
        UserError: it is truncated before its first page, or holds no frames.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    end = stream.seek(0, 2)
    cut = _chain_is_cut(stream, end)
    stream.seek(0)
    try:
        tif = stack.enter_context(tifffile.TiffFile(stream))
        pages = tif.series[0]
    except (tifffile.TiffFileError, IndexError) as error:
        raise UserError(f"{path}: {CUT}") from error
    first, dtype = pages.keyframe, pages.dtype
    if dtype is None or dtype.kind not in "iufb" or pages.ndim < 2:
        raise UserError(f"{path}: holds no image of numbers")
    colours = first.samplesperpixel if "S" in pages.axes else 1
    count = 1 if first.ndim == pages.ndim else int(np.prod(pages.shape[: pages.ndim - first.ndim]))
    rest = f"{path}: after page {count} the file {CUT}" if cut else ""
    plain = count == colours == 1 and first.compression == 1 and not first.is_tiled
    if plain:
        _check(path, 0, first, end)

    if pages.dataoffset is not None and count * first.nbytes > end - pages.dataoffset:
        rest = ""  # the pages that are missing are known

    def get(number: int) -> Raw:
        if pages.dataoffset is not None:
            size = int(np.prod(first.shape)) * dtype.itemsize
            begin = pages.dataoffset + number * size
            if begin + size > end:
                raise UserError(f"{path}: frame {number}: the file {CUT}")
            stream.seek(begin)
            order = dtype.newbyteorder(tif.byteorder)
            image = np.frombuffer(stream.read(size), order).reshape(first.shape)
        else:
            page = pages.pages[number]
            if page is None:
                raise UserError(f"{path}: frame {number}: the file {CUT}")
            _check(path, number, page, end)
            image = _decoded(path, page, stream)
        return Raw(_grey(path, np.asarray(image, dtype.newbyteorder("=")), first))

    # fabio reads neither large files nor float16.
    plain = plain and not (cut or tif.is_bigtiff or dtype == np.float16)
    return Reader(str(path), count, get, rest), plain


def _chain_is_cut(stream: BinaryIO, end: int) -> bool:
    """Whether the pages of a file, each of which names the place of the next, go on beyond it."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    if len(head) < 16:
        return True
    kind, entry = (order + "Q", 20) if big else (order + "I", 12)
    counter = order + ("Q" if big else "H")
    (place,) = struct.unpack(kind, head[8:16] if big else head[4:8])
    seen = set[int]()
    while place and place not in seen and len(seen) < _MOST_PAGES:
        seen.add(place)
        if place + struct.calcsize(counter) > end:
            return True
        stream.seek(place)
        (entries,) = struct.unpack(counter, stream.read(struct.calcsize(counter)))
        following = place + struct.calcsize(counter) + entries * entry
        if following + struct.calcsize(kind) > end:
            return True
        stream.seek(following)
        (place,) = struct.unpack(kind, stream.read(struct.calcsize(kind)))
    return False


def _check(path: Path, number: int, page: Any, end: int) -> None:
    """Check that all strips or tiles of a page are in the file."""
    pieces = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    needed = int(np.prod(page.chunked)) if page.chunked else 1
    lacking = len(pieces) < needed or any(size == 0 for _, size in pieces)
    if lacking or any(begin + size > end for begin, size in pieces):
        raise UserError(f"{path}: frame {number}: the file {CUT}")
    if page.compression == 1 and sum(size for _, size in pieces) < page.nbytes:
        raise UserError(f"{path}: frame {number}: the file {CUT}")


def _decoded(path: Path, page: Any, stream: BinaryIO) -> np.ndarray:
    if page.compression != _LZW:
        try:
            return page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise UserError(
                f"{path}: is compressed by {page.compression.name}, which is not read; store it "
                "with LZW, deflate or without compression"
            ) from error
    keyframe = page.keyframe
    if keyframe.predictor not in (1, _HORIZONTAL) or keyframe.samplesperpixel > 1:
        raise UserError(f"{path}: is compressed in a way that is not read; store it without")
    rows, cols = page.shape
    height, width = keyframe.chunks
    image = np.empty((rows, cols), page.dtype)
    order = page.dtype.newbyteorder(page.parent.byteorder)
    for n, (begin, size) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        row, col = n // keyframe.chunked[1] * height, n % keyframe.chunked[1] * width
        # The last strip is shorter, tiles are never.
        lines = height if keyframe.is_tiled else min(height, rows - row)
        stream.seek(begin)
        bytes_ = lzw.decoded(stream.read(size), lines * width * page.dtype.itemsize)
        piece = np.frombuffer(bytes_, order).reshape(lines, width)
        if keyframe.predictor == _HORIZONTAL:
            # Differences to the pixel before; sums wrap as the type does.
            piece = np.cumsum(piece.astype(page.dtype), axis=1, dtype=page.dtype)
        part = image[row : row + lines, col : col + width]
        part[:] = piece[: part.shape[0], : part.shape[1]]
    return image


def _grey(path: Path, image: np.ndarray, page: Any) -> np.ndarray:
    """The image of rows and columns; of a picture in colours only if these are all the same."""
    image = np.squeeze(image) if image.ndim > 2 else image
    if image.ndim == 2:
        return image
    channels = image if page.planarconfig == 2 else np.moveaxis(image, -1, 0)
    if image.ndim != 3 or not (channels[:3] == channels[0]).all():
        raise UserError(
            f"{path}: holds an array of {image.shape}, not a frame of rows and columns "
            "(a colour picture?)"
        )
    return channels[0]
