"""Evidence for a process: the change between two sums of frames, and the family it belongs to."""

from dataclasses import dataclass

import numpy as np

from xscatter.sequences.residuals import ANGULAR, GROUPS, ORDERS, RADIAL, residuals

_EXPLAINS = 0.6  # part of the change of a profile that a shift or a broadening must explain
_TURNS = 0.5  # part of the change that must be in the angular orders


@dataclass(frozen=True)
class Axis:
    """Values along the radius.

    Attributes:
        values: (rings,), of the middle of each ring.
        name: such as "q" or "radius".
        unit: such as "1/nm" or "pixels".
    """

    values: np.ndarray
    name: str
    unit: str

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


def compare(
    before: np.ndarray, after: np.ndarray, usable: np.ndarray, axis: Axis, poisson: bool = True
) -> Evidence:
    """Return the evidence in two sums of frames.

    Args:
        before: (rings, sectors) sums of the frames before the change.
        after: (rings, sectors) sums of those after it.
        usable: (rings, sectors) bool, the cells of both.
        axis: along the rings.
        poisson: whether the sums are counts.
    """
    values = residuals(after, before, usable, poisson)
    radial = values[RADIAL]
    strength = {
        name: float((some**2).sum()) - np.count_nonzero(some) for name, some in values.items()
    }
    total = sum(max(value, 0.0) for value in strength.values()) or 1.0
    if strength.get(ANGULAR, 0.0) > _TURNS * total:
        powers = (values[ANGULAR].reshape(GROUPS, len(ORDERS), 2) ** 2).sum(axis=(0, 2))
        order = ORDERS[int(np.argmax(powers))]
        if order == 1:
            return Evidence("instrument", "the beam or the detector has moved (angular order 1)")
        return Evidence("order", f"orientation: the angular order {order} changes most")
    family, words = _profile(before, after, usable, radial)
    first, last = _strongest(radial)
    wide = len(before) // len(radial)
    where = axis.between(first * wide, last * wide + wide - 1)
    return Evidence(family, f"{words}, most at {where}")


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
    before: np.ndarray, after: np.ndarray, usable: np.ndarray, radial: np.ndarray
) -> tuple[str, str]:
    """The family of a change of the radial profile: the simplest that explains most of it."""
    a, b = np.where(usable, after, 0).sum(axis=1), np.where(usable, before, 0).sum(axis=1)
    pixels = np.maximum(usable.sum(axis=1), 1)
    expected = b * a.sum() / max(b.sum(), 1e-300)
    error = np.sqrt(np.maximum(expected, 1e-6 * expected.max(initial=1e-300)))
    change = (a - expected) / error
    level = expected / pixels
    ring = np.arange(len(level)) + 0.5
    slope = np.gradient(level)
    # A pattern that is stretched by 1 + ε about the centre, and one whose rings widen.
    stretched = -ring * slope * pixels / error
    wider = np.gradient(slope) * pixels / error
    square = float(change @ change) or 1.0
    shift, position = _fit(stretched, change, square)
    spread, width = _fit(wider, change, square)
    if max(position, width) < _EXPLAINS:
        top = int(np.argmax(np.abs(radial)))
        return "intensity", f"intensity {'rises' if radial[top] > 0 else 'falls'}"
    if position >= width:
        where = "outwards" if shift > 0 else "inwards"
        return "position", f"rings move {where} by about {100 * abs(shift):.2g} %"
    return "width", f"rings become {'wider' if spread > 0 else 'narrower'}"


def _fit(template: np.ndarray, change: np.ndarray, square: float) -> tuple[float, float]:
    """Factor of `template` that fits `change` best, and the part of its square that it explains."""
    norm = float(template @ template)
    if norm <= 0:
        return 0.0, 0.0
    factor = float(template @ change) / norm
    return factor, factor**2 * norm / square
