"""The table of obstacles: finds the files of the package `obstacles`."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from xscatter.simulate.instrument import obstacles


@cache
def all_obstacles() -> dict[str, ModuleType]:
    """Return every obstacle by name, in alphabetical order: the modules of `obstacles`."""
    names = sorted(entry.name for entry in pkgutil.iter_modules(obstacles.__path__))
    return {name: importlib.import_module(f"{obstacles.__name__}.{name}") for name in names}
