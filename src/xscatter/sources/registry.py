"""Find the source that an address names."""

import importlib
import pkgutil
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from xscatter import sources
from xscatter.core.errors import UserError
from xscatter.sources.source import Source, SourceOptions

ENTRY_POINTS = "xscatter.sources"
DEFAULT = "folder"


def open_source(address: str | Path, options: SourceOptions | None = None) -> Source:
    """Open the source at `address`.

    Args:
        address: ``scheme:rest``, such as ``folder:/data/visit42``; without a scheme, a folder.
        options: how to follow it.

    Raises:
        UserError: no source has this scheme, or the source cannot be reached.
    """
    text, options = str(address), options or SourceOptions()
    scheme, colon, rest = text.partition(":")
    known = _modules()
    if colon:
        module = known.get(scheme) or _module_of_a_site(scheme)
        if module:
            return module.connect(rest, options)
        if scheme.isidentifier() and not Path(text).exists():
            names = ", ".join(sorted({*known, *entry_points(group=ENTRY_POINTS).names}))
            raise UserError(
                f"{text}: is no folder, and no source is called {scheme!r}; known are {names}"
            )
    return known[DEFAULT].connect(text, options)


def _modules() -> dict[str, ModuleType]:
    """The files of this folder that are sources, by scheme."""
    modules = [
        importlib.import_module(f"{sources.__name__}.{info.name}")
        for info in pkgutil.iter_modules(sources.__path__)
    ]
    return {module.SCHEME: module for module in modules if hasattr(module, "SCHEME")}


def _module_of_a_site(scheme: str) -> ModuleType | None:
    """The source that an installed package names as an entry point, loaded only when it is used."""
    points = entry_points(group=ENTRY_POINTS, name=scheme)
    return next((point.load() for point in points), None)
