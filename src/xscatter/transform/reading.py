"""Reads images of a shard ahead, in a thread, while those before them are transformed.

HDF5 lets one thread in at a time, and holds the interpreter's lock while it decompresses. Images
that are chunks of their own, compressed as the simulator compresses them (Bitshuffle with LZ4), are
therefore read from the file and decompressed here, by the function that HDF5's filter itself calls.
HDF5 reads all others.
"""

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

from xscatter.fourier_bessel.loops import LANES
from xscatter.transform import loops

# Images are read in batches of this size: large enough to be quick, small enough to stay in a
# cache.
READ_BYTES = 2**22
_BITSHUFFLE, _LZ4 = 32008, 2  # the filter's number in HDF5; its own number of the codec


class ImageReader:
    """Reads the images of an open dataset `counts` (n, rows, cols), one batch ahead.

    A batch is a few small images or a single large one.
    """

    def __init__(self, counts: h5py.Dataset):
        self._counts = counts
        rows, cols = counts.shape[1:]
        self._batch = int(np.clip(READ_BYTES // (counts.dtype.itemsize * rows * cols), 1, LANES))
        # One half is filled while the other is in use.
        self._memory = np.empty((2, self._batch, rows, cols), counts.dtype)
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
        """Yield images (rows, cols) from `start` to `stop`, each valid until the next one is asked
        for.

        Args:
            start: the first image.
            stop: the end.
            until: images from `stop` to this one are next, and may be read ahead.
        """
        for first in range(start, stop, self._batch):
            last = min(first + self._batch, stop)
            # The first batch of a task, or one that was not foreseen.
            if self._ahead is None or self._ahead[:2] != (first, last):
                self._begin(first, last)
            _, _, batch = self._ahead  # type: ignore[misc]
            self._ahead = None
            counts = batch.result()
            if last < until:
                # The next call asks for LANES images at most, and its batches start with it.
                end = stop if last < stop else min(stop + LANES, until)
                self._begin(last, min(last + self._batch, end))
            yield from counts

    def _begin(self, first: int, last: int) -> None:
        # The halves change places: the caller may still use the other one.
        self._memory = self._memory[::-1]
        target = self._memory[0, : last - first]
        self._ahead = (first, last, self._thread.submit(self._read, first, target))

    def _read(self, first: int, counts: np.ndarray) -> np.ndarray:
        if first in self._chunks and hasattr(os, "posix_fadvise"):
            # The kernel fetches the batches after this one while it is decompressed.
            offset = self._chunks[first][0]
            os.posix_fadvise(self._handle, offset, 4 * READ_BYTES, os.POSIX_FADV_WILLNEED)
        for n, image in enumerate(counts, first):
            if n in self._chunks:
                self._decompress(*self._chunks[n], image)
            else:
                self._counts.read_direct(image, n)
        return counts

    def _decompress(self, offset: int, size: int, image: np.ndarray) -> None:
        """Read the chunk of `size` bytes at `offset` and decompress it into `image`.

        Format: https://github.com/kiyo-masui/bitshuffle/blob/master/src/bshuf_h5filter.c. The
        length of the image in bytes (8 bytes, big-endian), that of a block (4 bytes), then every
        block behind its compressed length (4 bytes), then the last bytes that fill no group of 8
        numbers.

        Raises:
            OSError: the chunk is damaged. The lengths are checked here, since the filter trusts
                them and a wrong one would lead it out of its memory.
        """
        stored = self._stored[:size]
        if os.preadv(self._handle, [stored.data], offset) != size:
            raise OSError("the file is cut off")
        total = int.from_bytes(stored[:8].tobytes(), "big")
        block = int.from_bytes(stored[8:12].tobytes(), "big")
        item = image.dtype.itemsize
        # Blocks hold a multiple of 8 numbers, because bits are shuffled in groups of 8.
        if total != image.nbytes or block == 0 or block % (8 * item):
            raise OSError("a chunk is not as long as an image")
        tail = total % (8 * item)
        if not loops.whole_blocks(stored, 12, -(-(total - tail) // block), tail):
            raise OSError("a chunk holds other blocks than it says")
        source, target = stored.ctypes.data + 12, image.ctypes.data
        if _unpack()(source, target, image.size, item, block // item) != size - 12:
            raise OSError("a chunk cannot be decompressed")


def _chunks(counts: h5py.Dataset) -> dict[int, tuple[int, int]]:
    """Return offset and size in the file of each image that can be read without HDF5."""
    options = counts.id.get_create_plist()
    chunk_each = counts.chunks == (1, *counts.shape[1:])
    if not (chunk_each and options.get_nfilters() == 1 and counts.dtype.isnative):
        return {}
    # HDF5 then reads all images, which is slower but gives the same bytes.
    if _unpack() is None:
        return {}
    # Parameters of the filter: two of its version, bytes a number, numbers a block, codec.
    number, _, parameters, _ = options.get_filter(0)
    if number != _BITSHUFFLE or len(parameters) < 5:
        return {}
    if parameters[2] != counts.dtype.itemsize or parameters[4] != _LZ4:
        return {}
    chunks: dict[int, tuple[int, int]] = {}

    def note(chunk: Any) -> None:
        if not chunk.filter_mask:  # a set bit: this chunk was stored without the filter
            chunks[chunk.chunk_offset[0]] = chunk.byte_offset, chunk.size

    counts.id.chunk_iter(note)
    return chunks


@cache
def _unpack() -> Any:
    """Return the decompressing function of HDF5's filter, or None where its library hides it."""
    library = Path(hdf5plugin.PLUGIN_PATH) / "libh5bshuf.so"
    try:
        function = ctypes.CDLL(str(library)).bshuf_decompress_lz4
    except (OSError, AttributeError):
        return None
    # By default ctypes takes results for 32-bit integers.
    function.restype = ctypes.c_int64
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_size_t] * 3]
    return function
