"""The two things that a training learns from: records of single frames, or sequences of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from xscatter.store.paths import StudyPaths
from xscatter.study import Study, Train
from xscatter.views import View

Inputs = dict[str, np.ndarray]


class Subset(Protocol):
    """The training or the validation set."""

    def __len__(self) -> int: ...

    def drawn(
        self, view: View, index: np.ndarray, random: np.random.Generator, train: Train
    ) -> tuple[Inputs, np.ndarray]:
        """Return inputs and labels of a training step, randomly changed.

        Args:
            view: of the network.
            index: which of them.
            random: of this step.
            train: the keys of the study.
        """

    def labels(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the labels (n, T), 0 or 1, float32."""

    def logits(self, view: View, network: Callable[[Inputs], Any], label: str = "") -> np.ndarray:
        """Return the logits (n, T) that a network gives.

        Args:
            view: of the network.
            network: from inputs to logits.
            label: of the progress; none is shown without.
        """

    def named(self, index: np.ndarray) -> str:
        """Return what is at `index`, for a message."""

    def numbers(self) -> list[int]:
        """Return the experiments or sequences, ascending."""

    def build(self, view: View, train: Train, branches: Sequence[Any]) -> Any:
        """Return a network, its inputs scaled to this training set.

        Args:
            view: which network.
            train: the keys of the study.
            branches: trained networks that it is built on.
        """

    def loss(self, train: Train) -> Callable[[Any, Any], Any]:
        """Return the loss of a training step, of labels and the network's output."""


class LearningSource(Protocol):
    """All that a training may learn from.

    Attributes:
        tags: names of what is learnt, T.
        layout: what decides the inputs of a network, plain values.
        contents: checksums; of a larger study, those of the smaller one are among them.
        tested: experiments or sequences of the test set, which no training sees.
    """

    tags: list[str]
    layout: Any
    contents: list[str]
    tested: list[int]

    def split(
        self, study: Study, known: Mapping[str, list[int]] | None = None
    ) -> tuple[Subset, Subset]:
        """Return training and validation set; `known` is an earlier split to keep."""

    def parents(self, paths: StudyPaths, view: View) -> list[str]:
        """Return hashes of the networks that the network of `view` is built on."""

    def facts(self) -> dict[str, Any]:
        """Return what ``training.json`` states about the inputs."""
