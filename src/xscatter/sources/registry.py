"""Find the source that an address names."""

import importlib
import pkgutil
from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from xscatter import sources
from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable
from xscatter.frames.reading import read_each
from xscatter.sources.source import Source, SourceOptions

ENTRY_POINTS = "xscatter.sources"
DEFAULT = "folder"
_URLS = ("http", "https")


def open_source(address: str | Path, options: SourceOptions | None = None) -> Source:
    """Open the source at `address`.

    Args:
        address: ``scheme:rest``, such as ``folder:/data/visit42``, or a URL; without a scheme, a
            folder.
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
            return module.connect(text if scheme in _URLS or is_url(text) else rest, options)
        if scheme.isidentifier() and not Path(text).exists():
            names = ", ".join(sorted({*known, *entry_points(group=ENTRY_POINTS).names}))
            raise UserError(
                f"{text}: is no folder, and no source is called {scheme!r}; known are {names}"
            )
    return known[DEFAULT].connect(text, options)


def read_address(
    address: str | Path, options: SourceOptions | None = None
) -> Iterator[Frame | Unreadable]:
    """Yield every frame of a file, or of all that a server has at an address.

    Args:
        address: name of a file, or the address of a source that is no folder.
        options: how to read it.

    Raises:
        UserError: the server cannot be reached.
    """
    options = options or SourceOptions()
    if not is_source(address):
        yield from read_each(address, **options.read)
        return
    # One item after the other: of a container, the frames of a run follow one another.
    with closing(open_source(address, replace(options, together=None))) as source:
        given, versions = dict[str, int](), dict[str, Hashable]()
        changing = 1
        while changing:
            items, changing = source.wait()
            for item in items:
                if versions.setdefault(item.name, item.version) != item.version:
                    raise UserError(f"{item.name}: changed while it was read; run it again")
                for frame in source.frames(item):
                    # After a failure an item comes again from its beginning.
                    if frame.index >= given.get(item.name, 0):
                        given[item.name] = frame.index + 1
                        yield frame
                changing += not source.done(item)


def is_source(address: str | Path) -> bool:
    """Whether an address is that of a source other than a folder, and no file's."""
    scheme, colon, _ = str(address).partition(":")
    known = bool(colon) and scheme != DEFAULT and scheme in _modules()
    return known and not Path(address).exists()


def is_url(text: str) -> bool:
    """Whether an address is that of a server, and no file's.

    Example:
        >>> is_url("https://server/api/v1/scan"), is_url("scan.h5::/entry/data")
        (True, False)
    """
    scheme, colon, rest = text.partition("://")
    return bool(colon) and scheme.isalpha() and bool(rest)


def _modules() -> dict[str, ModuleType]:
    """The files of this folder that are sources, by scheme."""
    modules = [
        importlib.import_module(f"{sources.__name__}.{info.name}")
        for info in pkgutil.iter_modules(sources.__path__)
    ]
    schemes = {module: getattr(module, "SCHEME", ()) for module in modules}
    return {
        word: module
        for module, words in schemes.items()
        for word in ((words,) if isinstance(words, str) else words)
    }


def _module_of_a_site(scheme: str) -> ModuleType | None:
    """The source that an installed package names as an entry point, loaded only when it is used."""
    points = entry_points(group=ENTRY_POINTS, name=scheme)
    return next((point.load() for point in points), None)
