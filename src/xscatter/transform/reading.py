"""Images of a shard, read and decompressed by a thread while those before them are transformed."""

import ctypes
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from xscatter.fourier_bessel import loops
from xscatter.fourier_bessel.loops import LANES

READ_BYTES = 2**22
_BITSHUFFLE, _LZ4 = 32008, 2  # number of the filter; what it says of itself in the file


class Images:
    """Images of the dataset `counts` (n, rows, cols) of an open file, a few small ones or a large one at a time.

    HDF5 lets one thread in at a time, and holds the interpreter's lock while it decompresses. Images that lie in
    chunks of their own, compressed as the simulator does it, are therefore read and decompressed without it.
    """

    def __init__(self, counts: h5py.Dataset):
        self._counts = counts
        rows, cols = counts.shape[1:]
        self._together = int(np.clip(READ_BYTES // (counts.dtype.itemsize * rows * cols), 1, LANES))
        # Memory that is used again and again: one half is being filled while the other one is in use.
        self._memory = np.empty((2, self._together, rows, cols), counts.dtype)
        self._chunks = _chunks(counts)
        self._stored = np.empty(
            max((size for _, size in self._chunks.values()), default=0), np.uint8
        )
        self._handle = os.open(counts.file.filename, os.O_RDONLY)
        self._thread = ThreadPoolExecutor(1)
        self._ahead: tuple[int, int, Future] | None = None

    def close(self) -> None:
        """Wait for the thread; the file stays open."""
        self._thread.shutdown(cancel_futures=True)
        os.close(self._handle)

    def each(self, start: int, stop: int, until: int) -> Iterator[np.ndarray]:
        """Images `start` to `stop`, each valid until the next one is asked for; those up to `until` are read ahead."""
        for first in range(start, stop, self._together):
            last = min(first + self._together, stop)
            if self._ahead is None or self._ahead[:2] != (first, last):
                self._begin(first, last)
            _, _, piece = self._ahead  # type: ignore[misc]
            self._ahead = None
            counts = piece.result()
            if last < until:
                # Pieces begin anew with every group of images.
                group = stop if last < stop else min(stop + LANES, until)
                self._begin(last, min(last + self._together, group))
            yield from counts

    def _begin(self, first: int, last: int) -> None:
        self._memory = self._memory[::-1]
        self._ahead = (
            first,
            last,
            self._thread.submit(self._read, first, self._memory[0, : last - first]),
        )

    def _read(self, first: int, counts: np.ndarray) -> np.ndarray:
        if first in self._chunks and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(
                self._handle, self._chunks[first][0], 4 * READ_BYTES, os.POSIX_FADV_WILLNEED
            )
        for n, image in enumerate(counts, first):
            if n in self._chunks:
                self._decompress(*self._chunks[n], image)
            else:
                self._counts.read_direct(image, n)
        return counts

    def _decompress(self, offset: int, size: int, image: np.ndarray) -> None:
        stored = self._stored[:size]
        if os.preadv(self._handle, [stored.data], offset) != size:
            raise OSError("the file is cut off")
        # https://github.com/kiyo-masui/bitshuffle/blob/master/src/bshuf_h5filter.c: bytes and bytes a block, then
        # the blocks, each behind its length. A length that is damaged would lead the filter out of its memory.
        total, block = (
            int.from_bytes(stored[:8].tobytes(), "big"),
            int.from_bytes(stored[8:12].tobytes(), "big"),
        )
        item = image.dtype.itemsize
        if total != image.nbytes or block == 0 or block % (8 * item):
            raise OSError("a chunk is not as long as an image")
        tail = total % (8 * item)
        if not loops.whole_blocks(stored, 12, -(-(total - tail) // block), tail):
            raise OSError("a chunk holds other blocks than it says")
        read = _unpack()(
            stored.ctypes.data + 12, image.ctypes.data, image.size, item, block // item
        )
        if read != size - 12:
            raise OSError("a chunk cannot be decompressed")


def _chunks(counts: h5py.Dataset) -> dict[int, tuple[int, int]]:
    """Position and length in the file of each image that can be read without HDF5."""
    options = counts.id.get_create_plist()
    alone = (
        counts.chunks == (1, *counts.shape[1:])
        and options.get_nfilters() == 1
        and counts.dtype.isnative
    )
    if not alone or _unpack() is None:
        return {}
    number, _, facts, _ = options.get_filter(
        0
    )  # facts: two of its version, bytes a number, a block's size, its codec
    if (
        number != _BITSHUFFLE
        or len(facts) < 5
        or facts[2] != counts.dtype.itemsize
        or facts[4] != _LZ4
    ):
        return {}
    found: dict[int, tuple[int, int]] = {}

    def note(chunk: Any) -> None:
        if not chunk.filter_mask:
            found[chunk.chunk_offset[0]] = chunk.byte_offset, chunk.size

    counts.id.chunk_iter(note)
    return found


@cache
def _unpack() -> Any:
    """The function within HDF5's filter; None: this build keeps it to itself, and HDF5 does the reading."""
    try:
        function = ctypes.CDLL(
            str(Path(hdf5plugin.PLUGIN_PATH) / "libh5bshuf.so")
        ).bshuf_decompress_lz4
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_int64
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_size_t] * 3]
    return function
