"""Frames whose facts are in metadata: plain values by name, as Tiled and Bluesky keep them.

Names, units and limits are those of NeXus files: the metadata are copied into a file in memory, and
read as such a file is. A text in the metadata may also be a PONI file.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np

from xscatter.frames import Frame, Unreadable
from xscatter.frames.frame import Raw, Reader
from xscatter.frames.hdf5 import FrameFacts, times_in
from xscatter.frames.reading import read_from

_DEEPEST = 8  # values in values
_UNITS = ("_units", "_unit", "@units")  # endings of the key that names the units of another
_PONI = ("poni1:", "poni2:", "distance:")
_FRAMES = "the frames"  # stands for them in the file; no metadata are called so


class DescribedFrames:
    """Frames in memory, with the facts that metadata hold about them.

    Args:
        name: of what they belong to, for tables and messages.
        shape: (n, rows, cols) of all of them.
        metadata: about them; what is in the first ones goes before the others.
        times: of each of them, in seconds; None: as the metadata tell.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int],
        metadata: Sequence[Mapping[str, Any]],
        times: np.ndarray | None = None,
    ):
        self._name, self._count = name, shape[0]
        texts = chain.from_iterable(_texts(values, 0) for values in metadata)
        self._poni = next((text for text in texts if _is_poni(text)), None)
        # "core": in memory alone; two files of one name cannot be open. Facts are looked for in the
        # order of names.
        self._file = h5py.File(f"{uuid4()}.h5", "w", driver="core", backing_store=False)
        entry = self._file.create_group("entry")
        for number, values in enumerate(metadata):
            _copy(values, entry.create_group(f"{number:02d}"), 0)
        times = times_in(self._file) if times is None else times
        # A single time of many frames is that of a run, not of its first frame.
        self._times = None if times is None or len(times) < self._count else times
        beside = entry["00"] if metadata else entry
        frames = beside.create_dataset(_FRAMES, shape, np.uint8, chunks=(1, *shape[1:]))
        self._facts = FrameFacts(self._file, frames, Path(name))

    def read(
        self, block: range, data: np.ndarray, options: Mapping[str, Any]
    ) -> Iterator[Frame | Unreadable]:
        """Yield frames, treated like those of a file.

        Args:
            block: their numbers.
            data: (n, rows, cols), as they are stored.
            options: of :func:`xscatter.frames.read`, which go before the metadata.
        """

        def raw(number: int) -> Raw:
            facts = self._facts
            mask, geometry = facts.mask(number), facts.geometry(number)
            return Raw(data[number - block.start], mask, facts.saturation, geometry)

        reader = Reader(self._name, self._count, raw)
        for frame in self._read(reader, block, options):
            if self._times is not None and isinstance(frame, Frame):
                frame = replace(frame, time=float(self._times[frame.index]))
            yield frame

    def _read(
        self, reader: Reader, block: range, options: Mapping[str, Any]
    ) -> Iterator[Frame | Unreadable]:
        if self._poni is None or options.get("poni") is not None:
            yield from read_from(reader, block, **options)
            return
        with tempfile.NamedTemporaryFile("w", suffix=".poni") as file:
            file.write(self._poni)
            file.flush()
            for frame in read_from(reader, block, **{**options, "poni": file.name}):
                if isinstance(frame, Unreadable):
                    reason = frame.reason.replace(file.name, f"{self._name}: its PONI text")
                    frame = Unreadable(frame.source, frame.index, reason)
                yield frame


def _is_poni(text: str) -> bool:
    lines = [line.strip().lower() for line in text.splitlines()]
    return all(any(line.startswith(key) for line in lines) for key in _PONI)


def _texts(value: Any, depth: int) -> Iterable[str]:
    """Yield the texts in metadata, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth < _DEEPEST:
        for one in value.values():
            yield from _texts(one, depth + 1)


def _copy(values: Mapping[str, Any], group: h5py.Group, depth: int) -> None:
    """Copy the numbers of metadata into a group, with their units."""
    for key, value in values.items():
        name = str(key).replace("/", "_").lstrip(".")
        if not name or name in group:
            continue
        if isinstance(value, Mapping) and "value" in value:
            units = value.get("units", value.get("unit", ""))
            _store(group, name, value["value"], units)
        elif isinstance(value, Mapping):
            if depth < _DEEPEST:
                _copy(value, group.create_group(name), depth + 1)
        else:
            units = next((values[key + end] for end in _UNITS if key + end in values), "")
            _store(group, name, value, units)


def _store(group: h5py.Group, name: str, value: Any, units: Any) -> None:
    try:
        numbers = np.asarray(value)
    except ValueError:  # lists of unequal lengths
        return
    if numbers.dtype.kind in "iuf" and numbers.size:
        dataset = group.create_dataset(name, data=numbers)
        if isinstance(units, str) and units:
            dataset.attrs["units"] = units
