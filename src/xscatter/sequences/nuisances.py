"""Effects of a moving beam and of the dark level, fitted and taken out of comparisons.

A dark level does not follow the flux, so that every change of the flux looks like one of the
pattern; a beam that wanders takes the whole pattern with it. To first order both are known changes
of the counts, linear in three numbers: rows and columns by which the beam has moved, and the level.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.sequences.polar import Sums
from xscatter.sequences.residuals import residuals

_MOVES = 2  # of the nuisances; the third is the level
_RIDGE = 1e-6  # of the square of a form: a flat pattern cannot be told from a level
_REPEATS = 3  # of the fit: its limit settles quickly
_FAR = 4.0  # standard deviations by which one cell may pull at the fit
_NOTHING = 0.05  # of the counts: without a beam, hardly any are left
_DARKEST = 0.05  # part of the cells in which there is hardly more than the level
_MOSTLY = 0.95  # part of the counts that the level can be
_FURTHER = 4.0  # square of a move, in units of those of quiet frames, that is no event
_FEW = 1.0  # quiet frames that do not yet show how far the beam moves
_FORGET = 400  # quiet frames that are remembered


class QuietMoves:
    """The distances by which the beam moves in the quiet frames of a stream.

    A beam that has kept its place does not explain rings that move: on a detector that sees a part
    of their circle, both look the same.
    """

    def __init__(self, number: float = 0.0, squares: np.ndarray | None = None):
        self._number = number
        self._squares = np.zeros(_MOVES) if squares is None else squares

    def state(self) -> dict[str, Any]:
        """Return the arguments that make it again."""
        return {"number": self._number, "squares": self._squares}

    def add(self, squares: np.ndarray) -> None:
        """Learn from the squares (2,) of the moves of a quiet frame, free of the noise in them."""
        if self._number >= _FORGET:
            self._number, self._squares = 0.5 * self._number, 0.5 * self._squares
        self._number += 1
        self._squares = self._squares + squares

    @property
    def allowed(self) -> np.ndarray | None:
        """Largest squares (2,) of the moves of a quiet frame, pixels²; None: not known."""
        if not self._number:
            return None
        unsure = 1 + _FEW / self._number
        return _FURTHER * unsure * np.maximum(self._squares / self._number, 1e-12)


@dataclass(frozen=True)
class Steadied:
    """The sums of some frames without nuisances.

    Attributes:
        counts: (rings, sectors).
        squares: (2,) of the moves in pixels, less the variance of their noise.
    """

    counts: np.ndarray
    squares: np.ndarray


def steadied(test: Sums, reference: Sums, allowed: np.ndarray | None = None) -> Steadied:
    """Return the counts of `test` without what nuisances add to them.

    They are fitted together with the flux, by least squares in which the pull of single cells is
    limited (Huber 1964): a zinger moves no beam.

    Args:
        test: of the frames that are tested.
        reference: of quiet frames, whose nuisances are fitted.
        allowed: largest squares (2,) of the moves, pixels²; None: any.
    """
    usable = test.usable & reference.usable
    below = float(reference.counts[usable].sum())
    if reference.nuisances is None or below <= 0:
        return Steadied(test.counts, np.zeros(_MOVES))
    ratio = max(float(test.counts[usable].sum()), 0.0) / below
    expected = ratio * reference.counts[usable]
    error = np.sqrt(np.maximum(expected, 1.0) * (1 + ratio))
    change = (test.counts[usable] - expected) / error
    forms = np.concatenate([reference.counts[None], reference.nuisances])[:, usable]
    forms *= ratio / error
    norms = np.maximum(np.linalg.norm(forms, axis=1), 1e-300)
    forms /= norms[:, None]
    products = forms @ forms.T
    inverse = np.linalg.inv(products + _RIDGE * np.eye(len(forms)))
    amounts = inverse @ (forms @ change)
    for _ in range(_REPEATS):
        rest = change - amounts @ forms
        limit = _FAR * max(1.0, 1.4826 * _ranked(np.abs(rest), 0.5))
        amounts = amounts + inverse @ (forms @ np.clip(rest, -limit, limit))
    moves = slice(1, 1 + _MOVES)
    squares = (amounts[moves] ** 2 - np.diag(inverse)[moves]) / norms[moves] ** 2
    if allowed is not None:
        most = np.sqrt(allowed) * norms[moves]
        limited = np.clip(amounts[moves], -most, most)
        # Moves are limited, so flux and level are fitted again to the rest.
        others = [0, -1]
        back = products[np.ix_(others, others)] + _RIDGE * np.eye(2)
        amounts[others] += np.linalg.solve(
            back, products[others, moves] @ (amounts[moves] - limited)
        )
        amounts[moves] = limited
    most = _level(test, reference, usable) * norms[-1]
    amounts[-1] = np.clip(amounts[-1], -most, most)
    left = test.counts[usable] - amounts[1:] @ forms[1:] * error
    steady = test.counts.astype(float)
    # Where hardly more than the dark level is left, there is no pattern to compare.
    seen = left.sum() > _NOTHING * test.counts[usable].sum()
    steady[usable] = left if seen else expected
    return Steadied(steady, squares)


def _ranked(values: np.ndarray, part: float) -> float:
    """Return the value below which a part of the values is; faster than a quantile of NumPy."""
    rank = int(part * (len(values) - 1))
    return float(np.partition(values, rank)[rank])


def _level(test: Sums, reference: Sums, usable: np.ndarray) -> float:
    """Return the most by which a level that does not follow the flux can differ, counts a pixel.

    The level is at most that of the darkest cells, and differs by the part by which the flux does.
    """
    assert reference.nuisances is not None
    counts, pixels = reference.counts[usable], reference.nuisances[-1][usable]
    total = float(counts.sum())
    darkest = _ranked(counts / np.maximum(pixels, 1e-300), _DARKEST)
    ratio = float(test.counts[usable].sum()) / total * reference.frames / test.frames
    rest = 1 - min(darkest * float(pixels.sum()) / total, _MOSTLY)
    # A level is fitted in units of what it would be at the flux of the test.
    return abs(ratio - 1) / max(rest * ratio, 1e-12) * darkest + 1e-12


def compared(
    test: Sums, reference: Sums, weights: np.ndarray | None = None, counts: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the residuals of the sums of two sets of frames, without nuisances.

    Args:
        test: of the frames that are tested.
        reference: of quiet frames.
        weights: (rings,) pixels or points in each; None: as many in each.
        counts: of `test`, as :func:`steadied` left them; None: with any move of the beam.
    """
    if counts is None:
        counts = steadied(test, reference).counts
    usable = test.usable & reference.usable
    return residuals(counts, reference.counts, usable, test.poisson, weights)
