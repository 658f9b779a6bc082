"""The batch of each record, as assignment.json keeps it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import read_sealed
from xscatter.core.seeds import Purpose, generator
from xscatter.study import Study


@dataclass(frozen=True)
class PackedExperiment:
    """One experiment: its number of images, the checksums of its two files, its instrument."""

    experiment: int
    images: int
    counts: str
    coefficients: str
    kinds: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values; without kinds where there are none, as in earlier versions."""
        return {key: value for key, value in vars(self).items() if key != "kinds" or value}


@dataclass(frozen=True)
class Group:
    """Experiments whose records are shuffled over the batches from `first` on.

    There are `batches` of them; if the test batch is among them, it gets none of these records.
    """

    first: int
    batches: int
    experiments: list[int]


@dataclass(frozen=True)
class Assignment:
    """The place of every record.

    Attributes:
        identity: hash of all that decides the content of a record and the split, but not the
            number of experiments.
        seed: seed of the study.
        test_batch: number of the test batch.
        test_experiments: experiments whose records are in the test batch.
        groups: the training batches, in the order in which they were added.
        sources: every experiment, by its number.
    """

    identity: str
    seed: int
    test_batch: int
    test_experiments: list[int]
    groups: list[Group]
    sources: dict[int, PackedExperiment]

    @property
    def batches(self) -> int:
        """Number of batches, the test batch among them."""
        return max(group.first + group.batches for group in self.groups)

    def numbers(self, group: Group) -> list[int]:
        """Return the numbers of the training batches of `group`."""
        return [n for n in range(group.first, group.first + group.batches) if n != self.test_batch]

    def rows(self, batch: int) -> np.ndarray:
        """Return experiment and image (n, 2) int32 of every record of `batch`, in order.

        Raises:
            UserError: there is no such batch.
        """
        if not 0 <= batch < self.batches:
            raise UserError(f"batch {batch} is not among the batches 0 to {self.batches - 1}")
        if batch == self.test_batch:
            return self._records(self.test_experiments)
        number, group = next(
            (k, g) for k, g in enumerate(self.groups) if g.first <= batch < g.first + g.batches
        )
        records = self._records(group.experiments)
        # A stream for each group: what is added later leaves earlier batches as they are.
        records = records[generator(self.seed, Purpose.SHUFFLE, number).permutation(len(records))]
        numbers = self.numbers(group)
        # Sizes differ by one record at most.
        return np.array_split(records, len(numbers))[numbers.index(batch)]

    def _records(self, experiments: list[int]) -> np.ndarray:
        parts = [
            np.stack([np.full(self.sources[e].images, e), np.arange(self.sources[e].images)], 1)
            for e in experiments
        ]
        return np.concatenate(parts).astype(np.int32) if parts else np.zeros((0, 2), np.int32)

    def content(self, batch: int) -> str:
        """Return a hash of all that decides the bytes of `batch`."""
        rows = self.rows(batch)
        numbers = np.unique(rows[:, 0]).tolist()
        facts = [
            self.identity,
            [[e, self.sources[e].counts, self.sources[e].coefficients] for e in numbers],
        ]
        digest = hashlib.sha256(json.dumps(facts).encode())
        # Little-endian on every computer, so that the hash is the same.
        digest.update(rows.astype("<i4").tobytes())
        return digest.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return plain values; the order of records follows from them, and is not written out."""
        return {
            "identity": self.identity,
            "seed": self.seed,
            "test_batch": self.test_batch,
            "test_experiments": self.test_experiments,
            "groups": [vars(group) for group in self.groups],
            "sources": [self.sources[number].to_json() for number in sorted(self.sources)],
            "contents": [self.content(batch) for batch in range(self.batches)],
        }


def from_json(content: dict[str, Any]) -> Assignment:
    """Return the assignment that :meth:`Assignment.to_json` gave `content` of."""
    return Assignment(
        content["identity"],
        content["seed"],
        content["test_batch"],
        content["test_experiments"],
        [Group(**group) for group in content["groups"]],
        {
            source["experiment"]: PackedExperiment(
                **source | {"kinds": tuple(source.get("kinds", ()))}
            )
            for source in content["sources"]
        },
    )


def load(path: Path) -> Assignment:
    """Read an assignment.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return from_json(json.loads(read_sealed(path)))
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; run `xscatter pack STUDY --assign` first") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: is not an assignment ({error}); run `xscatter pack STUDY --assign` again"
        ) from error


def identity(study: Study) -> str:
    """Return a hash of what decides the content of a record and the split."""
    # The number of batches is left out: it may grow without splitting the study again.
    facts = [study.fingerprint("transform"), study.pack.test_batch]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
