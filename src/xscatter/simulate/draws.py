"""The source of what is drawn for an experiment: a random stream and the balanced choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xscatter.simulate import strata
from xscatter.study import Study
from xscatter.study.simulate import MOST_EXPERIMENTS


@dataclass(frozen=True)
class Draws:
    """The source of everything that is drawn for one experiment.

    Attributes:
        study: it gives the seed and the section `simulate`.
        number: of the experiment.
        rng: stream for all that need not be balanced over experiments; the order of its draws
            is part of the data.
        attempt: how many instruments were drawn before, of kinds that the study does not want.
    """

    study: Study
    number: int
    rng: np.random.Generator
    attempt: int = 0

    @property
    def _place(self) -> int:
        # Beyond the largest number of experiments, so that attempts share no choice with them.
        return self.number + self.attempt * MOST_EXPERIMENTS

    def fraction(self, choice: str) -> float:
        """Return the number in [0, 1) of a choice that is balanced over experiments."""
        return strata.fraction(self.study.seed, choice, self._place)

    def choose(self, choice: str, weights: Mapping[str, float] | Sequence[str]) -> str:
        """Return one of the names in `weights`, balanced over experiments."""
        return strata.choose(self.study.seed, choice, self._place, weights)
