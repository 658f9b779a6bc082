"""What is done to counts before the expansion: named, so that a file can say it."""

from typing import Protocol

import numpy as np

from xscatter.fourier_bessel import loops


class CountsTransform(Protocol):
    """Float32 values of the counts n of any shape, written into `out` where that is given."""

    def __call__(self, counts: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The values."""


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
    # Anscombe 1948, Biometrika 35, 246: Poisson noise of any mean gets a variance close to 1.
    counts = loops.plain(np.asarray(counts))
    values = np.empty(counts.shape, np.float32) if out is None else out
    loops.anscombe(counts.reshape(-1), values.reshape(-1))
    return values


COUNTS: dict[str, CountsTransform] = {"none": none, "log": log, "anscombe": anscombe}
"""Transforms of the counts n, by the name that the study and the coefficient file use; the docstring is the formula."""
