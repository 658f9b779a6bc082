"""The records of a training step as a pure function of (seed, step): split, order, decoding."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.core.seeds import Purpose, generator
from xscatter.learn.augment import augmented, without_center
from xscatter.networks.run import network_input
from xscatter.records.constants import NOT_USABLE
from xscatter.records.read import Records
from xscatter.scores.groups import columns_of_groups
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study, Train
from xscatter.views import View

# Second number of the key of the stream that draws kinds of instrument; `records.assign` has 1.
_KINDS_KEY = 2
_TOGETHER = 64  # most records that a network takes at once
_PIXELS = 2**22  # most pixels of them


@dataclass(frozen=True)
class RecordSubset:
    """Some records of a study.

    Attributes:
        records: the open record batches.
        where: (n, 2) batch and row of each record.
    """

    records: Records
    where: np.ndarray

    def __len__(self) -> int:
        return len(self.where)

    def drawn(
        self, view: View, index: np.ndarray, random: np.random.Generator, train: Train
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return inputs and labels of a training step, turned, shifted, or without a centre.

        Args:
            view: of the network.
            index: which records.
            random: of this step.
            train: the keys of the study.
        """
        inputs, labels = self.inputs(view, index), self.labels(index)
        turn, shift, tags = train.augment, train.max_shift, list(self.records.tags)
        inputs, labels = augmented(inputs, labels, tags, random, turn, shift)
        return without_center(inputs, random, train.view_dropout), labels

    def numbers(self) -> list[int]:
        """Return the numbers of the experiments, ascending."""
        return experiments(self)

    def build(self, view: View, train: Train, branches: Sequence[Any] = ()) -> Any:
        """Return the network of `view`, see :func:`xscatter.learn.learner.build`.

        Args:
            view: which network.
            train: the keys of the study.
            branches: trained networks of the view's parents.
        """
        from xscatter.learn import learner

        return learner.build(view, self, len(self.records.tags), train, branches)

    def loss(self, train: Train) -> Callable[[Any, Any], Any]:
        """Return the loss of a step, see :func:`xscatter.learn.learner.loss_of`."""
        from xscatter.learn import learner

        groups = columns_of_groups(list(self.records.tags))
        return learner.loss_of(train, self.labels().mean(0), groups)

    def field(self, name: str, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return one field of the records at `index`, as stored, (n, ...)."""
        return self.records.field(name, self.where[index])

    def counts(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the counts float32 (n, rows, cols) at `index`, -1 where not usable."""
        return self.records.counts(self.where[index], NOT_USABLE)

    def fields(self, view: View) -> list[str]:
        """Return the fields that the network of `view` takes."""
        have = self.records.dtype.names or ()
        return [*view.fields, *(name for name in view.optional if name in have)]

    def inputs(self, view: View, index: np.ndarray | slice) -> dict[str, np.ndarray]:
        """Return the inputs of the network of `view`, float32, for the records at `index`."""
        inputs = {}
        for name in self.fields(view):
            if name == "image":
                inputs[name] = self.counts(index)
            else:
                inputs[name] = network_input(self.field(name, index))
        return inputs

    def input_shapes(self, view: View) -> dict[str, tuple[int, ...]]:
        """Return the shape of each input of the network of `view`, without the records."""
        return {name: x.shape[1:] for name, x in self.inputs(view, slice(0, 1)).items()}

    def labels(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the tags (n, T), 0 or 1, float32."""
        return self.field("tags", index).astype(np.float32)

    def bytes_of(self, view: View) -> int:
        """Return the bytes of the inputs of `view` of one record."""
        return sum(value.nbytes for value in self.inputs(view, slice(0, 1)).values())

    def logits(
        self, view: View, network: Callable[[dict[str, np.ndarray]], Any], label: str = ""
    ) -> np.ndarray:
        """Return the logits (n, T) float32 that `network` gives for all records.

        Fewer records of large images go together: memory does not grow with their size.

        Args:
            view: of the network.
            network: from inputs to logits.
            label: of the progress; none is shown without.

        Raises:
            UserError: an input or a logit is not a number; the message names the records.
        """
        # The larger of the two inputs decides how many records fit.
        largest = max(math.prod(self.records.dtype[name].shape) for name in view.fields)
        size = max(1, min(_TOGETHER, _PIXELS // largest))
        starts = range(0, len(self), size)
        logits: list[np.ndarray] = []
        for first in track(starts, label, end=False) if label else starts:
            inputs = self.inputs(view, slice(first, first + size))
            for values in inputs.values():  # rectifiers would hide it from the logits
                self._refuse(
                    first,
                    values,
                    f"{view.name}: the records hold values that are no numbers; transform and pack "
                    "again",
                )
            logits.append(np.asarray(network(inputs), np.float32))
            self._refuse(
                first,
                logits[-1],
                f"{view.name}: the network's output is not a number; lower train.learning_rate",
            )
        return np.concatenate(logits)

    def _refuse(self, first: int, values: np.ndarray, why: str) -> None:
        wrong = first + np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        if len(wrong):
            raise UserError(f"{why}; (experiment, image): {self.named(wrong[:8])}")

    def named(self, index: np.ndarray) -> str:
        """Return experiment and image of the records at `index`, for a message."""
        return ", ".join(f"({e}, {i})" for e, i in self.field("source", index).tolist())


class RecordSource:
    """The record batches of a study, as what a training learns from.

    Args:
        records: the open record batches.
    """

    def __init__(self, records: Records):
        self.records, self.tags = records, list(records.tags)
        # The number of the experiment in a record is no input of a network.
        self.layout = [f for f in records.manifest["fields"] if f["name"] not in ("source",)]
        batches = records.manifest["batches"]
        self.contents = [batches[n]["sha256"] for n in records.training_batches]

    @cached_property
    def tested(self) -> list[int]:
        """Experiments of the test batch."""
        return experiments(all_records(self.records, [self.records.test_batch]))

    def split(
        self, study: Study, known: Mapping[str, list[int]] | None = None
    ) -> tuple[RecordSubset, RecordSubset]:
        """Return training and validation set, see :func:`split`."""
        train = study.train
        unfamiliar = train.validation_set == "unfamiliar"
        return split(self.records, study.seed, train.validation_fraction, known, unfamiliar)

    def parents(self, paths: StudyPaths, view: View) -> list[str]:
        """Return the SHA-256 of the weights of the branches of `view`.

        Raises:
            UserError: a branch is missing, does not fit the records, or has seen the test batch.
        """
        hashes = []
        for name in view.parents:
            fix = f"train --view {name} before --view {view.name}"
            facts = ModelFolder(paths.model(name)).fitting_facts(self.tags, self.tested, fix)
            hashes.append(facts["weights_sha256"])
        return hashes

    def facts(self) -> dict[str, Any]:
        """Return size and transform of the inputs."""
        return {
            "size": self.records.dtype["image"].shape[0],
            "transform": self.records.manifest.get("transform"),
        }


def all_records(records: Records, numbers: Sequence[int] | None = None) -> RecordSubset:
    """Return all records of the batches `numbers` (default: those for training), in order."""
    return RecordSubset(records, records.where(numbers))


def split(
    records: Records,
    seed: int,
    fraction: float,
    known: Mapping[str, list[int]] | None = None,
    unfamiliar: bool = False,
) -> tuple[RecordSubset, RecordSubset]:
    """Split the training batches into training and validation set, by experiment.

    Where an experiment goes depends on its number and the seed alone, so that all views are split
    alike, also when experiments are added; or on its kinds of instrument, see `held_kinds`.

    Args:
        records: the open record batches.
        seed: of the study.
        fraction: of the experiments that go to the validation set.
        known: an earlier split to keep, experiments of `training` and `validation`.
        unfamiliar: hold out kinds of instrument, where the records name them.

    Raises:
        UserError: fewer than two experiments, or experiments of the test batch among them.
    """
    every = all_records(records)
    # Images of one experiment share beam, detector and sample: split by image, the validation set
    # would be nearly known.
    experiment = every.field("source")[:, 0].astype(np.int64)
    names = np.unique(experiment)
    tested = np.unique(all_records(records, [records.test_batch]).field("source")[:, 0])
    if np.intersect1d(names, tested).size:
        raise UserError(
            "records: the test batch shares experiments with the training batches; pack the study "
            "again"
        )
    # An experiment that was trained on must never move to the validation set, or the reverse.
    known = known or {"training": [], "validation": []}
    held = set(known["validation"])
    fresh = [int(n) for n in names if n not in held and n not in set(known["training"])]
    draw = {n: generator(seed, Purpose.SPLIT, n).random() for n in fresh}
    kinds = {int(n): records.kinds.get(int(n), frozenset()) for n in names}
    if unfamiliar and any(kinds.values()):
        some = held_kinds(kinds, seed, fraction, known)
        held |= {n for n in fresh if kinds[n] & some}
    else:
        held |= {n for n in fresh if draw[n] < fraction}
    # A small study may draw no experiment at all: then the one with the smallest draw is held
    # out.
    held = held or {min(fresh, key=draw.__getitem__)}
    chosen = np.isin(experiment, sorted(held))
    if chosen.all() or not chosen.any():
        raise UserError(
            f"records: {len(names)} training experiments cannot be split into training and "
            "validation; simulate more"
        )
    training, validation = every.where[~chosen], every.where[chosen]
    return RecordSubset(records, training), RecordSubset(records, validation)


def held_kinds(
    kinds: Mapping[int, frozenset[str]],
    seed: int,
    fraction: float,
    known: Mapping[str, list[int]],
) -> frozenset[str]:
    """Return the kinds of instrument that only the validation set has.

    They are taken in a random order until `fraction` is reached, leaving out those that alone make
    up more than half of it: many small kinds are new in more ways than one large kind, and tags
    that name a large one, such as the wedges among the beamstops, could not be learnt without it.
    At least the rarest kind is held out. After an earlier split they are those that its training
    set did not have.

    Args:
        kinds: of each experiment.
        seed: of the study.
        fraction: of the experiments that the validation set should have.
        known: an earlier split, experiments of `training` and `validation`.
    """
    seen, held = (
        frozenset[str]().union(*(kinds.get(n, ()) for n in known[part]))
        for part in ("training", "validation")
    )
    if seen or held:
        return held - seen
    having = {
        kind: {n for n, some in kinds.items() if kind in some}
        for kind in sorted(frozenset().union(*kinds.values()))
    }
    random = generator(seed, Purpose.SPLIT, 0, _KINDS_KEY)
    chosen, members = set[str](), set[int]()
    for place in random.permutation(len(having)):
        kind = list(having)[place]
        if len(having[kind]) <= 0.5 * fraction * len(kinds):
            chosen.add(kind)
            members |= having[kind]
        if len(members) >= fraction * len(kinds):
            break
    return frozenset(chosen or {min(having, key=lambda kind: len(having[kind]))})


def experiments(subset: RecordSubset) -> list[int]:
    """Return the numbers of the experiments in `subset`, ascending."""
    return np.unique(subset.field("source")[:, 0]).astype(int).tolist()


def order(seed: int, view_key: int, number: int, length: int) -> np.ndarray:
    """Return the permutation of `length` records for pass `number` over them.

    Args:
        seed: of the study.
        view_key: number of the view in random streams.
        number: of the pass over the records, from 0.
        length: number of records.
    """
    return generator(seed, Purpose.TRAINING, view_key, 0, number).permutation(length)


def ahead(
    make: Callable[[int], Any], steps: Iterator[int] | range, depth: int = 3
) -> Iterator[Any]:
    """Yield `make(step)` for each step, in order, made ahead of time in a thread.

    Args:
        make: makes the item of one step; called in a thread.
        steps: numbers of the steps, in order.
        depth: number of items that are made ahead.
    """
    # One thread: the order stays fixed, and decoding leaves the interpreter lock to the training.
    with ThreadPoolExecutor(1) as pool:
        # A bounded queue: records made too far ahead would only fill memory.
        waiting: deque = deque()
        try:
            for step in steps:
                waiting.append(pool.submit(make, step))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # If the training stops in between, the prepared steps are not needed.
            for future in waiting:
                future.cancel()
