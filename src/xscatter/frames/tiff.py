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
_MOST_ENTRIES = 4096  # of a page


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
    number, cut, damaged = _pages(stream, end)
    if number == 0:
        raise UserError(f"{path}: {CUT}")
    stream.seek(0)
    tif = stack.enter_context(tifffile.TiffFile(stream))
    if number == 1 and not cut:
        # Some programs describe many images by one page.
        one = tif.series[0]
        if one.dataoffset is not None and len(one.shape) > len(one.keyframe.shape):
            return _stack(path, stream, one, tif.byteorder), False
    every: Any = tif.pages
    first = every[0]
    if first.dtype is None or first.dtype.kind not in "iufb" or len(first.shape) < 2:
        raise UserError(f"{path}: holds no image of numbers")
    # Small copies for viewers are marked as such.
    pages = [page for n in range(number) if not (page := every[n]).subfiletype & 1]
    alike = [n for n, page in enumerate(pages) if _kind(page) == _kind(pages[0])]
    rest = f"{path}: after page {number} the file {'is damaged' if damaged else CUT}" if cut else ""
    if len(alike) < len(pages):
        rest = rest or f"{path}: {len(pages) - len(alike)} of its pages are of another size or type"

    def get(number: int) -> Raw:
        page = pages[alike[number]]
        if damaged and page is pages[-1]:
            raise UserError(f"{path}: frame {number}: bytes of it are missing; copy the file again")
        _check(path, number, page, end)
        return Raw(_grey(path, _decoded(path, page, stream), page))

    # fabio reads neither large files nor float16.
    plain = number == 1 and not (cut or tif.is_bigtiff or first.dtype == np.float16)
    plain = plain and first.compression == first.samplesperpixel == 1 and not first.is_tiled
    if plain:
        _check(path, 0, first, end)
    return Reader(str(path), len(alike), get, rest), plain


def _kind(page: Any) -> tuple[Any, ...]:
    return page.shape, page.dtype


def _stack(path: Path, stream: BinaryIO, series: Any, byteorder: str) -> Reader:
    """The images that follow one another without pages of their own."""
    shape, end = series.shape[-2:], stream.seek(0, 2)
    if "S" in series.axes:
        raise UserError(f"{path}: holds pictures in colours, not frames of rows and columns")
    order = series.dtype.newbyteorder(byteorder)
    size = int(np.prod(shape)) * order.itemsize

    def get(number: int) -> Raw:
        begin = series.dataoffset + number * size
        if begin + size > end:
            raise UserError(f"{path}: frame {number}: the file {CUT}")
        stream.seek(begin)
        image = np.frombuffer(stream.read(size), order).reshape(shape)
        return Raw(image.astype(series.dtype.newbyteorder("=")))

    return Reader(str(path), int(np.prod(series.shape[:-2])), get)


def _pages(stream: BinaryIO, end: int) -> tuple[int, bool, bool]:
    """Follow the pages, each of which names the place of the next.

    Returns:
        Their number, whether others are lost, and whether that is because the last one names a
        place in the file where there is none: then bytes are missing before it.
    """
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    if len(head) < 16:
        return 0, True, False
    kind, entry, counter = ("Q", 20, "Q") if big else ("I", 12, "H")
    before, after = struct.calcsize(order + counter), struct.calcsize(order + kind)
    (place,) = struct.unpack(order + kind, head[8:16] if big else head[4:8])
    seen = set[int]()
    while place:
        stream.seek(place)
        count = stream.read(before)
        entries = struct.unpack(order + counter, count)[0] if len(count) == before else 0
        content = stream.read(min(entries, _MOST_ENTRIES) * entry + after)
        tags = [
            struct.unpack_from(order + "H", content, n * entry)[0]
            for n in range(entries if len(content) == entries * entry + after else 0)
        ]
        # A page has tags, each once and in order, and says how wide and high it is.
        if place in seen or not {256, 257} <= set(tags) or tags != sorted(set(tags)):
            return len(seen), True, place < end
        seen.add(place)
        (place,) = struct.unpack_from(order + kind, content, entries * entry)
    return len(seen), not seen, False


def _check(path: Path, number: int, page: Any, end: int) -> None:
    """Check that all strips or tiles of a page are in the file."""
    pieces = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    needed = int(np.prod(page.chunked)) if page.chunked else 1
    lacking = len(pieces) < needed or any(size == 0 for _, size in pieces)
    if lacking or any(begin + size > end for begin, size in pieces):
        raise UserError(f"{path}: frame {number}: the file {CUT}")
    stored = sum(size for _, size in pieces)
    needed = page.dtype.itemsize * needed * int(np.prod(page.chunks))
    if page.compression == 1 and stored >= 2 * needed:
        raise UserError(f"{path}: frame {number}: its type is not that of its data; copy it again")
    if page.compression == 1 and stored < page.nbytes:
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
