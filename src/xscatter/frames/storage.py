"""Find what of an HDF5 dataset was never stored or is damaged; HDF5 itself reads zeros for it."""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames.heaps import check_heaps
from xscatter.frames.lz4 import BITSHUFFLE, LZ4, is_sound

NEVER = "never written; the scan was stopped, or is still running"
_DEEPEST = 8  # virtual datasets of virtual datasets
_CACHE = 2**25  # bytes of decoded chunks: several frames may share one
_ENDLESS = 2**62
_MOST_OPEN = 16  # files of one: a system allows a thousand


def open_file(path: Any, swmr: bool = False) -> h5py.File:
    """Open an HDF5 file so that whoever writes it is not disturbed, as far as it is written.

    Raises:
        UserError: it is being written in a way that nobody may read meanwhile, or damaged.
    """
    check_heaps(path)
    try:
        # A lock would make the writer fail, and some file systems have none.
        return h5py.File(path, "r", locking=False, swmr=swmr, rdcc_nbytes=_CACHE)
    except OSError as error:
        if "already open for write" not in str(error):
            raise
    try:
        return h5py.File(path, "r", locking=False, swmr=True, rdcc_nbytes=_CACHE)
    except OSError as error:
        raise UserError(
            f"{path}: is being written, and can be read when its writer has closed it or switched "
            "on SWMR"
        ) from error


