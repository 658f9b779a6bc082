"""The table of laws: finds the files of the package `laws`."""

import importlib
import pkgutil
from functools import cache

from xscatter.core.errors import UserError
from xscatter.sequences.trends import laws
from xscatter.sequences.trends.law import TrendLaw


@cache
def all_laws() -> dict[str, TrendLaw]:
    """Return every law by name, in alphabetical order.

    Example:
        >>> "avrami" in all_laws()
        True
    """
    names = sorted(entry.name for entry in pkgutil.iter_modules(laws.__path__))
    return {
        name: TrendLaw(name, importlib.import_module(f"{laws.__name__}.{name}")) for name in names
    }


def get_law(name: str) -> TrendLaw:
    """Return the law called `name`.

    Raises:
        UserError: there is none.
    """
    known = all_laws()
    if name not in known:
        raise UserError(f"--law {name}: no such law; use auto or one of {', '.join(known)}")
    return known[name]
