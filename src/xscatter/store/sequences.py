"""Sequence files: an experiment shard whose images are frames in time, with what happens in it.

Beside all that an experiment shard has (`store/experiments.py`):

==================================  ===============================================================
``entry/data/time``                 (n,) seconds since the first frame
``entry/data/<covariate>``          (n,) controlled by the user, such as temperature
``entry/processes/names``           (P,) the processes, in the order of `processes.py`
``entry/processes/labels``          (P,) uint8; beside it ``detectability`` (D) and ``contrast``
``entry/processes/progress``        (n, P) X in [0, 1]; NaN: absent
``entry/processes/spans``           (k,) process, begin, end, seen, open
``entry/quantities/...``            ``names`` (Q,), ``units``, ``values`` (n, Q), ``least_errors``
``entry/law``                       JSON: the timeline, enough to make the sequence again
==================================  ===============================================================
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import processes
from xscatter.core.shards import new_shard, open_shard
from xscatter.store.experiments import ExperimentFile, ExperimentWriter

TIME = "entry/data/time"
PROCESS_LABELS = "entry/processes/labels"
_DATA = "entry/data"
_PROCESSES = "entry/processes"
_QUANTITIES = "entry/quantities"
_LAW = "entry/law"
SPAN = np.dtype([("process", "i4"), ("begin", "i4"), ("end", "i4"), ("seen", "i4"), ("open", "u1")])
Columns = Mapping[str, tuple[str, np.ndarray]]  # unit and values (n,), by name


class SequenceFile(ExperimentFile):
    """An open sequence; make it with :func:`open_sequence`. Frames are read as images are.

    Example:
        >>> from xscatter import Study, open_sequence, simulate_sequence
        >>> study = Study(name="small", simulate={"size": 64}, sequence={"frames": 8})
        >>> simulate_sequence(study, 1, "00001.h5")
        >>> with open_sequence("00001.h5") as sequence:
        ...     counts, mask, saturated = sequence.counts(0)
        ...     counts.shape, sequence.times.shape
        ((64, 64), (8,))
    """

    @property
    def sequence(self) -> int:
        """Number of the sequence in its study."""
        return int(self._file.attrs["sequence"])

    @property
    def times(self) -> np.ndarray:
        """Seconds since the first frame (n,)."""
        return self._file[TIME][()]

    @property
    def covariates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Unit and values (n,) of what the user controls, by name."""
        data = self._file[_DATA]
        return {
            name: (str(data[name].attrs["units"]), data[name][()])
            for name in data
            if name not in ("counts", "time")
        }

    def processes(self) -> list[str]:
        """Return the names of the processes, P."""
        return [name.decode() for name in self._file[_PROCESSES]["names"][()]]

    @property
    def process_labels(self) -> np.ndarray:
        """(P,) uint8, 0 or 1."""
        return self._file[PROCESS_LABELS][()]

    @property
    def process_detectability(self) -> np.ndarray:
        """(P,) float32, D; 0 where nothing of the kind happens, NaN where it has no meaning."""
        return self._file[_PROCESSES]["detectability"][()]

    @property
    def process_contrast(self) -> np.ndarray:
        """(P,) float32."""
        return self._file[_PROCESSES]["contrast"][()]

    @property
    def progress(self) -> np.ndarray:
        """(n, P) float32, X in [0, 1]; NaN: absent."""
        return self._file[_PROCESSES]["progress"][()]

    @property
    def spans(self) -> np.ndarray:
        """(k,) of `SPAN`: process, begin, end, seen (-1: never), open."""
        return self._file[_PROCESSES]["spans"][()]

    @property
    def quantities(self) -> dict[str, tuple[str, np.ndarray]]:
        """Unit and values (n,) of every quantity that changes, by name."""
        group = self._file[_QUANTITIES]
        names, units = ([text.decode() for text in group[key][()]] for key in ("names", "units"))
        return dict(zip(names, zip(units, group["values"][()].T, strict=True), strict=True))

    @property
    def least_errors(self) -> dict[str, np.ndarray]:
        """Least error (n,) that an ideal fit of a frame could have, of each of the quantities."""
        errors = self._file[_QUANTITIES]["least_errors"][()]
        return dict(zip(self.quantities, errors.T, strict=True))

    @property
    def law(self) -> dict[str, Any]:
        """The timeline as it was drawn."""
        return json.loads(self._file[_LAW][()])


@contextmanager
def open_sequence(path: str | Path, **expected: object) -> Iterator[SequenceFile]:
    """Open a complete sequence for reading.

    Args:
        path: the file, such as ``results/demo/sequences/00000.h5``.
        expected: root attributes and the values that they must have, such as ``study_hash``.

    Raises:
        UserError: it is missing, incomplete, damaged, or of another study.

    Example:
        >>> from xscatter import Study, open_sequence, simulate_sequence
        >>> study = Study(name="small", simulate={"size": 64}, sequence={"frames": 8})
        >>> simulate_sequence(study, 0, "00000.h5")
        >>> with open_sequence("00000.h5") as sequence:
        ...     sequence.progress.shape == (8, len(sequence.processes()))
        True
    """
    with open_shard(path, **expected) as file:
        yield SequenceFile(file)


class SequenceWriter(ExperimentWriter):
    """A sequence being written: frames one after the other, `finish`, then :meth:`happened`."""

    def happened(
        self,
        times: np.ndarray,
        covariates: Columns,
        judged: Mapping[str, np.ndarray],
        spans: np.ndarray,
        quantities: Columns,
        least_errors: Mapping[str, np.ndarray],
        law: dict[str, Any],
    ) -> None:
        """Write all that concerns time.

        Args:
            times: seconds (n,).
            covariates: unit and values, by name.
            judged: labels, detectability and contrast (P,), progress (n, P), by name.
            spans: (k,) of `SPAN`.
            quantities: unit and values, by name.
            least_errors: (n,) of each quantity, by name.
            law: the timeline, plain values.
        """
        data = self._entry["data"]
        for name, (unit, values) in {"time": ("s", times), **covariates}.items():
            data[name] = values
            data[name].attrs["units"] = unit
        data.attrs["axes"] = ["time", ".", "."]
        group = self.group("processes")
        group["names"] = np.array([name.encode() for name in processes.NAMES])
        for name, values in judged.items():
            group[name] = values
        group["spans"] = spans
        group = self.group("quantities")
        group["names"] = np.array([name.encode() for name in quantities], "S")
        group["units"] = np.array([_unit(unit) for unit, _ in quantities.values()], "S")
        for key, columns in (
            ("values", [values for _, values in quantities.values()]),
            ("least_errors", [least_errors[name] for name in quantities]),
        ):
            group[key] = np.array(columns, np.float32).reshape(len(columns), len(times)).T
        self._entry["law"] = json.dumps(law).encode()


def _unit(text: str) -> bytes:
    """Return a unit as bytes; HDF5 has no fixed-length text without a character."""
    return text.encode() or b"1"


@contextmanager
def new_sequence(
    path: str | Path, frames: int, size: int, saturation: int, **attributes: object
) -> Iterator[SequenceWriter]:
    """Yield the writer of a sequence that appears at `path` when the block ends without an error.

    Args:
        path: where the file will be.
        frames: number of frames.
        size: pixels on a side.
        saturation: counts from which a pixel is saturated.
        attributes: attributes of the root.
    """
    with new_shard(path, **attributes) as file:
        yield SequenceWriter(file, frames, size, saturation)
