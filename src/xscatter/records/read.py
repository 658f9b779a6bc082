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

    def take(self, where: np.ndarray) -> np.ndarray:
        """Records (n,) of :attr:`dtype` at `where` (n, 2): batch and row of each."""
        out = np.empty(len(where), self.dtype)
        for n, (batch, row) in enumerate(where):
            out[n] = self.batches[batch][row]
        return out

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
            records = self.take(where[first : first + size])
            found = {name: np.ascontiguousarray(records[name]) for name in self.dtype.names if name != "image"}
            if decode:
                found["counts"], found["mask"] = code.decode(records["image"])
            else:
                found["image"] = np.ascontiguousarray(records["image"])
            yield found

    def dataset(self, size: int, **options: Any) -> Any:
        """:meth:`iterate` as a ``tf.data.Dataset`` of known length that reads ahead; same arguments."""
        import tensorflow as tf

        first = next(self.iterate(size, **{**options, "skip": 0}), None)
        if first is None:
            raise UserError(f"{self.folder}: the chosen batches are empty; simulate more experiments")
        signature = {name: tf.TensorSpec((None, *x.shape[1:]), x.dtype) for name, x in first.items()}
        steps = -(-len(self.where(options.get("batches"))) // size) - options.get("skip", 0)
        made = tf.data.Dataset.from_generator(lambda: self.iterate(size, **options), output_signature=signature)
        return made.apply(tf.data.experimental.assert_cardinality(max(steps, 0))).prefetch(2)
