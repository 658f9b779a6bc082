"""Experiment shards: the images of one experiment with their tags, instrument and mask, as HDF5.

The layout is that of NeXus, so that silx and other viewers open it:

==================================  ===============================================================
``entry/data/counts``               (n, rows, cols) unsigned; masked pixels hold the largest value
                                    of the type, saturated ones the attribute ``saturation_value``
``entry/instrument/detector/mask``  (rows, cols) bool, True = not usable
``entry/instrument/...``            wavelength, distance, ... with ``units``
``entry/instrument/kinds``          (k,) names of the kinds of instrument, such as "window: circle"
``entry/tags/{names,labels,detectability}``  (T,), (n, T), (n, T)
``entry/parameters``                (n,) JSON: what was drawn, enough to make each image again
==================================  ===============================================================
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from xscatter import pictures
from xscatter.core.masking import marked, masked_value, saturated
from xscatter.core.shards import new_shard, open_shard
from xscatter.geometry import Geometry
from xscatter.store.shard_file import ShardFile

COUNTS_DATASET = "entry/data/counts"
LABELS = "entry/tags/labels"
_DETECTABILITY = "entry/tags/detectability"
_NAMES = "entry/tags/names"
_MASK = "entry/instrument/detector/mask"
_INSTRUMENT = "entry/instrument"
_PARAMETERS = "entry/parameters"
# Names in the shard are those of the fields of Geometry.
_GEOMETRY = ("wavelength", "distance", "pixel_size", "rot1", "rot2")


class ExperimentFile(ShardFile):
    """An open experiment shard; make it with :func:`open_experiment`.

    Attributes:
        dataset: the counts (n, rows, cols) as HDF5 holds them, with masked and saturated values.
        saturation: counts from which a pixel is saturated; None where the file does not name them.

    Example:
        >>> from xscatter import Study, open_experiment, simulate_experiment
        >>> study = Study(name="small", simulate={"images": 2, "size": 64})
        >>> simulate_experiment(study, 0, "00000.h5")
        >>> with open_experiment("00000.h5") as experiment:
        ...     labels = dict(zip(experiment.tags(), experiment.labels[0], strict=True))
        >>> labels["CeO2"] in (0, 1)
        True
    """

    def __init__(self, file: h5py.File):
        super().__init__(file, COUNTS_DATASET)
        self.saturation: int | None = self.dataset.attrs.get("saturation_value")

    @cached_property
    def mask(self) -> np.ndarray:
        """(rows, cols) bool, True = not usable in any image."""
        return self._file[_MASK][()].astype(bool)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return self.dataset.shape[1:]

    @property
    def center(self) -> tuple[float, float]:
        """Beam centre (row, column) in pixels, pixel centres at integers."""
        row, col = (float(value) for value in self._file[_INSTRUMENT]["beam_center"][()])
        return row, col

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of instrument, in alphabetical order; empty in earlier files."""
        names = self._file[_INSTRUMENT].get("kinds")
        return () if names is None else tuple(name.decode() for name in names[()])

    @property
    def geometry(self) -> Geometry:
        """Where the pixels are."""
        instrument = self._file[_INSTRUMENT]
        return Geometry(
            center=self.center, **{name: float(instrument[name][()]) for name in _GEOMETRY}
        )

    def counts(self, image: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return counts, mask (True = not usable) and saturated pixels of one image.

        All are (rows, cols). Masked pixels keep the value that marks them in the counts.
        """
        counts = self.dataset[int(image)]
        mask = self.mask | marked(counts)
        return counts, mask, saturated(counts, mask, self.saturation)

    def tags(self) -> list[str]:
        """Return the names of the tags, T."""
        return [name.decode() for name in self._file[_NAMES][()]]

    @property
    def labels(self) -> h5py.Dataset:
        """(n, T) uint8, 0 or 1; index it to read."""
        return self._file[LABELS]

    @property
    def detectability(self) -> h5py.Dataset:
        """(n, T) float32, d' of each tag; NaN where it has no meaning; index it to read."""
        return self._file[_DETECTABILITY]

    def parameters(self, image: int) -> dict[str, Any]:
        """Return what was drawn for one image."""
        return json.loads(self._file[_PARAMETERS][int(image)])

    def picture(self, image: int, title: str = "") -> pictures.Panel:
        """Return one image, ready to be drawn, under `title`."""
        counts, mask, _ = self.counts(image)
        saturation = None if self.saturation is None else float(self.saturation)
        return pictures.Panel(counts, mask, self.geometry, saturation, title)


@contextmanager
def open_experiment(path: str | Path, **expected: object) -> Iterator[ExperimentFile]:
    """Open a complete experiment shard for reading.

    Args:
        path: the shard, such as ``results/demo/experiments/00000.h5``.
        expected: root attributes and the values that they must have, such as ``study_hash``.

    Raises:
        UserError: it is missing, incomplete, damaged, or of another study.

    Example:
        >>> from xscatter import Study, open_experiment, simulate_experiment
        >>> study = Study(name="small", simulate={"images": 2, "size": 64})
        >>> simulate_experiment(study, 0, "00000.h5")
        >>> with open_experiment("00000.h5") as experiment:
        ...     counts, mask, saturated = experiment.counts(0)
        >>> counts.shape, mask.shape
        ((64, 64), (64, 64))
    """
    with open_shard(path, **expected) as file:
        yield ExperimentFile(file)


class ExperimentWriter:
    """An experiment shard being written: one image after the other, then :meth:`finish`."""

    def __init__(self, file: h5py.File, images: int, size: int, saturation: int):
        """Make the datasets of an experiment.

        Args:
            file: the new shard, empty.
            images: number of images.
            size: image side in pixels.
            saturation: count from which a pixel is saturated.
        """
        self._entry = _group(file, "entry", "NXentry", default="data")
        data = _group(self._entry, "data", "NXdata", signal="counts")
        shape = (images, size, size)
        self.counts = data.create_dataset(
            "counts",
            shape,
            np.uint32,
            # One chunk an image: images are read and checked one by one.
            chunks=(1, size, size),
            # Most pixels hold few counts: shuffled bits compress well, and LZ4 is quick to read.
            compression=hdf5plugin.Bitshuffle(cname="lz4"),
        )
        self.counts.attrs["saturation_value"] = np.uint32(saturation)
        # For readers that do not know xscatter.
        self.counts.attrs["masked_value"] = masked_value(self.counts.dtype)

    def finish(
        self,
        names: Sequence[str],
        labels: np.ndarray,
        detectability: np.ndarray,
        parameters: Sequence[dict[str, Any]],
        mask: np.ndarray,
        instrument: dict[str, tuple[Any, str]],
        detector: str,
        settings: dict[str, Any],
        kinds: Sequence[str],
    ) -> None:
        """Write everything but the images.

        Args:
            names: of the tags, T.
            labels: (n, T) uint8, 0 or 1.
            detectability: (n, T) float32.
            parameters: of each image, plain values.
            mask: (rows, cols) bool, True = not usable.
            instrument: value and unit of each quantity, by name.
            detector: its layout.
            settings: everything that was drawn for the experiment, plain values.
            kinds: names of the kinds of its instrument.
        """
        group = _group(self._entry, "tags", "NXcollection")
        group["names"] = np.array([name.encode() for name in names])
        group["labels"] = labels
        group["detectability"] = detectability
        # As bytes of JSON: scenes have different numbers of features.
        self._entry["parameters"] = np.array([json.dumps(scene).encode() for scene in parameters])
        self._entry["parameters"].attrs["format"] = "JSON, one object for each image"
        place = _group(self._entry, "instrument", "NXinstrument")
        own = _group(place, "detector", "NXdetector")
        own.create_dataset(
            "mask", data=mask, chunks=mask.shape, compression=hdf5plugin.Bitshuffle()
        )
        own["description"] = detector
        for key, (value, units) in instrument.items():
            place[key] = value
            place[key].attrs["units"] = units
        place["kinds"] = np.array([kind.encode() for kind in kinds], "S")
        place["settings"] = json.dumps(settings).encode()

    def group(self, name: str) -> h5py.Group:
        """Return a new group of the entry."""
        return _group(self._entry, name, "NXcollection")


@contextmanager
def new_experiment(
    path: str | Path, images: int, size: int, saturation: int, **attributes: object
) -> Iterator[ExperimentWriter]:
    """Yield the writer of a shard that appears at `path` when the block ends without an error.

    Args:
        path: where the shard will be.
        images: number of images.
        size: pixels on a side.
        saturation: counts from which a pixel is saturated.
        attributes: attributes of the root.
    """
    with new_shard(path, **attributes) as file:
        yield ExperimentWriter(file, images, size, saturation)


def _group(parent: h5py.Group, name: str, kind: str, **attributes: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    for key, value in attributes.items():
        group.attrs[key] = value
    return group
