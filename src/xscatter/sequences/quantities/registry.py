"""The table of quantities: finds the files of the package `kinds`, and measures a frame."""

import importlib
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np

from xscatter.sequences.quantities import kinds
from xscatter.sequences.quantities.rings import Rings


class Measured(NamedTuple):
    """A value and its standard deviation; NaN where the frame does not show the quantity."""

    value: float
    sd: float


NOTHING = Measured(float("nan"), float("nan"))


@dataclass(frozen=True)
class Quantity:
    """One quantity: the file of that name."""

    name: str
    module: ModuleType = field(repr=False)

    @property
    def title(self) -> str:
        """The quantity in words."""
        return self.module.TITLE

    def unit(self, in_q: bool = True) -> str:
        """Return the unit; lengths in reciprocal space are in pixels without a geometry."""
        return self.module.UNIT if in_q or self.module.UNIT != "nm⁻¹" else "pixels"

    @property
    def of_noise(self) -> bool:
        """Whether its error grows with the noise of the frame."""
        return getattr(self.module, "OF_NOISE", True)

    def measure(self, rings: Rings) -> Measured:
        """Return the quantity of a frame."""
        if len(rings.kept) < 3 or (getattr(self.module, "NEEDS_Q", False) and not rings.in_q):
            return NOTHING
        answer = self.module.measure(rings)
        if answer is None or not np.isfinite(answer).all():
            return NOTHING
        return Measured(float(answer[0]), float(answer[1]))


@cache
def all_quantities() -> dict[str, Quantity]:
    """Return every quantity by name, in alphabetical order.

    Example:
        >>> all_quantities()["spacing"].unit()
        'nm'
    """
    names = sorted(entry.name for entry in pkgutil.iter_modules(kinds.__path__))
    return {
        name: Quantity(name, importlib.import_module(f"{kinds.__name__}.{name}")) for name in names
    }


def units_on(axis: str) -> dict[str, str]:
    """Return the unit of each quantity, by name; lengths in q have that of the axis of the rings.

    Args:
        axis: unit of the axis, such as "nm⁻¹", or "pixels" without a geometry.

    Example:
        >>> units_on("pixels")["peak_position"], units_on("nm⁻¹")["spacing"]
        ('pixels', 'nm')
    """
    units = {name: one.unit() for name, one in all_quantities().items()}
    return {name: axis if unit == "nm⁻¹" else unit for name, unit in units.items()}


def measure_quantities(rings: Rings) -> dict[str, Measured]:
    """Return all quantities of a frame with their standard deviations."""
    with np.errstate(all="ignore"):
        return {name: one.measure(rings) for name, one in all_quantities().items()}
