"""Features of a frame in time, less than 1 kB, of which everything that follows is made.

f_m(r) = (1/2π) ∫ f(r, θ) e^{-imθ} dθ is the function that the Fourier-Bessel expansion represents
for each angular order m: the radial profile for m = 0. Here it comes from the sums in polar cells,
so that it is there for every frame, whether or not a network or its expansion is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xscatter.sequences.noise import SCALES
from xscatter.sequences.polar import BINS, SECTORS, Sums, binned

ORDERS = (2, 4, 6)
_COARSE = BINS // 2  # radii of the angular orders
_ANGLE = 2 * np.pi * (np.arange(SECTORS) + 0.5) / SECTORS
_LEAST = 1e-6


def columns(tags: int) -> dict[str, int]:
    """Return the groups of features and the number of each, in order.

    Args:
        tags: number of tags of the networks; 0: none.
    """
    return {
        "profile": BINS,  # f_0 relative to its mean
        **{f"order {m}": _COARSE for m in ORDERS},  # |f_m| / f_0
        "log total": 1,
        "log flux change": 1,  # against the frame before
        "change z": len(SCALES),  # of the scan, at each number of frames
        "centre": 3,  # row and column in parts of the sides, confidence
        "log step": 1,  # time since the frame before, in seconds; 0: not known
        "logits": tags,
    }


def radial_functions(sums: Sums, live: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f_0 (BINS,) relative to its mean, and |f_m| / f_0 (orders, BINS / 2).

    Args:
        sums: of a frame.
        live: (rings, sectors) live pixels of each cell.
    """
    pixels = np.where(sums.usable, live, 0.0)
    counts = np.where(sums.usable, sums.counts, 0.0)
    profile = binned(counts.sum(axis=1)) / np.maximum(binned(pixels.sum(axis=1)), 1)
    mean = max(float(counts.sum() / max(pixels.sum(), 1)), 1e-300)
    coarse = [binned(part).reshape(_COARSE, -1, SECTORS).sum(axis=1) for part in (counts, pixels)]
    level = coarse[0] / np.maximum(coarse[1], 1)
    # Sectors without pixels are left out: on a part of a ring, orders are those of that part.
    weight = (coarse[1] > 0) / np.maximum((coarse[1] > 0).sum(axis=1, keepdims=True), 1)
    zero = np.maximum((level * weight).sum(axis=1), _LEAST * mean)
    rest = (level - zero[:, None]) * weight
    orders = [np.abs(rest @ np.exp(-1j * m * _ANGLE)) / zero for m in ORDERS]
    return profile / mean, np.array(orders)


class Embedder:
    """Features of the frames of one sequence, one after the other.

    Args:
        live: (rings, sectors) live pixels of each cell.
    """

    def __init__(self, live: np.ndarray):
        self._live = live
        self._total: float | None = None
        self._time: float | None = None

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return {"live": self._live, "total": self._total, "time": self._time}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Embedder":
        """Return the embedder with this :meth:`state`."""
        embedder = cls(state["live"])
        embedder._total, embedder._time = state["total"], state["time"]
        return embedder

    def push(
        self,
        sums: Sums,
        z: Sequence[float],
        center: tuple[float, float, float],
        time: float | None,
        logits: np.ndarray,
    ) -> np.ndarray:
        """Return the features (F,) float32 of the next frame.

        Args:
            sums: of the frame.
            z: significance of a change at each scale of the scan.
            center: row and column in parts of the sides, and confidence.
            time: in seconds, or None.
            logits: (T,) of the networks; NaN and empty are as good as none.
        """
        profile, orders = radial_functions(sums, self._live)
        total = np.log(max(sums.total, 1.0))
        flux = 0.0 if self._total is None else total - self._total
        step = 0.0
        if time is not None and self._time is not None and time > self._time:
            step = np.log(time - self._time)
        self._total, self._time = total, time
        parts = [profile, orders.ravel(), [total, flux], z, center, [step], np.nan_to_num(logits)]
        return np.concatenate(parts).astype(np.float32)
