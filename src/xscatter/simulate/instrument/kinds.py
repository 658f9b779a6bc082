"""The names of all kinds of instrument, from the modules that draw them."""

from functools import cache

from xscatter.simulate.instrument import beam, detector, fixed_pattern, layouts, placement
from xscatter.simulate.instrument.registry import all_obstacles


@cache
def all_kinds() -> tuple[str, ...]:
    """Return the names of all kinds of instrument, in alphabetical order.

    A module of the instrument, or of an obstacle, lists its own in ``KINDS``.
    """
    modules = (layouts, detector, fixed_pattern, beam, placement, *all_obstacles().values())
    return tuple(sorted({kind for module in modules for kind in getattr(module, "KINDS", ())}))
