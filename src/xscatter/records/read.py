"""Read record batches: NumPy views, and an iterator in a repeatable order.

::

    from xscatter import records

    found = records.open("results/demo/batches")
    found.batches[0][0]["tags"]                         # a record, as stored
    for batch in found.iterate(32, seed=1, epoch=0):    # dict of NumPy arrays, shuffled
        batch["counts"], batch["mask"], batch["coefficients"], batch["tags"], batch["source"]
"""

import json
import math
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import file_sha256
from xscatter.core.seeds import Purpose, generator
from xscatter.records import code, layout

_REQUIRED = ("fields", "record_length", "tags", "test_batch", "batches")
_LARGE = 2**16  # bytes from which memory is kept for the next step


def open(folder: str | Path, verify: bool = False) -> "Records":
    """Open the batches below `folder`; `verify` compares every byte with its checksum first.

    Raises:
        UserError: records.json is missing or damaged; a batch is missing, truncated or changed.
    """
    found = Records(folder)
    if verify:
        found.verify()
    return found


class Records:
    """The record batches of a study.

    Attributes:
        folder: where they lie.
        manifest: content of records.json.
        tags: names of the tags, T.
        dtype: structured type of one record.
        batches: one memory map a batch, (records,) of `dtype`: only what is touched is read.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        path = self.folder / "records.json"
        try:
            self.manifest: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise UserError(f"{path}: missing; run `xscatter pack` first") from error
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path}: cannot be read ({error}); run `xscatter pack` again"
            ) from error
        absent = (
            [key for key in _REQUIRED if key not in self.manifest]
            if isinstance(self.manifest, dict)
            else ["all"]
        )
        if absent:
            raise UserError(f"{path}: lacks {', '.join(absent)}; run `xscatter pack` again")
        try:
            self.tags: list[str] = self.manifest["tags"]
            self.dtype = layout.dtype_of(self.manifest)
            self.batches = [self._map(entry) for entry in self.manifest["batches"]]
            if not 0 <= self.test_batch < len(self.batches):
                raise ValueError(f"there is no batch {self.test_batch}")
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: is damaged ({error}); run `xscatter pack` again") from error
        self._memory = _Memory()
        self._plain = [
            np.asarray(batch) for batch in self.batches
        ]  # the same memory, without memmap's slow views

    def _map(self, entry: dict[str, Any]) -> np.ndarray:
        path, length = self.folder / entry["file"], entry["records"] * self.dtype.itemsize
        size = path.stat().st_size if path.exists() else None
        if size != length:
            what = (
                "missing"
                if size is None
                else f"{size} bytes long, not {length}: truncated or of another study"
            )
            raise UserError(f"{path}: {what}; run `xscatter pack` again")
        if not length:
            return np.zeros(0, self.dtype)
        return np.memmap(path, self.dtype, "r")

    def __repr__(self) -> str:
        count = sum(map(len, self.batches))
        return f"Records({str(self.folder)!r}: {count} records in {len(self.batches)} batches)"

    def verify(self) -> None:
        """Compare every batch with its checksum.

        Raises:
            UserError: a batch has changed since it was packed.
        """
        for entry in self.manifest["batches"]:
            if file_sha256(self.folder / entry["file"]) != entry["sha256"]:
                raise UserError(
                    f"{self.folder / entry['file']}: does not match its sha256 in records.json; delete it and run "
                    "`xscatter pack` again"
                )

    @property
    def test_batch(self) -> int:
        """Number of the batch that no training may see."""
        return self.manifest["test_batch"]

    @property
    def training_batches(self) -> list[int]:
        """Numbers of all other batches."""
        return [n for n in range(len(self.batches)) if n != self.test_batch]

    @staticmethod
    def decode(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Counts float32 and mask bool (True = not usable) of images as stored, (..., rows, cols)."""
        return code.decode(codes)

    def where(self, batches: Sequence[int] | None = None) -> np.ndarray:
        """Batch and row (n, 2) int64 of every record of `batches` (default: training), in stored order."""
        chosen = self.training_batches if batches is None else batches
        parts = [
            np.stack([np.full(len(self.batches[n]), n), np.arange(len(self.batches[n]))], 1)
            for n in chosen
        ]
        return np.concatenate(parts).astype(np.int64) if parts else np.zeros((0, 2), np.int64)

    def order(self, seed: int, epoch: int, batches: Sequence[int] | None = None) -> np.ndarray:
        """:meth:`where`, permuted: a pure function of (seed, epoch), so that a run resumes by skipping."""
        found = self.where(batches)
        return found[generator(seed, Purpose.SHUFFLE, epoch, 1).permutation(len(found))]

    def field(self, name: str, where: np.ndarray) -> np.ndarray:
        """One field (n, ...) at `where` (n, 2): batch and row of each record; as stored, writable, contiguous."""
        out = self._memory.empty((len(where), *self.dtype[name].shape), self.dtype[name].base)
        views = {batch: self._plain[batch][name] for batch in np.unique(where[:, 0]).tolist()}
        for n, (batch, row) in enumerate(where.tolist()):
            out[n] = views[batch][row]
        return out

    def counts(
        self, where: np.ndarray, masked: float = 0.0, mask: np.ndarray | None = None
    ) -> np.ndarray:
        """Counts float32 (n, rows, cols) at `where` (n, 2); masked pixels hold `masked`. See :meth:`decode`.

        `mask` bool (n, rows, cols), if given, becomes True where a pixel is masked.
        """
        shape, offset = self.dtype["image"].shape, self.dtype.fields["image"][1]  # type: ignore[index]
        counts = self._memory.empty((len(where), *shape), np.dtype(np.float32))
        flat = (
            counts.reshape(len(where), -1),
            None if mask is None else mask.reshape(len(where), -1),
        )
        if (
            self.dtype.itemsize % 2 or offset % 2
        ):  # no file of ours; the loop needs whole pixels from the first byte on
            codes, places = self.field("image", where).reshape(-1), np.arange(len(where))
            code.decode_into(codes, places * flat[0].shape[1], places, *flat, masked)
            return counts
        for batch in np.unique(where[:, 0]).tolist():
            places = np.flatnonzero(where[:, 0] == batch)
            starts = (where[places, 1] * self.dtype.itemsize + offset) // 2
            code.decode_into(self._plain[batch].view(code.DTYPE), starts, places, *flat, masked)
        return counts

    def iterate(
        self,
        size: int,
        *,
        batches: Sequence[int] | None = None,
        seed: int | None = None,
        epoch: int = 0,
        skip: int = 0,
        decode: bool = True,
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield `size` records at a time (the last time fewer), as a dict of arrays (n, ...).

        The arrays are writable and of their own, so that ``torch.from_numpy`` takes them as they are.

        Args:
            size: records in a step.
            batches: numbers of the batches; default: all but the test batch.
            seed: shuffle by (seed, epoch); None: in stored order.
            epoch: number of the pass over the data.
            skip: steps to leave out, to go on where an earlier run stopped.
            decode: give `counts` float32 and `mask` bool; else `image`, the codes as stored.
        """
        where = self.where(batches) if seed is None else self.order(seed, epoch, batches)
        for first in range(skip * size, len(where), size):
            yield self.read(where[first : first + size], decode)

    def read(self, where: np.ndarray, decode: bool = True) -> dict[str, np.ndarray]:
        """Return the records at `where` (n, 2) as a dict of arrays; `decode` as in `iterate`."""
        names = [name for name in self.dtype.names or () if not (decode and name == "image")]
        found = {name: self.field(name, where) for name in names}
        if decode:
            found["mask"] = self._memory.empty(
                (len(where), *self.dtype["image"].shape), np.dtype(bool)
            )
            found["counts"] = self.counts(where, mask=found["mask"])
        return found


class _Memory:
    """Arrays for one step after another, in memory that is used again as soon as nobody holds it.

    To get fresh memory from the system costs several times what it costs to fill it. An array begins at a multiple
    of 64 bytes, so that TensorFlow takes it without a copy.
    """

    def __init__(self) -> None:
        self._kept: deque[np.ndarray] = deque(maxlen=12)  # of a few steps
        self._lock = threading.Lock()  # two pipelines may read at once

    def empty(self, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
        """An array without content."""
        size = math.prod(shape) * kind.itemsize
        with self._lock:
            for raw in self._kept:
                # Held by the deque, by `raw` and by the call: every array that was given away would be one more.
                if len(raw) == size + 63 and sys.getrefcount(raw) == 3:
                    break
            else:
                raw = np.empty(size + 63, np.uint8)
                if size >= _LARGE:
                    self._kept.append(raw)
            start = -raw.ctypes.data % 64
            return raw[start : start + size].view(kind).reshape(shape)
