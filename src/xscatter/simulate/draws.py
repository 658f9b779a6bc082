"""The source of what is drawn for an experiment: a random stream and the balanced choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xscatter.simulate import strata
from xscatter.study import Study


@dataclass(frozen=True)
class Draws:
    """The source of everything that is drawn for one experiment.

    Attributes:
        study: it gives the seed and the section `simulate`.
        number: of the experiment.
        rng: stream for all that need not be balanced over experiments; the order of its draws
            is part of the data.
    """

    study: Study
    number: int
    rng: np.random.Generator

    def fraction(self, choice: str) -> float:
        """Return the number in [0, 1) of a choice that is balanced over experiments."""
        return strata.fraction(self.study.seed, choice, self.number)

    def choose(self, choice: str, weights: Mapping[str, float] | Sequence[str]) -> str:
        """Return one of the names in `weights`, balanced over experiments."""
        return strata.choose(self.study.seed, choice, self.number, weights)
