"""Tables of a comparison of image sizes: scores, differences and tags."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import views
from xscatter.core.files import complete_file
from xscatter.resolution.scores import ResolutionScores, ScoreEstimate


def compared_views() -> list[tuple[str, str]]:
    """Return the pairs that are compared: all views, then those with parents and the mean."""
    names = list(views.VIEWS)
    pairs = [(later, name) for place, later in enumerate(names) for name in names[:place]]
    return pairs + [(view.name, views.MEAN) for view in views.VIEWS.values() if view.parents]


def size_rows(scores: ResolutionScores) -> Iterator[dict[str, Any]]:
    """Yield score and cost of every view at every size."""
    comparison = scores.comparison
    for mode in comparison.modes:
        common = [scores.common(mode, seed) for seed in comparison.seeds]
        for size in comparison.sizes:
            tested = [scores.images(mode, size, seed) for seed in comparison.seeds]
            # Mean prevalence of the tags that enter the mean: the score of guessing.
            prevalence = [
                float(images.labels[:, tags].mean())
                for images, tags in zip(tested, common, strict=True)
            ]
            for view in views.evaluated():
                training = 0.0 if view == views.MEAN else scores.cost(mode, size, f"train-{view}")
                yield {
                    "mode": mode,
                    "size": size,
                    "view": view,
                    **_columns("mean_average_precision", scores.score(mode, size, view)),
                    "tags": round(float(np.mean([tags.sum() for tags in common])), 1),
                    "prevalence": round(float(np.mean(prevalence)), 4),
                    "seeds": len(comparison.seeds),
                    "test_experiments": sum(len(np.unique(view.source[:, 0])) for view in tested),
                    "test_images": sum(len(view.source) for view in tested),
                    "data_cpu_s": round(scores.cost(mode, size, "records"), 1),
                    "training_cpu_s": round(training, 1),
                }


def difference_rows(scores: ResolutionScores) -> Iterator[dict[str, Any]]:
    """Yield paired differences: between views at every size, and between sizes for every view."""
    comparison = scores.comparison
    smallest, *larger = comparison.sizes
    for mode in comparison.modes:
        for first, second in compared_views():
            for size in comparison.sizes:
                yield {
                    "mode": mode,
                    "better": f"{first}, {size}",
                    "than": f"{second}, {size}",
                    **_columns("by", scores.between_views(mode, size, first, second)),
                }
        for view in views.evaluated():
            for size in larger:
                yield {
                    "mode": mode,
                    "better": f"{view}, {size}",
                    "than": f"{view}, {smallest}",
                    **_columns("by", scores.between_sizes(mode, view, smallest, size)),
                }


def tag_rows(scores: ResolutionScores) -> Iterator[dict[str, Any]]:
    """Yield the average precision of every tag at every size, and the gain of the largest size."""
    comparison = scores.comparison
    smallest, largest = comparison.sizes[0], comparison.sizes[-1]
    for mode in comparison.modes:
        for view in views.evaluated():
            for number, tag in enumerate(scores.tags):
                if not scores.occurs(mode, number):
                    continue
                row: dict[str, Any] = {"mode": mode, "view": view, "tag": tag}
                row["prevalence"] = round(scores.prevalence(mode, largest, number), 4)
                for size in comparison.sizes:
                    row |= _columns(f"at_{size}", scores.score(mode, size, view, number))
                gain = scores.between_sizes(mode, view, smallest, largest, number)
                yield row | _columns("gain", gain)


def _columns(name: str, estimate: ScoreEstimate) -> dict[str, Any]:
    low, high = estimate.interval
    return {
        name: round(estimate.value, 4),
        f"{name}_low": round(low, 4),
        f"{name}_high": round(high, 4),
        f"{name}_by_seed": " ".join(f"{value:.4f}" for value in estimate.by_seed),
    }


def write_csv(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write `rows` as a table, which appears only when it is complete."""
    with complete_file(path) as name, open(name, "w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def text_table(scores: ResolutionScores) -> str:
    """Return the mean average precision of every view at every size, for a terminal."""
    names = views.evaluated()
    lines = [f"{'mode':<10}{'size':>6}" + "".join(f"{name:>26}" for name in names)]
    for mode in scores.comparison.modes:
        for size in scores.comparison.sizes:
            estimates = [scores.score(mode, size, name) for name in names]
            cells = [
                f"{one.value:.3f} [{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
                for one in estimates
            ]
            lines.append(f"{mode:<10}{size:>6}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)
