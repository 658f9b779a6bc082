"""Coefficient files: the Fourier-Bessel coefficients of one experiment, as HDF5.

``entry/coefficients`` is (n, angular_orders, radial_orders) complex64, its attributes are the
parameters of the plan and the confidence of its beam centre. Beside it are, for each image,
``masked_fraction``, ``not_finite`` and ``flags``.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.shards import new_shard, open_shard
from xscatter.store.shard_file import ShardFile

COEFFICIENTS = "entry/coefficients"
# Flags are bits, so that others can be added.
NO_LIVE_PIXEL = 1  # bit of the flags


def is_coefficient_file(path: str | Path) -> bool:
    """Return whether the shard at `path` holds coefficients, not images."""
    with open_shard(path) as file:
        return COEFFICIENTS in file


class CoefficientFile(ShardFile):
    """An open coefficient file; make it with :func:`open_coefficients`.

    Attributes:
        dataset: (n, angular_orders, radial_orders) complex64; index it to read.
        facts: parameters of the plan: beam_center, radius, boundary, counts_transform, ...
    """

    def __init__(self, file: h5py.File):
        super().__init__(file, COEFFICIENTS)
        self.facts: dict[str, Any] = dict(self.dataset.attrs)

    @property
    def center_confidence(self) -> float:
        """Confidence of the beam centre, 0 to 1; 1 where the file holds none: it is exact."""
        return float(self.facts.get("center_confidence", 1.0))

    @property
    def source_checksum(self) -> str:
        """SHA-256 of the experiment shard that the coefficients were made from."""
        return str(self._file.attrs.get("source_checksum"))


@contextmanager
def open_coefficients(path: str | Path, **expected: object) -> Iterator[CoefficientFile]:
    """Open a complete coefficient file for reading.

    Args:
        path: the file, such as ``results/demo/coefficients/00000.h5``.
        expected: root attributes and the values that they must have, such as ``study_hash``.

    Raises:
        UserError: it is missing, incomplete, damaged, or of another study.
    """
    with open_shard(path, **expected) as file:
        yield CoefficientFile(file)


class CoefficientWriter:
    """A coefficient file being written: images in any order; its bytes do not depend on it.

    Args:
        path: where the file appears after :meth:`finish`.
        shape: (n, angular_orders, radial_orders).
        attributes: attributes of the root.
    """

    def __init__(self, path: str | Path, shape: tuple[int, int, int], **attributes: object):
        images = shape[0]
        self.masked_fraction = np.zeros(images, np.float32)
        self.not_finite = np.zeros(images, np.uint32)
        self.flags = np.zeros(images, np.uint8)
        self.written = 0
        self._stack = ExitStack()
        self._file = self._stack.enter_context(new_shard(path, **attributes))
        self._file.create_group("entry").attrs["NX_class"] = "NXentry"
        # Contiguous, so that the bytes of the file do not depend on the order of the blocks.
        self._data = self._file.create_dataset(COEFFICIENTS, shape, np.complex64)

    @property
    def complete(self) -> bool:
        """Whether all images were written."""
        return self.written == len(self._data)

    def write(
        self,
        start: int,
        coefficients: np.ndarray,
        masked_fraction: np.ndarray,
        not_finite: np.ndarray,
    ) -> None:
        """Store the coefficients of some images.

        Args:
            start: number of the first image.
            coefficients: (n, angular_orders, radial_orders).
            masked_fraction: (n,) fraction of the disk that is not on live pixels.
            not_finite: (n,) number of pixels that are NaN or infinite.
        """
        images = slice(start, start + len(coefficients))
        self._data[images] = coefficients
        self.masked_fraction[images] = masked_fraction
        self.not_finite[images] = not_finite
        self.flags[images] = NO_LIVE_PIXEL * (masked_fraction >= 1)
        # Counted, since blocks come in any order; each image comes once.
        self.written += len(coefficients)

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the parameters of the plan, `facts`, and give the file its name."""
        for key, value in facts.items():
            self._data.attrs[key] = value
        # Kept in memory until now, so that the order of the blocks does not show in the file.
        for key in ("masked_fraction", "not_finite", "flags"):
            self._file[f"entry/{key}"] = getattr(self, key)
        bits = "1: no live pixel in the disk, the coefficients are NaN"
        self._file["entry/flags"].attrs["bits"] = bits
        self._stack.close()

    def discard(self) -> None:
        """Give up: remove the file."""
        try:
            # An error inside the block makes the writer remove its file.
            with self._stack:
                raise UserError("given up")
        except UserError:
            pass
