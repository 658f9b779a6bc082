"""Sequences as what a training learns from: features of their frames, and what happens in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from xscatter import processes
from xscatter.core.errors import UserError
from xscatter.core.files import file_sha256
from xscatter.core.progress import track as progress
from xscatter.core.seeds import Purpose, generator
from xscatter.learn.tracks import UNKNOWN, FeatureColumns, Track, changed
from xscatter.records.assign import tested
from xscatter.store.features import open_features
from xscatter.store.paths import StudyPaths
from xscatter.store.sequences import open_sequence
from xscatter.study import FIRST_SEQUENCE, Study, Train
from xscatter.views import View

P = len(processes.NAMES)


@dataclass(frozen=True)
class LearntSequence:
    """One sequence in memory, about 1 kB a frame.

    Attributes:
        number: of the sequence.
        track: features and what happens.
        labels: (P,) whether a process is detectable.
        detectability: (P,) D.
        contrast: (P,).
        spans: true spans, as in the file.
        content: checksum of its features and of what happens in it.
    """

    number: int
    track: Track
    labels: np.ndarray
    detectability: np.ndarray
    contrast: np.ndarray
    spans: np.ndarray
    content: str


@dataclass(frozen=True)
class SequenceSubset:
    """The training or the validation set of a temporal network.

    Attributes:
        sequences: in memory.
        columns: of the features.
        window: most frames of a sequence in a training step.
    """

    sequences: Sequence[LearntSequence]
    columns: FeatureColumns
    window: int

    def __len__(self) -> int:
        return len(self.sequences)

    def drawn(
        self, view: View, index: np.ndarray, random: np.random.Generator, train: Train
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return features and targets of a training step; what pads a record is `UNKNOWN`.

        Args:
            view: not used.
            index: which sequences.
            random: of this step.
            train: not used.
        """
        tracks = [
            changed(self.sequences[n].track, self.window, random, self.columns) for n in index
        ]
        # Always of one length: TensorFlow compiles a step for each shape.
        length = min(self.window, max(len(one.track) for one in self.sequences))
        features = np.zeros((len(tracks), length, tracks[0].features.shape[1]), np.float32)
        width = tracks[0].targets.shape[1]
        targets = np.full((len(tracks), length, width), UNKNOWN, np.float32)
        for n, one in enumerate(tracks):
            features[n, : len(one)] = one.features
            targets[n, : len(one)] = one.targets
        return {"features": features}, targets

    def labels(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return whether each process is detectable in each sequence (n, P), float32."""
        return np.array([one.labels for one in self.sequences], np.float32)[index]

    def logits(
        self, view: View, network: Callable[[dict[str, np.ndarray]], Any], label: str = ""
    ) -> np.ndarray:
        """Return the largest logit of each process in each sequence (n, P).

        Args:
            view: not used.
            network: from features (1, n, F) to logits.
            label: not used.
        """
        largest = [answer[:, :P].max(axis=0) for answer in self.answers(network)]
        return np.array(largest, np.float32).reshape(len(self), P)

    def answers(self, network: Callable[[dict[str, np.ndarray]], Any]) -> list[np.ndarray]:
        """Return the network's logits of all frames of each sequence, (n, 3 P + families).

        Raises:
            UserError: one is not a number.
        """
        answers = []
        for n, one in enumerate(self.sequences):
            features = {"features": one.track.features[None]}
            answers.append(np.asarray(network(features), np.float32)[0])
            if not np.isfinite(answers[-1]).all():
                raise UserError(
                    f"sequence: the network's output is not a number in {self.named(np.array([n]))}"
                    "; lower sequence.learning_rate"
                )
        return answers

    def named(self, index: np.ndarray) -> str:
        """Return the numbers of the sequences at `index`, for a message."""
        return ", ".join(f"sequence {self.sequences[n].number}" for n in index)

    def numbers(self) -> list[int]:
        """Return the numbers of the sequences, ascending."""
        return sorted(one.number for one in self.sequences)

    def build(self, view: View, train: Train, branches: Sequence[Any] = ()) -> Any:
        """Return the temporal network, its inputs scaled to this training set.

        Args:
            view: not used.
            train: the keys of the study.
            branches: not used.
        """
        from xscatter.networks.sequence import sequence_network

        size = self.sequences[0].track.features.shape[1]
        sizes = self.columns.sizes
        shapes = {"features": (None, size)}
        orders = sum(name.startswith("order ") for name in sizes)
        model = sequence_network(shapes, P, train, profile=sizes["profile"], orders=orders)
        frames = np.concatenate([one.track.features for one in self.sequences])
        # Enough to know mean and deviation, and spread over all sequences.
        model.get_layer("feature_channels").adapt(frames[:: max(1, len(frames) // 20_000)][None])
        return model

    def loss(self, train: Train) -> Callable[[Any, Any], Any]:
        """Return the loss of a step: the mean cross-entropy of all that is known, see `targets`."""
        import tensorflow as tf

        def loss(targets, logits):
            known = tf.cast(targets >= 0, tf.float32)
            each = tf.nn.sigmoid_cross_entropy_with_logits(tf.maximum(targets, 0.0), logits)
            # Progress is known in few frames, the rest in nearly all: each kind has its own mean.
            parts = [slice(0, P), slice(P, 2 * P), slice(2 * P, 3 * P), slice(3 * P, None)]
            total = 0.0
            for part, weight in zip(parts, (P, P, 1.0, P), strict=True):
                count = tf.maximum(tf.reduce_sum(known[..., part]), 1.0)
                total += weight * tf.reduce_sum((each * known)[..., part]) / count
            return total

        return loss


class SequenceSource:
    """The sequences of a study, as what a training learns from.

    Args:
        sequences: all of them.
        columns: number of columns of each group of features.
        networks: hash of the weights of each network whose logits are among the features.
        study: which decides the test set.
    """

    def __init__(
        self,
        sequences: Sequence[LearntSequence],
        columns: Mapping[str, int],
        networks: Mapping[str, str],
        study: Study,
    ):
        self.tags = list(processes.NAMES)
        self.columns, self.networks = dict(columns), dict(networks)
        self.layout = {"columns": self.columns, "networks": self.networks}
        self._all, self._window = list(sequences), study.sequence.window
        numbers = [one.number for one in self._all]
        self.tested = tested(study.seed, numbers, study.pack.batches)

    @cached_property
    def contents(self) -> list[str]:
        """Checksums of all sequences but those of the test set."""
        held = set(self.tested)
        return [one.content for one in self._all if one.number not in held]

    def _subset(self, numbers: set[int]) -> SequenceSubset:
        some = [one for one in self._all if one.number in numbers]
        return SequenceSubset(some, FeatureColumns(self.columns), self._window)

    def test_set(self) -> SequenceSubset:
        """Return the sequences that no training sees."""
        return self._subset(set(self.tested))

    def split(
        self, study: Study, known: Mapping[str, list[int]] | None = None
    ) -> tuple[SequenceSubset, SequenceSubset]:
        """Return training and validation set; a sequence goes where its number and the seed say.

        Args:
            study: the study.
            known: an earlier split to keep, sequences of `training` and `validation`.

        Raises:
            UserError: too few sequences.
        """
        known = known or {"training": [], "validation": []}
        held = set(known["validation"])
        fresh = [
            one.number
            for one in self._all
            if one.number not in {*self.tested, *held, *known["training"]}
        ]
        draw = {n: generator(study.seed, Purpose.SPLIT, FIRST_SEQUENCE + n).random() for n in fresh}
        held |= {n for n in fresh if draw[n] < study.train.validation_fraction}
        if not held and fresh:
            held = {min(fresh, key=draw.__getitem__)}
        rest = {one.number for one in self._all} - held - set(self.tested)
        if not rest or not held:
            raise UserError(
                f"sequence.sequences: {len(self._all)} sequences cannot be split into training, "
                "validation and test; simulate more"
            )
        return self._subset(rest), self._subset(held)

    def parents(self, paths: StudyPaths, view: View) -> list[str]:
        """Return nothing: the checksums of features stand for the networks that made them."""
        return []

    def facts(self) -> dict[str, Any]:
        """Return the columns of the features, and the networks that made them."""
        return self.layout


def open_sequences_of(study: Study, paths: StudyPaths) -> SequenceSource:
    """Return the sequences of a study with their features, to learn from.

    Raises:
        UserError: there are none, one is missing or of another study, or features of different
            networks are mixed.
    """
    numbers = range(study.sequence.sequences)
    if len(numbers) < 3:
        raise UserError(
            f"{study.name}: {len(numbers)} sequences cannot be split into training, validation "
            "and test; raise sequence.sequences"
        )
    sequences, layouts = [], {}
    hashed = study.fingerprint("sequence")
    for number in progress(numbers, "reading features", end=False):
        one, layout = _read(paths, number, hashed)
        sequences.append(one)
        layouts[str(layout)] = (layout, number)
    if len(layouts) > 1:
        first, second, *_ = (number for _, number in layouts.values())
        raise UserError(
            f"{paths.features(second)}: was made by other networks than "
            f"{paths.features(first).name}; run `xscatter embed` on all sequences again"
        )
    ((columns, networks), _), *_ = layouts.values()
    return SequenceSource(sequences, columns, networks, study)


def _read(
    paths: StudyPaths, number: int, hashed: str
) -> tuple[LearntSequence, tuple[dict[str, int], dict[str, str]]]:
    """Return a sequence, and the columns of its features with the networks that made them."""
    path, beside = paths.sequence(number), paths.features(number)
    with open_sequence(path, study_hash=hashed) as file:
        labels, spans, course = file.process_labels, file.spans, file.progress
        strength, contrast = file.process_detectability, file.process_contrast
        checksum = file.checksum
    again = f"run `xscatter embed {path}` with the networks of the study"
    if not beside.exists():
        raise UserError(f"{beside}: missing; {again}")
    with open_features(beside) as file:
        features, layout = np.nan_to_num(file.features), (file.columns, file.models)
        content = f"{checksum} {file.checksum}"
        if file.source_sha256 != file_sha256(path):
            raise UserError(f"{beside}: is not of {path.name} as it is now; {again}")
    active = np.zeros(course.shape, bool)
    for span in spans:
        if labels[span["process"]]:
            active[span["begin"] : span["end"] + 1, span["process"]] = True
    present = ~np.isnan(course).all(axis=0)
    track = Track(features, active, present, course.astype(np.float32))
    one = LearntSequence(number, track, labels, strength, contrast, spans, content)
    return one, layout
