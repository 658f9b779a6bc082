"""One row of a feature's parameter table."""

from typing import NamedTuple


class Parameter(NamedTuple):
    """A parameter: name, unit ("" for none), default, bounds (least, largest), meaning."""

    name: str
    unit: str
    default: float
    bounds: tuple[float, float]
    meaning: str
