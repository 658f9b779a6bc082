"""Pictures of a study of studies: score and cost against size, and every tag at every size."""

from pathlib import Path

import numpy as np

from xscatter.pictures import new_figure, save_figure
from xscatter.report.charts import LOOK
from xscatter.report.results import TITLES
from xscatter.resolution.collect import ALL_VIEWS, Estimate, Scores
from xscatter.store.paths import VIEWS

_SIZE_COLOURS = "viridis"
_WORDS = {"resample": "same range of q, more pixels", "extend": "same pixels, wider range of q"}


def draw_sizes(scores: Scores, path: Path) -> None:
    """A column a mode: above, mean average precision against size; below, CPU time of a training."""
    whole = scores.whole
    modes, sizes = whole.modes, np.array(whole.sizes, float)
    figure = new_figure(4.6 * len(modes) + 0.4, 6.4, layout="constrained")
    axes = figure.subplots(
        2, len(modes), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    for column, mode in enumerate(modes):
        above, below = axes[:, column]
        for place, view in enumerate(ALL_VIEWS):
            # Beside one another, so that intervals do not hide intervals.
            x = sizes * 2 ** (0.07 * (place - 1.5))
            found = [scores.score(mode, size, view) for size in whole.sizes]
            _points(above, x, found, {**LOOK[view], "label": TITLES[view]})
            if view in VIEWS:
                seconds = [scores.cost(mode, size, f"train-{view}") for size in whole.sizes]
                below.plot(sizes, seconds, **LOOK[view])
        data = [scores.cost(mode, size, "records") for size in whole.sizes]
        below.plot(
            sizes, data, color="0.45", linestyle=":", marker="x", label="simulate, transform, pack"
        )
        above.set_title(f"{mode}: {_WORDS[mode]}", fontsize=10)
        below.set_xlabel("image side, pixels")
        below.set_xscale("log", base=2)
        below.set_xticks(sizes, [str(size) for size in whole.sizes])
        below.set_xticks([], minor=True)
        below.set_xlim(sizes[0] / 2**0.35, sizes[-1] * 2**0.35)
        for axis in (above, below):
            axis.grid(axis="y", alpha=0.3)
    axes[0, 0].set_ylabel("mean average precision")
    axes[1, 0].set_ylabel("CPU seconds of a member")
    axes[1, 0].set_ylim(bottom=0)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    more = axes[1, 0].get_legend_handles_labels()
    figure.legend(
        handles + more[0], labels + more[1], loc="outside lower center", ncols=5, fontsize=9
    )
    save_figure(figure, path)


def _points(axis, x: np.ndarray, found: list[Estimate], look: dict) -> None:
    """Values with intervals, joined by a line, and every seed as a faint dot."""
    values = np.array([one.value for one in found])
    ends = np.array([one.interval for one in found]).T
    axis.errorbar(
        x, values, yerr=np.maximum(np.abs(ends - values), 0), capsize=2.5, markersize=5, **look
    )
    seeds = np.array([one.by_seed for one in found])
    axis.scatter(
        np.repeat(x[:, None], seeds.shape[1], 1),
        seeds,
        s=9,
        color=look["color"],
        alpha=0.45,
        linewidths=0,
    )


def draw_tags(scores: Scores, path: Path, view: str = "joint") -> None:
    """A column a mode: average precision of every tag at every size, sorted by what the largest size gains."""
    from matplotlib import colormaps

    whole = scores.whole
    small, large = whole.sizes[0], whole.sizes[-1]
    rows = {mode: _sorted_tags(scores, mode, view, small, large) for mode in whole.modes}
    most = max(map(len, rows.values()))
    figure = new_figure(5.6 * len(whole.modes), 1.3 + 0.19 * most, layout="constrained")
    axes = figure.subplots(1, len(whole.modes), squeeze=False)[0]
    shades = colormaps[_SIZE_COLOURS](np.linspace(0, 0.85, len(whole.sizes)))
    for axis, mode in zip(axes, whole.modes, strict=True):
        for place, (number, gain) in enumerate(rows[mode]):
            values = [scores.score(mode, size, view, number).value for size in whole.sizes]
            clear = gain.interval[0] > 0 or gain.interval[1] < 0
            axis.plot(
                [values[0], values[-1]],
                [place, place],
                color="0.2" if clear else "0.8",
                linewidth=1.4,
                zorder=1,
            )
            for value, shade, size in zip(values, shades, whole.sizes, strict=True):
                label = f"{size} pixels" if place == 0 else None
                axis.scatter(value, place, s=18, color=[shade], zorder=2, label=label)
        axis.set_yticks(
            range(len(rows[mode])), [scores.tags[number] for number, _ in rows[mode]], fontsize=7
        )
        axis.set_ylim(len(rows[mode]) - 0.4, -0.6)
        axis.set_xlim(0, 1.01)
        axis.set_xlabel(f"average precision of the {TITLES[view]} network")
        axis.set_title(mode, fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=len(whole.sizes),
        fontsize=9,
    )
    save_figure(figure, path)


def _sorted_tags(
    scores: Scores, mode: str, view: str, small: int, large: int
) -> list[tuple[int, Estimate]]:
    occurring = [
        t
        for t in range(len(scores.tags))
        if any(scores.common(mode, seed)[t] for seed in scores.whole.seeds)
    ]
    gains = [(tag, scores.between_sizes(mode, view, small, large, tag)) for tag in occurring]
    return sorted(gains, key=lambda pair: -pair[1].value)
