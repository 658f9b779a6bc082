"""Feature files: what a temporal network reads of every frame of a sequence, as HDF5.

``entry/features`` is (n, F) float32; its attribute ``columns`` names the groups of columns and
their sizes as JSON. Beside it are ``logits`` (n, T), which are NaN without a network, ``profile``
(n, 64) and ``time`` (n,), NaN where it is not known. The root names the ``source`` and the
``models`` (JSON: hash of the weights by view): a new network makes new features.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xscatter.core.shards import new_shard, open_shard, problem

FEATURES = "entry/features"
_LOGITS = "entry/logits"
_PROFILE = "entry/profile"
_TIME = "entry/time"


class FeatureFile:
    """An open feature file; make it with :func:`open_features`."""

    def __init__(self, file: h5py.File):
        self._file = file

    @property
    def features(self) -> np.ndarray:
        """(n, F) float32."""
        return self._file[FEATURES][()]

    @property
    def models(self) -> dict[str, str]:
        """Hash of the weights of each network whose logits are among the features, by view."""
        return json.loads(self._file.attrs["models"])

    @property
    def source_sha256(self) -> str:
        """SHA-256 of the file of frames."""
        return str(self._file.attrs["source_sha256"])

    @property
    def checksum(self) -> str:
        """SHA-256 of the content."""
        return str(self._file.attrs["checksum"])

    @property
    def columns(self) -> dict[str, int]:
        """Number of columns of each group, in order."""
        return json.loads(self._file[FEATURES].attrs["columns"])

    @property
    def logits(self) -> np.ndarray:
        """(n, T) float32."""
        return self._file[_LOGITS][()]

    @property
    def profile(self) -> np.ndarray:
        """(n, 64) float32: the radial profile relative to its mean."""
        return self._file[_PROFILE][()]

    @property
    def times(self) -> np.ndarray:
        """(n,) seconds."""
        return self._file[_TIME][()]


def features_path(source: str | Path) -> Path:
    """Return the path of the features of a file of frames, beside it."""
    path = Path(source)
    return path.with_name(f"{path.name.partition('.')[0]}.features.h5")


def are_features_of(path: str | Path, source: str, models: dict[str, str]) -> bool:
    """Return whether `path` is complete and undamaged, from this source by these networks.

    Args:
        path: the feature file.
        source: SHA-256 of the file of frames.
        models: hash of the weights of each network, by view.
    """
    expected: dict[str, Any] = {
        "source_sha256": source,
        "models": json.dumps(models, sort_keys=True),
    }
    return problem(path, **expected) is None


def write_features(
    path: str | Path,
    features: np.ndarray,
    columns: dict[str, int],
    logits: np.ndarray,
    times: Sequence[float],
    source: str,
    models: dict[str, str],
) -> None:
    """Write a feature file, completely or not at all.

    Args:
        path: where it will be.
        features: (n, F).
        columns: number of columns of each group, in order; one of them is the profile.
        logits: (n, T).
        times: (n,) seconds, NaN where not known.
        source: SHA-256 of the file of frames.
        models: hash of the weights of each network, by view.
    """
    first = 0
    for name, size in columns.items():
        if name == "profile":
            break
        first += size
    attributes = {"source_sha256": source, "models": json.dumps(models, sort_keys=True)}
    with new_shard(path, **attributes) as file:
        file[FEATURES] = features.astype(np.float32)
        file[FEATURES].attrs["columns"] = json.dumps(columns)
        file[_LOGITS] = logits.astype(np.float32)
        file[_PROFILE] = features[:, first : first + columns["profile"]].astype(np.float32)
        file[_TIME] = np.asarray(times, np.float64)


@contextmanager
def open_features(path: str | Path, **expected: object) -> Iterator[FeatureFile]:
    """Open a complete feature file for reading; its content is compared with its checksum.

    Args:
        path: the file.
        expected: root attributes and the values that they must have.

    Raises:
        UserError: it is missing, incomplete or damaged.
    """
    with open_shard(path, True, **expected) as file:
        yield FeatureFile(file)
