"""Transforms of the counts before the expansion, by name, and the way back.

The docstring of each is its formula, which coefficient files quote.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from xscatter.fourier_bessel.loops import plain
from xscatter.transform import loops


class CountsTransform(Protocol):
    """A transform of counts, pixel by pixel."""

    def __call__(self, counts: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return float32 values of counts n of any shape, in `out` if it is given."""


def none(counts: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """n"""
    values = np.empty(counts.shape, np.float32) if out is None else out
    values[:] = counts
    return values


def log(counts: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """log(1 + n)"""
    values = none(counts, out)
    values += 1
    return np.log(values, out=values)


def anscombe(counts: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """2 sqrt(n + 3/8)"""
    # Gives Poisson noise of any mean a variance close to 1: Anscombe 1948, Biometrika 35, 246.
    counts = plain(np.asarray(counts))
    values = np.empty(counts.shape, np.float32) if out is None else out
    loops.anscombe(counts.reshape(-1), values.reshape(-1))
    return values


COUNTS_TRANSFORMS: dict[str, CountsTransform] = {"none": none, "log": log, "anscombe": anscombe}
"""Transforms of the counts, by the name that the study and the coefficient file use."""

BACK_TO_COUNTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda values: values,
    "log": lambda values: np.expm1(np.clip(values, None, 50)),  # a wild value must not overflow
    "anscombe": lambda values: (np.maximum(values, 0) / 2) ** 2 - 0.375,
}
"""Their inverses, for pictures of a reconstruction."""
