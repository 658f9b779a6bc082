"""Figures of a comparison of image sizes: score and cost against size, and tags at every size."""

from pathlib import Path
from typing import Any

import numpy as np

from xscatter import views
from xscatter.pictures import new_figure, save_figure
from xscatter.report.charts import look
from xscatter.resolution.scores import ResolutionScores, ScoreEstimate

_SIZE_COLOURS = "viridis"
_WORDS = {"resample": "same range of q, more pixels", "extend": "same pixels, wider range of q"}


def draw_sizes(scores: ResolutionScores, path: Path) -> None:
    """Draw mean average precision and CPU time of training against size, one column a mode."""
    comparison = scores.comparison
    modes, sizes = comparison.modes, np.array(comparison.sizes, float)
    names = views.evaluated()
    figure = new_figure(4.6 * len(modes) + 0.4, 6.4, layout="constrained")
    axes = figure.subplots(
        2, len(modes), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    for column, mode in enumerate(modes):
        above, below = axes[:, column]
        for place, view in enumerate(names):
            # Shifted a little, so that intervals do not hide one another.
            x = sizes * 2 ** (0.07 * (place - (len(names) - 1) / 2))
            estimates = [scores.score(mode, size, view) for size in comparison.sizes]
            _points(above, x, estimates, {**look(view), "label": views.title(view)})
            if view != views.MEAN:
                seconds = [scores.cost(mode, size, f"train-{view}") for size in comparison.sizes]
                below.plot(sizes, seconds, **look(view))
        data = [scores.cost(mode, size, "records") for size in comparison.sizes]
        below.plot(
            sizes, data, color="0.45", linestyle=":", marker="x", label="simulate, transform, pack"
        )
        above.set_title(f"{mode}: {_WORDS[mode]}", fontsize=10)
        below.set_xlabel("image side (pixels)")
        below.set_xscale("log", base=2)
        below.set_xticks(sizes, [str(size) for size in comparison.sizes])
        below.set_xticks([], minor=True)
        below.set_xlim(sizes[0] / 2**0.35, sizes[-1] * 2**0.35)
        for axis in (above, below):
            axis.grid(axis="y", alpha=0.3)
    axes[0, 0].set_ylabel("mean average precision")
    axes[1, 0].set_ylabel("CPU time of a study (s)")
    axes[1, 0].set_ylim(bottom=0)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    more = axes[1, 0].get_legend_handles_labels()
    figure.legend(
        handles + more[0], labels + more[1], loc="outside lower center", ncols=5, fontsize=9
    )
    save_figure(figure, path)


def _points(axis, x: np.ndarray, estimates: list[ScoreEstimate], style: dict[str, Any]) -> None:
    """Draw values with intervals, joined by a line, and every seed as a faint dot."""
    values = np.array([one.value for one in estimates])
    ends = np.array([one.interval for one in estimates]).T
    axis.errorbar(
        x, values, yerr=np.maximum(np.abs(ends - values), 0), capsize=2.5, markersize=5, **style
    )
    seeds = np.array([one.by_seed for one in estimates])
    axis.scatter(
        np.repeat(x[:, None], seeds.shape[1], 1),
        seeds,
        s=9,
        color=style["color"],
        alpha=0.45,
        linewidths=0,
    )


def draw_tags(scores: ResolutionScores, path: Path) -> None:
    """Draw the average precision of every tag at every size, one column a mode.

    Shown is the view with most inputs. Tags are sorted by the gain of the largest size; the line of
    a tag is dark where the interval of its gain excludes 0.
    """
    from matplotlib import colormaps

    comparison, view = scores.comparison, views.by_inputs()[0].name
    rows = {mode: _sorted_tags(scores, mode, view) for mode in comparison.modes}
    most = max(map(len, rows.values()))
    figure = new_figure(5.6 * len(comparison.modes), 1.3 + 0.19 * most, layout="constrained")
    axes = figure.subplots(1, len(comparison.modes), squeeze=False)[0]
    shades = colormaps[_SIZE_COLOURS](np.linspace(0, 0.85, len(comparison.sizes)))
    for axis, mode in zip(axes, comparison.modes, strict=True):
        for place, (number, gain) in enumerate(rows[mode]):
            values = [scores.score(mode, size, view, number).value for size in comparison.sizes]
            clear = gain.interval[0] > 0 or gain.interval[1] < 0
            axis.plot(
                [values[0], values[-1]],
                [place, place],
                color="0.2" if clear else "0.8",
                linewidth=1.4,
                zorder=1,
            )
            for value, shade, size in zip(values, shades, comparison.sizes, strict=True):
                label = f"{size} pixels" if place == 0 else None
                axis.scatter(value, place, s=18, color=[shade], zorder=2, label=label)
        axis.set_yticks(
            range(len(rows[mode])), [scores.tags[number] for number, _ in rows[mode]], fontsize=7
        )
        axis.set_ylim(len(rows[mode]) - 0.4, -0.6)
        axis.set_xlim(0, 1.01)
        axis.set_xlabel(f"average precision of the {views.title(view)} network")
        axis.set_title(mode, fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=len(comparison.sizes),
        fontsize=9,
    )
    save_figure(figure, path)


def _sorted_tags(scores: ResolutionScores, mode: str, view: str) -> list[tuple[int, ScoreEstimate]]:
    """Return the tags that occur with the gain of the largest size, the largest gain first."""
    smallest, largest = scores.comparison.sizes[0], scores.comparison.sizes[-1]
    gains = [
        (tag, scores.between_sizes(mode, view, smallest, largest, tag))
        for tag in range(len(scores.tags))
        if scores.occurs(mode, tag)
    ]
    return sorted(gains, key=lambda pair: -pair[1].value)
