"""Memory for the arrays of a step, which is used again as soon as nobody holds the array."""

import math
import weakref
from collections import defaultdict, deque

import numpy as np

_LARGE = 2**16  # bytes from which memory is kept; smaller arrays are quick to allocate
_KEPT = 4  # free buffers of one size: those of the steps that a pipeline reads ahead
_ALIGNMENT = 64  # bytes; TensorFlow takes aligned arrays without a copy


class Buffers:
    """Arrays in memory that is used again.

    Fresh memory from the system costs several times what it costs to fill it. Any number of threads
    may ask at once.
    """

    def __init__(self) -> None:
        # Without a lock, because `append` and `pop` of a deque are atomic: the garbage collector
        # may give memory back at any time, also in a thread that is in `empty`.
        self._free: defaultdict[int, deque[np.ndarray]] = defaultdict(lambda: deque(maxlen=_KEPT))

    def empty(self, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
        """Return an array of `shape` and type `kind` without content, aligned to 64 bytes."""
        size = math.prod(shape) * kind.itemsize
        free = self._free[size]
        try:
            raw = free.pop()
        except IndexError:
            raw = np.empty(size + _ALIGNMENT - 1, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        # Over a memoryview (`.data`), this array is what every view of it refers to, never `raw`
        # itself: when it is collected, nobody holds the memory.
        array = np.ndarray(shape, kind, raw.data, start)
        if size >= _LARGE:
            weakref.finalize(array, free.append, raw).atexit = False
        return array
