"""Evidence for a process: the change between two sums of frames, and the family it belongs to."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xscatter.sequences.nuisances import compared, steadied
from xscatter.sequences.polar import SECTORS, Sums
from xscatter.sequences.residuals import (
    ANGULAR,
    GROUPS,
    ORDERS,
    RADIAL,
    residuals,
    shapes,
)

_EXPLAINS = 0.6  # part of the change of a profile that a shift or a broadening must explain
_MOST_MOVED = 0.1  # part of the radius by which rings may move at once
_MOST_WIDER = 10.0  # rings by which a ring may widen
_SURE = 5.0  # standard deviations by which rings have moved to be mentioned
_TURNS = 0.5  # part of the change that must be in the angular orders


@dataclass(frozen=True)
class Axis:
    """Values along the radius.

    Attributes:
        values: (rings,), of the middle of each ring.
        name: such as "q" or "radius".
        unit: such as "1/nm" or "pixels".
        weights: (rings,) number of pixels or points in each.
    """

    values: np.ndarray
    name: str
    unit: str
    weights: np.ndarray

    def between(self, first: int, last: int) -> str:
        """Return a range of rings in words."""
        return (
            f"{self.name} {self.values[first]:.4g} to {self.values[last]:.4g} {self.unit}".strip()
        )


@dataclass(frozen=True)
class Evidence:
    """The family that a change speaks for, and the change in words."""

    family: str
    text: str


def compare(before: Sums, after: Sums, axis: Axis) -> Evidence:
    """Return the evidence in two sums of frames: those before a change, and those after it.

    Args:
        before: of the frames before the change.
        after: of those after it.
        axis: along the rings.
    """
    usable, poisson = before.usable & after.usable, before.poisson
    still = residuals(after.counts, before.counts, usable, poisson, axis.weights)
    counts = steadied(after, before).counts
    values = compared(after, before, axis.weights, counts)
    radial = values[RADIAL]
    if ANGULAR in values:
        moved, order = _turned(still)
        if moved and order == 1:
            return Evidence("instrument", "the beam or the detector has moved (angular order 1)")
        turned, order = _turned(values)
        if turned:
            return Evidence("order", f"orientation: the angular order {order} changes most")
    family, words = _profile(before.counts, counts, usable, axis, radial, poisson)
    first, last = _strongest(radial)
    wide = len(usable) // len(radial)
    where = axis.between(first * wide, last * wide + wide - 1)
    return Evidence(family, f"{words}, most at {where}")


def _turned(values: dict[str, np.ndarray]) -> tuple[bool, int]:
    """Whether most of a change is in the angular orders, and the order that changes most."""
    strength = [
        max(float((values[name] ** 2).sum()) - np.count_nonzero(values[name]), 0.0)
        for name in (ANGULAR, RADIAL)
    ]
    powers = (values[ANGULAR].reshape(GROUPS, len(ORDERS), 2) ** 2).sum(axis=(0, 2))
    return strength[0] > _TURNS * (sum(strength) or 1.0), ORDERS[int(np.argmax(powers))]


def _strongest(radial: np.ndarray) -> tuple[int, int]:
    """First and last bin of the run of one sign that changes most."""
    top = int(np.argmax(np.abs(radial)))
    least = 0.3 * abs(radial[top])
    same = np.sign(radial) * np.abs(radial) * np.sign(radial[top]) >= least
    first = last = top
    while first > 0 and same[first - 1]:
        first -= 1
    while last + 1 < len(radial) and same[last + 1]:
        last += 1
    return first, last


def _profile(
    before: np.ndarray,
    after: np.ndarray,
    usable: np.ndarray,
    axis: Axis,
    radial: np.ndarray,
    poisson: bool,
) -> tuple[str, str]:
    """The family of a change of the radial profile: the simplest that explains most of it."""
    a, b = np.where(usable, after, 0).sum(axis=1), np.where(usable, before, 0).sum(axis=1)
    ratio = a.sum() / max(b.sum(), 1e-300)
    b = b * ratio
    error = np.sqrt(np.maximum(b, 1e-3 * b.mean()) * (1 + ratio))
    change = (a - b) / error
    # Of values that are no counts, the part of the change that is noise is not known.
    square = max(float((change**2).sum()) - (len(b) if poisson else 0), 1e-300)
    linear = shapes(b, axis.weights, before.shape[1] == SECTORS) / error
    small, part = linear @ change / np.maximum((linear**2).sum(axis=1), 1e-300), linear @ change
    a, b, error = a / axis.weights, b / axis.weights, error / axis.weights
    rest = float((change**2).sum())

    def explained(from_: np.ndarray, to: np.ndarray) -> float:
        return (rest - float((((to - from_) / error) ** 2).sum())) / square

    rings = np.arange(len(b), dtype=float)
    moved = [
        (explained(np.interp(axis.values / (1 + e), axis.values, b), a), e)
        for e in _sizes(_MOST_MOVED)
    ]
    shifted = [
        (explained(np.interp(rings - e, rings, b), a), e / len(b))
        for e in _sizes(_MOST_MOVED * len(b))
    ]
    # Wider: the profile before, smoothed; narrower: the profile after, smoothed, is that before.
    spread = [
        (explained(*pair), sign)
        for size in _sizes(_MOST_WIDER)[::2]
        for pair, sign in (((_smooth(b, abs(size)), a), 1), ((b, _smooth(a, abs(size))), -1))
    ]
    # Small changes of rings that are narrower than a bin follow the derivatives of the profile.
    per = 1.0 if before.shape[1] == SECTORS else 1 / len(b)
    by_slope = [
        (small[k] * part[k] / square, amount) for k, amount in enumerate((small[0] * per, small[1]))
    ]
    position, amount = max(*moved, *shifted, by_slope[0])
    width, sign = max(*spread, by_slope[1])
    if max(position, width) < _EXPLAINS:
        top = int(np.argmax(np.abs(radial)))
        words = f"intensity {'rises' if radial[top] > 0 else 'falls'}"
        if poisson and by_slope[0][0] * square > _SURE**2:
            where = "outwards" if small[0] > 0 else "inwards"
            words += f" and rings move {where} by {100 * abs(by_slope[0][1]):.2g} % on average"
        return "intensity", words
    if position >= width:
        where = "outwards" if amount > 0 else "inwards"
        return "position", f"rings move {where} by about {100 * abs(amount):.2g} %"
    return "width", f"rings become {'wider' if sign > 0 else 'narrower'}"


def _sizes(most: float) -> list[float]:
    """Sizes of both signs up to `most`, evenly in their logarithm."""
    sizes = most * 1.2 ** -np.arange(40.0)
    return [float(sign * size) for size in sizes for sign in (1, -1)]


def _smooth(values: np.ndarray, width: float) -> np.ndarray:
    return ndimage.gaussian_filter1d(values, width, mode="nearest")
