"""What is done to counts before the expansion: named, so that a file can say it."""

from collections.abc import Callable

import numpy as np


def none(counts: np.ndarray) -> np.ndarray:
    """n"""
    return counts.astype(np.float32)


def log(counts: np.ndarray) -> np.ndarray:
    """log(1 + n)"""
    values = counts.astype(np.float32)
    values += 1
    return np.log(values, out=values)


def anscombe(counts: np.ndarray) -> np.ndarray:
    """2 sqrt(n + 3/8)"""
    # Anscombe 1948, Biometrika 35, 246: Poisson noise of any mean gets a variance close to 1.
    values = counts.astype(np.float32)
    values += 0.375
    np.sqrt(values, out=values)
    values *= 2
    return values


COUNTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"none": none, "log": log, "anscombe": anscombe}
"""Transforms of the counts n, by the name that the study and the coefficient file use; the docstring is the formula."""
