"""Random series in time, each a pure function of its seed: flux, drift."""

from functools import lru_cache

import numpy as np


def wander(seed: int, memory: float, frame: float) -> float:
    """Return an Ornstein-Uhlenbeck process of deviation 1 at `frame`, linear between whole frames.

    Args:
        seed: of the series.
        memory: frames over which it keeps 1/e of its value.
        frame: place in the series, from 0.
    """
    first = int(max(frame, 0.0))
    # Lengths are powers of two, so that few are made; a longer one continues a shorter one.
    path = _path(seed, memory, 1 << max(first + 2, 64).bit_length())
    return float(path[first] + (max(frame, 0.0) - first) * (path[first + 1] - path[first]))


@lru_cache(maxsize=64)
def _path(seed: int, memory: float, count: int) -> np.ndarray:
    steps = np.random.Generator(np.random.PCG64(seed)).standard_normal(count)
    keep = float(np.exp(-1 / memory))
    kick = np.sqrt(1 - keep**2)
    path = np.empty(count)
    path[0] = steps[0]
    for n in range(1, count):
        path[n] = keep * path[n - 1] + kick * steps[n]
    return path
