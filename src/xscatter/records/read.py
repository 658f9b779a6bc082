"""Read record batches: as memory maps, or step by step in a repeatable order."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import file_sha256
from xscatter.core.seeds import Purpose, generator
from xscatter.records import code, layout
from xscatter.records.buffers import Buffers

# Without one of these a batch cannot be read at all.
_REQUIRED = ("fields", "record_length", "tags", "test_batch", "batches")


def open_records(folder: str | Path, verify: bool = False) -> "Records":
    """Open the record batches in `folder`, such as ``results/demo/batches``.

    Args:
        folder: where records.json is.
        verify: compare every batch with its checksum first.

    Raises:
        UserError: records.json is missing or damaged; a batch is missing, truncated or changed.

    Example:
        >>> from pathlib import Path
        >>> from xscatter import open_records
        >>> from xscatter.cli import main
        >>> text = '''
        ... name: tiny
        ... simulate: {experiments: 2, images: 4, size: 32}
        ... transform: {angular_orders: 2, radial_orders: 2}
        ... pack: {batches: 2, test_batch: 1}
        ... '''
        >>> characters = Path("tiny.yaml").write_text(text)
        >>> [main([stage, "tiny.yaml"]) for stage in ("simulate", "transform", "pack")]
        [0, 0, 0]
        >>> records = open_records("results/tiny/batches")
        >>> records
        Records('results/tiny/batches': 8 records in 2 batches)
        >>> records.batches[0]["image"].shape
        (4, 32, 32)
    """
    records = Records(folder)
    if verify:
        records.verify()
    return records


class Records:
    """The record batches of a study; open them with :func:`open_records`.

    Attributes:
        folder: where the batches are.
        manifest: content of records.json.
        tags: names of the tags, T.
        dtype: structured type of one record.
        batches: a memory map for each batch, (records,) of `dtype`: it reads only what is used.

    Example:
        Images are stored as 16-bit codes, of which the largest marks masked pixels:

        >>> import numpy as np
        >>> from xscatter import Records
        >>> counts, mask = Records.decode(np.array([[0, 7, 65535]], np.uint16))
        >>> counts.tolist(), mask.tolist()
        ([[0.0, 7.0, 0.0]], [[False, False, True]])
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
        if not isinstance(self.manifest, dict):
            raise UserError(f"{path}: lacks all keys; run `xscatter pack` again")
        absent = [key for key in _REQUIRED if key not in self.manifest]
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
        self._buffers = Buffers()
        # The same memory, without the slow views of np.memmap.
        self._plain = [np.asarray(batch) for batch in self.batches]

    def _map(self, entry: dict[str, Any]) -> np.ndarray:
        path, length = self.folder / entry["file"], entry["records"] * self.dtype.itemsize
        size = path.stat().st_size if path.exists() else None
        if size is None:
            raise UserError(f"{path}: missing; run `xscatter pack` again")
        if size != length:
            raise UserError(
                f"{path}: {size} bytes long, not {length}: truncated or of another study; "
                "run `xscatter pack` again"
            )
        # An empty file cannot be mapped.
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
                    f"{self.folder / entry['file']}: does not match its sha256 in records.json; "
                    "delete it and run `xscatter pack` again"
                )

    @property
    def test_batch(self) -> int:
        """Number of the batch that no training sees."""
        return self.manifest["test_batch"]

    @property
    def training_batches(self) -> list[int]:
        """Numbers of all other batches."""
        return [n for n in range(len(self.batches)) if n != self.test_batch]

    @property
    def kinds(self) -> dict[int, frozenset[str]]:
        """Kinds of instrument of each experiment; empty in records of earlier versions."""
        kinds = self.manifest.get("kinds", {})
        return {int(number): frozenset(some) for number, some in kinds.items()}

    @staticmethod
    def decode(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return counts float32 and mask bool (True = not usable) of stored images.

        All arrays are (..., rows, cols).
        """
        return code.decode(codes)

    def where(self, batches: Sequence[int] | None = None) -> np.ndarray:
        """Return batch and row (n, 2) int64 of every record of `batches`, in stored order.

        Default: all but the test batch.
        """
        chosen = self.training_batches if batches is None else batches
        parts = [
            np.stack([np.full(len(self.batches[n]), n), np.arange(len(self.batches[n]))], 1)
            for n in chosen
        ]
        return np.concatenate(parts).astype(np.int64) if parts else np.zeros((0, 2), np.int64)

    def order(self, seed: int, epoch: int, batches: Sequence[int] | None = None) -> np.ndarray:
        """Return :meth:`where` in a random order.

        It is a pure function of its arguments, so that a run resumes by skipping steps.

        Args:
            seed: seed of the study.
            epoch: number of the pass over the data.
            batches: numbers of the batches; default: all but the test batch.
        """
        where = self.where(batches)
        return where[generator(seed, Purpose.SHUFFLE, epoch, 1).permutation(len(where))]

    def field(self, name: str, where: np.ndarray) -> np.ndarray:
        """Return the field `name` (n, ...) of the records at `where` (n, 2), batch and row of each.

        It is as stored, writable and contiguous.
        """
        # Memory of earlier steps is used again: new pages would cost more than the copy.
        out = self._buffers.empty((len(where), *self.dtype[name].shape), self.dtype[name].base)
        views = {batch: self._plain[batch][name] for batch in np.unique(where[:, 0]).tolist()}
        for n, (batch, row) in enumerate(where.tolist()):
            out[n] = views[batch][row]
        return out

    def counts(
        self, where: np.ndarray, masked: float = 0.0, mask: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the counts float32 (n, rows, cols) of the images at `where`; see :meth:`decode`.

        Args:
            where: (n, 2) batch and row of each record.
            masked: value of masked pixels.
            mask: (n, rows, cols) bool; if given, it becomes True where a pixel is masked.
        """
        kind, offset = self.dtype.fields["image"][:2]  # type: ignore[index]
        counts = self._buffers.empty((len(where), *kind.shape), np.dtype(np.float32))
        flat = (
            counts.reshape(len(where), -1),
            None if mask is None else mask.reshape(len(where), -1),
        )
        if self.dtype.itemsize % 2 or offset % 2:
            # Not packed by us: an image may begin between two of the loop's two-byte words.
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

        The arrays are writable and independent, so that ``torch.from_numpy`` accepts them directly.

        Args:
            size: records in a step.
            batches: numbers of the batches; default: all but the test batch.
            seed: shuffle by (seed, epoch); None: in stored order.
            epoch: number of the pass over the data.
            skip: steps to leave out, to resume where an earlier run stopped.
            decode: give `counts` float32 and `mask` bool; else `image`, the codes as stored.
        """
        where = self.where(batches) if seed is None else self.order(seed, epoch, batches)
        for first in range(skip * size, len(where), size):
            yield self.read(where[first : first + size], decode)

    def read(self, where: np.ndarray, decode: bool = True) -> dict[str, np.ndarray]:
        """Return the records at `where` (n, 2) as a dict of arrays; `decode` as in `iterate`."""
        names = [name for name in self.dtype.names or () if not (decode and name == "image")]
        step = {name: self.field(name, where) for name in names}
        if decode:
            shape = (len(where), *self.dtype["image"].shape)
            step["mask"] = self._buffers.empty(shape, np.dtype(bool))
            step["counts"] = self.counts(where, mask=step["mask"])
        return step