class StoredFrames:
    """The frames of a dataset, as far as they are stored.

    Args:
        data: (rows, cols), or any number of axes before these.
        depth: how many virtual datasets lead here.
    """

    def __init__(self, data: h5py.Dataset, depth: int = 0):
        self.data, self._depth = data, depth
        plist = data.id.get_create_plist()
        self._layout = plist.get_layout()
        self._sources = data.virtual_sources() if self._layout == h5py.h5d.VIRTUAL else []
        self._bounds = _bounds(self._sources, data.ndim)
        self._opened: dict[tuple[str, str], StoredFrames | str] = {}
        self._filter: tuple[int, tuple[int, ...]] | None = None
        self._complete = False
        self._sound: list[int] | None = None  # the place of the chunks that were looked at last
        if self._layout == h5py.h5d.CHUNKED:
            filters = [plist.get_filter(n) for n in range(plist.get_nfilters())]
            # The last one is undone first; those before it may change the length again.
            self._filter = (filters[-1][0], filters[-1][2]) if filters else None
            pieces = [-(-n // c) for n, c in zip(data.shape, data.chunks, strict=True)]
            self._complete = data.id.get_num_chunks() == int(np.prod(pieces))
        self._external = (
            [plist.get_external(n) for n in range(plist.get_external_count())]
            if self._layout == h5py.h5d.CONTIGUOUS
            else []
        )

    def lacks(self, place: tuple[int, ...]) -> str:
        """Return why the frame at `place` of the leading axes cannot be read; "" if it can."""
        if self._layout == h5py.h5d.VIRTUAL:
            return self._lacks_source(place)
        if self._layout == h5py.h5d.CHUNKED:
            return self._lacks_chunk(place)
        if self._layout == h5py.h5d.CONTIGUOUS:
            for name, offset, size in self._external:
                path = self._beside(os.fsdecode(name))
                if path is None or path.stat().st_size < offset + size:
                    return f"its data in {os.fsdecode(name)} are missing"
            if not self._external and self.data.id.get_offset() is None:
                return NEVER
        return ""

    def _lacks_chunk(self, place: tuple[int, ...]) -> str:
        data, chunks = self.data, self.data.chunks
        suspicious = self._filter is not None and self._filter[0] in (BITSHUFFLE, LZ4)
        if self._complete and not suspicious:
            return ""
        first = [p // c * c for p, c in zip(place, chunks, strict=False)]
        if first == self._sound:  # several frames share a chunk
            return ""
        missing = stored = 0
        for row in range(0, data.shape[-2], chunks[-2]):
            for col in range(0, data.shape[-1], chunks[-1]):
                where = (*first, row, col)
                info = data.id.get_chunk_info_by_coord(where)
                if info.byte_offset is None:
                    missing += 1
                    continue
                stored += 1
                if suspicious and not info.filter_mask and not self._is_sound(where):
                    return "its compressed data are damaged; copy the file again"
        if missing and stored:
            return f"a part of it was {NEVER}"
        self._sound = None if missing else first
        return NEVER if missing else ""

    def _is_sound(self, where: tuple[int, ...]) -> bool:
        assert self._filter is not None
        _, chunk = self.data.id.read_direct_chunk(where)
        length = int(np.prod(self.data.chunks)) * self.data.dtype.itemsize
        return is_sound(*self._filter, chunk, length)

    def _lacks_source(self, place: tuple[int, ...]) -> str:
        lead = len(place)
        first, last, begin = (bound[:, :lead] for bound in self._bounds)
        covers = np.flatnonzero(((first <= place) & (place <= last)).all(axis=1))
        for number in covers:
            source = self._sources[number]
            inner = self._source(source.file_name, source.dset_name)
            if isinstance(inner, str):
                return inner
            shift = np.array(place, int) - first[number] + begin[number]
            inside = tuple(map(int, shift)) if inner.data.ndim == self.data.ndim else ()
            if any(p >= n for p, n in zip(inside, inner.data.shape, strict=False)):
                return NEVER
            reason = inner.lacks(inside)
            if reason:
                return reason
        return "" if len(covers) else NEVER

    def _source(self, name: str, dataset: str) -> "StoredFrames | str":
        """The dataset of a virtual one, or why there is none."""
        key = (name, dataset)
        if key not in self._opened:
            if len(self._opened) == _MOST_OPEN:
                self.close()
            self._opened[key] = self._open_source(name, dataset)
        return self._opened[key]

    def close(self) -> None:
        """Close the files of a virtual dataset; they are opened again when they are needed."""
        for source in self._opened.values():
            if isinstance(source, StoredFrames):
                source.close()
                if source.data.file.filename != self.data.file.filename:
                    source.data.file.close()
        self._opened.clear()

    def _open_source(self, name: str, dataset: str) -> "StoredFrames | str":
        path = Path(self.data.file.filename) if name == "." else self._beside(name)
        if path is None or self._depth == _DEEPEST:
            return f"its data are in {name}, which is missing; keep the files of a series together"
        file = self.data.file
        if name != ".":
            file = open_file(path, swmr=self.data.file.swmr_mode)
        item = file.get(dataset)
        if not isinstance(item, h5py.Dataset) or item.ndim < 2:
            return f"its data are in {name}::{dataset}, which is missing"
        return StoredFrames(item, self._depth + 1)

    def _beside(self, name: str) -> Path | None:
        """The file that another one names: as HDF5 looks for it, there, beside it, or here."""
        path, folder = Path(name), Path(os.fsdecode(self.data.file.filename)).parent
        places = [path, folder / path.name] if path.is_absolute() else [folder / path, path]
        return next((place for place in places if place.is_file()), None)


def _bounds(sources: list[Any], ndim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first and last places (n, ndim) that sources fill, and where these begin in them."""
    own = [_selected(source.vspace, ndim) for source in sources]
    inner = [_selected(source.src_space, ndim)[0] for source in sources]
    # A source of fewer axes holds one frame.
    begin = [place if len(place) == ndim else (0,) * ndim for place in inner]
    first, last, start = (
        np.array(places, np.int64).reshape(-1, ndim)
        for places in ([low for low, _ in own], [high for _, high in own], begin)
    )
    return first, last, start


def _selected(space: Any, ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The first and the last place of a selection."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return (0,) * ndim, (_ENDLESS,) * ndim
    try:
        return space.get_select_bounds()
    except RuntimeError:  # it grows without end
        start, _, _, _ = space.get_regular_hyperslab()
        return tuple(start), (_ENDLESS,) * len(start)
