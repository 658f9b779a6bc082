"""The files that an HDF5 file takes data from: external links, virtual datasets, external data."""

import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from xscatter.core.errors import UserError
from xscatter.frames.storage import open_file

_DEEPEST = 8  # files that link to files
_MOST = 10_000  # files


def linked_files(path: str | Path) -> tuple[str, ...]:
    """Return the files that a file takes data from, sorted, also those that are missing.

    A file of another format, or one that cannot be opened, takes none.

    Args:
        path: the file.

    Example:
        >>> import h5py, tempfile
        >>> from xscatter.frames.links import linked_files
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with h5py.File(f"{folder}/master.h5", "w") as file:
        ...         file["data_000001"] = h5py.ExternalLink("data.h5", "/data")
        ...     linked_files(f"{folder}/master.h5")[0].removeprefix(folder)
        '/data.h5'
    """
    own = os.fspath(path)
    known: set[str] = set()
    waiting = [(own, 0)]
    while waiting:
        name, depth = waiting.pop()
        for linked in _directly(name):
            if linked != own and linked not in known and len(known) < _MOST:
                known.add(linked)
                if depth < _DEEPEST:
                    waiting.append((linked, depth + 1))
    return tuple(sorted(known))


def _directly(name: str) -> set[str]:
    try:
        if not h5py.is_hdf5(name):
            return set()
        with open_file(name) as file:
            links: set[str] = set()
            _visit(file, Path(name).parent, links, set())
            return links
    # Whatever is wrong with the file, reading it says so.
    except (OSError, RuntimeError, ValueError, KeyError, UserError):
        return set()


def _visit(group: h5py.Group, folder: Path, links: set[str], seen: set[tuple[int, int]]) -> None:
    for key in group:
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            links.update(_beside(folder, link.filename))
            continue
        if isinstance(link, h5py.SoftLink):
            continue
        item = group.get(key)
        info = h5py.h5o.get_info(item.id)
        if (info.fileno, info.addr) in seen:  # links may form a ring
            continue
        seen.add((info.fileno, info.addr))
        if isinstance(item, h5py.Group):
            _visit(item, folder, links, seen)
        elif isinstance(item, h5py.Dataset):
            for name in _data_files(item):
                links.update(_beside(folder, name))


def _data_files(data: h5py.Dataset) -> Iterator[str]:
    plist = data.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        yield from {source.file_name for source in data.virtual_sources()} - {"."}
    for number in range(plist.get_external_count()):
        yield os.fsdecode(plist.get_external(number)[0])


def _beside(folder: Path, name: str) -> list[str]:
    """The file that one in `folder` names, where HDF5 looks for it; all these places if none is."""
    path = Path(name)
    places = [path, folder / path.name] if path.is_absolute() else [folder / path, path]
    there = next((place for place in places if place.is_file()), None)
    return [str(place) for place in places] if there is None else [str(there)]
