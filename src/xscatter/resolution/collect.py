"""What the members of a study of studies say together: scores against size, with intervals and cost.

Every seed is a whole repetition: new experiments, a new split, new weights. An interval is the
bootstrap over both levels: seeds are drawn with replacement and, within each, the experiments of
its test batch; the draws are then centred on the value. Differences are paired: the same seeds and the
same experiments on both sides.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file
from xscatter.core.seeds import Purpose, generator
from xscatter.report.results import View, read_views
from xscatter.resolution.description import Resolution
from xscatter.scores import metrics
from xscatter.store.paths import VIEWS, ResolutionPaths

DRAWS = 1000
ALL_VIEWS = (*VIEWS, "mean")
PAIRS = (("coefficient", "image"), ("joint", "image"), ("joint", "coefficient"), ("joint", "mean"))


@dataclass(frozen=True)
class Estimate:
    """A value, its 95 % interval, and the value of every seed."""

    value: float
    interval: tuple[float, float]
    by_seed: tuple[float, ...]


class Scores:
    """All scores of a study of studies, read from the evaluations of its members.

    Raises:
        UserError: a member is not finished, or members of a seed were tested on different experiments.
    """

    def __init__(self, whole: Resolution, paths: ResolutionPaths, draws: int = DRAWS):
        self.whole, self.paths, self.draws = whole, paths, draws
        self.views: dict[tuple[str, int, int], dict[str, View]] = {}
        for member in whole.members():
            views = read_views(paths.member(member.name), ALL_VIEWS)
            self.views[member.mode, member.size, member.seed] = {view.name: view for view in views}
        self._same_experiments()
        seeds = len(whole.seeds)
        random = generator(whole.seeds[0], Purpose.BOOTSTRAP, seeds)
        # For each draw: which seeds, and for each of them which draw of its experiments.
        self._seeds = random.integers(seeds, size=(draws, seeds))
        self._draws = random.integers(draws, size=(draws, seeds))
        self._cache: dict[tuple[str, int, int, str], np.ndarray] = {}

    def _same_experiments(self) -> None:
        for mode, size, seed in self.views:
            first = self.views[mode, self.whole.sizes[0], seed]["image"].source
            if not np.array_equal(
                np.unique(first[:, 0]), np.unique(self.images(mode, size, seed).source[:, 0])
            ):
                raise UserError(
                    f"{self.paths.root}: {mode}-{size}-{seed} was tested on other experiments than the smallest size "
                    "of the same seed; delete its folder and run the study again"
                )

    def images(self, mode: str, size: int, seed: int) -> View:
        """The test images: labels and sources, as the image view has them."""
        return self.views[mode, size, seed]["image"]

    @cached_property
    def tags(self) -> list[str]:
        """Names of all tags."""
        return list(next(iter(self.views.values()))["image"].tags)

    def common(self, mode: str, seed: int) -> np.ndarray:
        """(T,) bool: tags that occur in the test batch at every size, which alone enter a mean."""
        return np.all(
            [self.images(mode, size, seed).labels.any(0) for size in self.whole.sizes], axis=0
        )

    def _precisions(self, mode: str, size: int, seed: int, view: str) -> np.ndarray:
        """Average precision (1 + draws, T): first of the test batch itself, then of its drawn experiments."""
        key = (mode, size, seed, view)
        if key not in self._cache:
            self._cache[key] = self.views[mode, size, seed][view].drawn(seed, self.draws)
        return self._cache[key]

    def _by_seed(self, mode: str, size: int, view: str, tag: int | None) -> np.ndarray:
        """(seeds, 1 + draws) of the mean over tags, or of one tag."""
        rows = []
        for seed in self.whole.seeds:
            all_tags = self._precisions(mode, size, seed, view)
            rows.append(
                metrics.mean_of(all_tags[:, self.common(mode, seed)])
                if tag is None
                else all_tags[:, tag]
            )
        return np.array(rows)

    def _estimate(self, rows: np.ndarray) -> Estimate:
        value = float(metrics.mean_of(rows[:, 0]))
        drawn = metrics.mean_of(rows[self._seeds, 1 + self._draws], axis=1)
        low, high = metrics.interval(drawn, value, least=-1.0) or (np.nan, np.nan)
        return Estimate(value, (low, high), tuple(map(float, rows[:, 0])))

    def score(self, mode: str, size: int, view: str, tag: int | None = None) -> Estimate:
        """Mean average precision of `view` at `size`, or average precision of one tag."""
        return self._estimate(self._by_seed(mode, size, view, tag))

    def between_views(self, mode: str, size: int, first: str, second: str) -> Estimate:
        """How much better `first` is than `second` at one size."""
        return self._estimate(
            self._by_seed(mode, size, first, None) - self._by_seed(mode, size, second, None)
        )

    def between_sizes(
        self, mode: str, view: str, small: int, large: int, tag: int | None = None
    ) -> Estimate:
        """How much better `view` is at the size `large` than at `small`."""
        return self._estimate(
            self._by_seed(mode, large, view, tag) - self._by_seed(mode, small, view, tag)
        )

    def prevalence(self, mode: str, size: int, tag: int) -> float:
        """Part of the test images that show a tag, mean over seeds."""
        return float(
            np.mean(
                [self.images(mode, size, seed).labels[:, tag].mean() for seed in self.whole.seeds]
            )
        )

    def cost(self, mode: str, size: int, stage: str) -> float:
        """CPU seconds of one stage of one member, mean over seeds; not a number where it is not known."""
        members = [m for m in self.whole.members() if (m.mode, m.size) == (mode, size)]
        each = [_seconds(self.paths.cost(member.name, stage)) for member in members]
        return float(metrics.mean_of(np.array(each)))


def _seconds(path: Path) -> float:
    try:
        return sum(map(float, path.read_text().split()))
    except (OSError, ValueError):
        return float("nan")


def size_rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """Score and cost of every view at every size."""
    whole = scores.whole
    for mode in whole.modes:
        for size in whole.sizes:
            seen = [scores.images(mode, size, seed) for seed in whole.seeds]
            for view in ALL_VIEWS:
                stage = None if view == "mean" else f"train-{view}"
                yield {
                    "mode": mode,
                    "size": size,
                    "view": view,
                    **_columns("mean_average_precision", scores.score(mode, size, view)),
                    "tags": round(
                        float(np.mean([scores.common(mode, seed).sum() for seed in whole.seeds])), 1
                    ),
                    "prevalence": round(
                        float(np.mean([_prevalence(scores, mode, size, s) for s in whole.seeds])), 4
                    ),
                    "seeds": len(whole.seeds),
                    "test_experiments": sum(len(np.unique(view.source[:, 0])) for view in seen),
                    "test_images": sum(len(view.source) for view in seen),
                    "data_cpu_s": round(scores.cost(mode, size, "records"), 1),
                    "training_cpu_s": round(scores.cost(mode, size, stage), 1) if stage else 0.0,
                }


def _prevalence(scores: Scores, mode: str, size: int, seed: int) -> float:
    """Mean prevalence of the tags that enter the mean: what guessing would reach."""
    return float(scores.images(mode, size, seed).labels[:, scores.common(mode, seed)].mean())


def difference_rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """Paired differences: between views at every size, and between sizes for every view."""
    whole = scores.whole
    for mode in whole.modes:
        for first, second in PAIRS:
            for size in whole.sizes:
                found = scores.between_views(mode, size, first, second)
                yield {
                    "mode": mode,
                    "better": f"{first}, {size}",
                    "than": f"{second}, {size}",
                    **_columns("by", found),
                }
        for view in ALL_VIEWS:
            for large in whole.sizes[1:]:
                found = scores.between_sizes(mode, view, whole.sizes[0], large)
                than = f"{view}, {whole.sizes[0]}"
                yield {
                    "mode": mode,
                    "better": f"{view}, {large}",
                    "than": than,
                    **_columns("by", found),
                }


def tag_rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """Average precision of every tag at every size, and what the largest size gains."""
    whole = scores.whole
    for mode in whole.modes:
        for view in ALL_VIEWS:
            for number, tag in enumerate(scores.tags):
                if not any(scores.common(mode, seed)[number] for seed in whole.seeds):
                    continue
                row: dict[str, Any] = {"mode": mode, "view": view, "tag": tag}
                row["prevalence"] = round(scores.prevalence(mode, whole.sizes[-1], number), 4)
                for size in whole.sizes:
                    row |= _columns(f"at_{size}", scores.score(mode, size, view, number))
                row |= _columns(
                    "gain",
                    scores.between_sizes(mode, view, whole.sizes[0], whole.sizes[-1], number),
                )
                yield row


def _columns(name: str, found: Estimate) -> dict[str, Any]:
    low, high = found.interval
    return {
        name: round(found.value, 4),
        f"{name}_low": round(low, 4),
        f"{name}_high": round(high, 4),
        f"{name}_by_seed": " ".join(f"{value:.4f}" for value in found.by_seed),
    }


def write_csv(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """`rows` as a table that appears only when whole."""
    with complete_file(path) as name, open(name, "w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def collect(whole: Resolution, paths: ResolutionPaths) -> Scores:
    """Read every member's evaluation, and write the tables and figures."""
    from xscatter.resolution.figure import draw_sizes, draw_tags

    scores = Scores(whole, paths)
    for name, rows in (("sizes", size_rows), ("differences", difference_rows), ("tags", tag_rows)):
        write_csv(list(rows(scores)), paths.tables[name])
    draw_sizes(scores, paths.figures["sizes"])
    draw_tags(scores, paths.figures["tags"])
    return scores


def table(scores: Scores) -> str:
    """Mean average precision of every view at every size, as text for a terminal."""
    lines = [f"{'mode':<10}{'size':>6}" + "".join(f"{view:>26}" for view in ALL_VIEWS)]
    for mode in scores.whole.modes:
        for size in scores.whole.sizes:
            found = [scores.score(mode, size, view) for view in ALL_VIEWS]
            cells = [
                f"{one.value:.3f} [{one.interval[0]:.3f}, {one.interval[1]:.3f}]" for one in found
            ]
            lines.append(f"{mode:<10}{size:>6}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)
