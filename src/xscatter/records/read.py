"""Read record batches: NumPy views, an iterator in a repeatable order, and a tf.data pipeline.

::

    from xscatter import records

    found = records.open("results/demo/batches")
    found.batches[0][0]["tags"]                         # a record, as stored
    for batch in found.iterate(32, seed=1, epoch=0):    # dict of NumPy arrays, shuffled
        batch["counts"], batch["mask"], batch["coefficients"], batch["tags"], batch["source"]
    found.dataset(32, seed=1, epoch=0)                  # the same as a tf.data.Dataset
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import shards
from xscatter.errors import UserError
from xscatter.records import code, layout
from xscatter.seeds import Purpose, generator

_REQUIRED = ("fields", "record_length", "tags", "test_batch", "batches")


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
            raise UserError(f"{path}: cannot be read ({error}); run `xscatter pack` again") from error
        absent = [key for key in _REQUIRED if key not in self.manifest] if isinstance(self.manifest, dict) else ["all"]
        if absent:
            raise UserError(f"{path}: lacks {', '.join(absent)}; run `xscatter pack` again")
        self.tags: list[str] = self.manifest["tags"]
        self.dtype = layout.dtype_of(self.manifest)
        self.batches = [self._map(entry) for entry in self.manifest["batches"]]
        self._plain = [np.asarray(batch) for batch in self.batches]  # the same memory, without memmap's slow views

    def _map(self, entry: dict[str, Any]) -> np.ndarray:
        path, length = self.folder / entry["file"], entry["records"] * self.dtype.itemsize
        size = path.stat().st_size if path.exists() else None
        if size != length:
            what = "missing" if size is None else f"{size} bytes long, not {length}: truncated or of another study"
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
            if shards.file_sha256(self.folder / entry["file"]) != entry["sha256"]:
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
        parts = [np.stack([np.full(len(self.batches[n]), n), np.arange(len(self.batches[n]))], 1) for n in chosen]
        return np.concatenate(parts).astype(np.int64) if parts else np.zeros((0, 2), np.int64)

    def order(self, seed: int, epoch: int, batches: Sequence[int] | None = None) -> np.ndarray:
        """:meth:`where`, permuted: a pure function of (seed, epoch), so that a run resumes by skipping."""
        found = self.where(batches)
        return found[generator(seed, Purpose.SHUFFLE, epoch, 1).permutation(len(found))]

    def field(self, name: str, where: np.ndarray) -> np.ndarray:
        """One field (n, ...) at `where` (n, 2): batch and row of each record; as stored, writable, contiguous."""
        kind, shape = self.dtype[name].base, self.dtype[name].shape
        out = np.empty((len(where), *shape), kind)
        views = {batch: self._plain[batch][name] for batch in np.unique(where[:, 0]).tolist()}
        for n, (batch, row) in enumerate(where.tolist()):
            out[n] = views[batch][row]
        return out

    def images(self, where: np.ndarray, masked: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Counts float32 (n, rows, cols) and mask bool at `where`; masked pixels hold `masked`. See :meth:`decode`."""
        numbers = np.unique(where[:, 0])
        if len(numbers) == 1:
            return code.decode_rows(self._plain[numbers[0]]["image"], where[:, 1], masked)
        counts = np.empty((len(where), *self.dtype["image"].shape), np.float32)
        mask = np.empty(counts.shape, bool)
        for n, (batch, row) in enumerate(where.tolist()):
            code.decode_into(self._plain[batch]["image"], np.array([row]), counts[n : n + 1], mask[n : n + 1], masked)
        return counts, mask

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
            yield self._step(where[first : first + size], decode)

    def _step(self, where: np.ndarray, decode: bool) -> dict[str, np.ndarray]:
        names = [name for name in self.dtype.names or () if not (decode and name == "image")]
        found = {name: self.field(name, where) for name in names}
        if decode:
            found["counts"], found["mask"] = self.images(where)
        return found

    def dataset(
        self,
        size: int,
        *,
        batches: Sequence[int] | None = None,
        seed: int | None = None,
        epoch: int = 0,
        skip: int = 0,
        decode: bool = True,
    ) -> Any:
        """:meth:`iterate` as a ``tf.data.Dataset`` of known length that reads ahead; same arguments."""
        import tensorflow as tf

        where = self.where(batches) if seed is None else self.order(seed, epoch, batches)
        if not len(where):
            raise UserError(f"{self.folder}: the chosen batches are empty; simulate more experiments")
        example = self._step(where[:1], decode)

        def load(step):
            return list(self._step(where[step * size : (step + 1) * size], decode).values())

        def read(step):
            arrays = tf.numpy_function(load, [step], [x.dtype for x in example.values()], stateful=False)
            for array, x in zip(arrays, example.values(), strict=True):
                array.set_shape((None, *x.shape[1:]))
            return dict(zip(example, arrays, strict=True))

        return tf.data.Dataset.range(skip, -(-len(where) // size)).map(read).prefetch(2)
