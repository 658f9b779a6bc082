"""Scores of all members of a comparison of image sizes, with intervals and cost.

Every seed is a complete repetition: new experiments, a new split, new weights. Intervals are a
two-level bootstrap: seeds are drawn with replacement and, within each, the experiments of its test
set. The draws are then centred on the value. Differences are paired: both sides have the same seeds
and the same experiments.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.seeds import Purpose, generator
from xscatter.report.results import ViewScores, read_views
from xscatter.resolution.description import Resolution
from xscatter.scores import metrics
from xscatter.store.paths import ResolutionPaths

DRAWS = 1000


@dataclass(frozen=True)
class ScoreEstimate:
    """A value, its 95 % interval, and the value of every seed."""

    value: float
    interval: tuple[float, float]
    by_seed: tuple[float, ...]


class ResolutionScores:
    """All scores of a comparison, read from the evaluations of its members.

    Args:
        comparison: Its description.
        paths: Its files.
        draws: Number of bootstrap samples.

    Raises:
        UserError: A member is not finished, or members with the same seed were tested on different
            experiments.
    """

    def __init__(self, comparison: Resolution, paths: ResolutionPaths, draws: int = DRAWS):
        self.comparison, self.paths, self.draws = comparison, paths, draws
        self.views: dict[tuple[str, int, int], dict[str, ViewScores]] = {}
        for member in comparison.members():
            scores = read_views(paths.member(member.name))
            self.views[member.mode, member.size, member.seed] = {view.name: view for view in scores}
        self._check_experiments()
        seeds = len(comparison.seeds)
        random = generator(comparison.seeds[0], Purpose.BOOTSTRAP, seeds)
        # For each draw: which seeds, and for each of them which draw of its experiments.
        self._seeds = random.integers(seeds, size=(draws, seeds))
        self._draws = random.integers(draws, size=(draws, seeds))
        self._cache: dict[tuple[str, int, int, str], np.ndarray] = {}

    def _check_experiments(self) -> None:
        for mode, size, seed in self.views:
            smallest = self.images(mode, self.comparison.sizes[0], seed).source
            tested = self.images(mode, size, seed).source
            # Differences between sizes are paired by experiment.
            if not np.array_equal(np.unique(smallest[:, 0]), np.unique(tested[:, 0])):
                raise UserError(
                    f"{self.paths.root}: {mode}-{size}-{seed} was tested on other experiments than "
                    "the smallest size of the same seed; delete its folder and run the study again"
                )

    def images(self, mode: str, size: int, seed: int) -> ViewScores:
        """Return the labels and sources of the test images; they are the same for all views.

        Args:
            mode: value of simulate.sampling.
            size: image side in pixels.
            seed: of the repetition.
        """
        return next(iter(self.views[mode, size, seed].values()))

    @cached_property
    def tags(self) -> list[str]:
        """Names of all tags."""
        scores = next(iter(self.views.values()))
        return list(next(iter(scores.values())).tags)

    def common(self, mode: str, seed: int) -> np.ndarray:
        """Return which tags (T,) occur in the test set at every size: only these enter a mean."""
        sizes = self.comparison.sizes
        return np.all([self.images(mode, size, seed).labels.any(0) for size in sizes], axis=0)

    def occurs(self, mode: str, tag: int) -> bool:
        """Whether a tag enters the mean of any seed."""
        return any(self.common(mode, seed)[tag] for seed in self.comparison.seeds)

    def _precisions(self, mode: str, size: int, seed: int, view: str) -> np.ndarray:
        """Return average precision (1 + draws, T); the first row is the test set itself."""
        key = (mode, size, seed, view)
        if key not in self._cache:
            self._cache[key] = self.views[mode, size, seed][view].drawn(seed, self.draws)
        return self._cache[key]

    def _by_seed(self, mode: str, size: int, view: str, tag: int | None) -> np.ndarray:
        """Return the mean over tags, or the value of one tag, as (seeds, 1 + draws)."""
        rows = []
        for seed in self.comparison.seeds:
            precisions = self._precisions(mode, size, seed, view)
            rows.append(
                metrics.mean_of(precisions[:, self.common(mode, seed)])
                if tag is None
                else precisions[:, tag]
            )
        return np.array(rows)

    def _estimate(self, rows: np.ndarray) -> ScoreEstimate:
        value = float(metrics.mean_of(rows[:, 0]))
        # Column 0 is the test set itself, so draws begin at 1.
        drawn = metrics.mean_of(rows[self._seeds, 1 + self._draws], axis=1)
        low, high = metrics.interval(drawn, value, least=-1.0) or (np.nan, np.nan)
        return ScoreEstimate(value, (low, high), tuple(map(float, rows[:, 0])))

    def score(self, mode: str, size: int, view: str, tag: int | None = None) -> ScoreEstimate:
        """Return the mean average precision of a view, or the average precision of one tag.

        Args:
            mode: "resample" or "extend".
            size: Image side in pixels.
            view: Name of the view, or of the baseline.
            tag: Column of a tag; None: the mean over tags.
        """
        return self._estimate(self._by_seed(mode, size, view, tag))

    def between_views(self, mode: str, size: int, first: str, second: str) -> ScoreEstimate:
        """Return the mean average precision of `first` minus that of `second` at one size.

        Args:
            mode: "resample" or "extend".
            size: Image side in pixels.
            first: Name of a view, or of the baseline.
            second: Name of another one.
        """
        return self._estimate(
            self._by_seed(mode, size, first, None) - self._by_seed(mode, size, second, None)
        )

    def between_sizes(
        self, mode: str, view: str, small: int, large: int, tag: int | None = None
    ) -> ScoreEstimate:
        """Return the score of a view at the size `large` minus its score at `small`.

        Args:
            mode: "resample" or "extend".
            view: Name of the view, or of the baseline.
            small: Image side in pixels.
            large: Image side in pixels.
            tag: Column of a tag; None: the mean over tags.
        """
        return self._estimate(
            self._by_seed(mode, large, view, tag) - self._by_seed(mode, small, view, tag)
        )

    def prevalence(self, mode: str, size: int, tag: int) -> float:
        """Return the fraction of test images that have a tag, averaged over seeds.

        Args:
            mode: value of simulate.sampling.
            size: image side in pixels.
            tag: number of the tag.
        """
        seeds = self.comparison.seeds
        return float(
            np.mean([self.images(mode, size, seed).labels[:, tag].mean() for seed in seeds])
        )

    def cost(self, mode: str, size: int, stage: str) -> float:
        """Return the CPU seconds of one stage, averaged over seeds; NaN where they are unknown.

        Args:
            mode: value of simulate.sampling.
            size: image side in pixels.
            stage: name of the stage.
        """
        members = [m for m in self.comparison.members() if (m.mode, m.size) == (mode, size)]
        seconds = [_read_seconds(self.paths.cost(member.name, stage)) for member in members]
        return float(metrics.mean_of(np.array(seconds)))


def _read_seconds(path: Path) -> float:
    try:
        return sum(map(float, path.read_text().split()))
    except (OSError, ValueError):
        return float("nan")
