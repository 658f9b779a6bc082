"""Line charts of the report. Views keep one colour and one marker throughout, told apart by every eye."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from xscatter.pictures import new_figure
from xscatter.report.results import History, TagScore, View, precision_recall

# Colours of Okabe and Ito, darkened or lightened until they stand out on white and on black.
LOOK = {
    "image": {"color": "#2b7fc3", "marker": "o"},
    "coefficient": {"color": "#d9630a", "marker": "s"},
    "joint": {"color": "#0a9a72", "marker": "D"},
    "mean": {"color": "#a865b5", "marker": "^"},
}
_FAINT = "#808080"
_FIFTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)
_MOST_POINTS = 120  # of a curve: a page holds hundreds of them


def tag_chart(views: Sequence[View]) -> Figure:
    """Average precision of every tag with its 95 % interval, one row a tag, the floor as a grey bar."""
    tags = ordered_tags(views)
    figure = new_figure(8.2, 0.9 + 0.27 * len(tags))
    axes = figure.add_subplot()
    places = np.arange(len(tags))
    axes.barh(
        places,
        [tag.prevalence for tag in tags],
        height=0.86,
        color=_FAINT,
        alpha=0.35,
        label="share of images",
    )
    for view, shift in zip(views, np.linspace(-0.3, 0.3, len(views)), strict=True):
        scores = [view.tags[tag.name] for tag in tags]
        values = np.array([score.average_precision for score in scores], float)
        ends = np.array([score.interval for score in scores], float).T
        look = LOOK[view.name]
        axes.errorbar(
            values,
            places + shift,
            xerr=np.maximum(np.abs(ends - values), 0),
            fmt=look["marker"],
            color=look["color"],
            markersize=3.0,
            elinewidth=0.9,
            label=view.title,
        )
    axes.set_yticks(places, [tag.name for tag in tags])
    axes.set_ylim(len(tags) - 0.4, -0.6)
    axes.set_xlim(0, 1.01)
    axes.set_xlabel("average precision")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=5, handletextpad=0.4, columnspacing=1.4)
    return figure


def ordered_tags(views: Sequence[View]) -> list[TagScore]:
    """Tags that occur in the test batch, the best recognised first, as scored by the last view."""
    found = [tag for tag in views[-1].tags.values() if tag.occurs]
    return sorted(found, key=lambda tag: -tag.average_precision)


def precision_recall_chart(views: Sequence[View]) -> Figure:
    """Precision against recall, one small chart a tag."""
    tags = ordered_tags(views)
    columns = 6
    rows = max(1, -(-len(tags) // columns))
    figure = new_figure(8.8, 1.5 * rows + 0.6)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, tag in zip(grid.flat, tags, strict=False):
        axes.axhline(tag.prevalence, color=_FAINT, linewidth=1, linestyle=(0, (2, 2)))
        for view in views:
            recall, precision = precision_recall(
                view.labels[:, tag.column], view.scores[:, tag.column]
            )
            if len(recall) > _MOST_POINTS:
                kept = np.unique(np.searchsorted(recall, np.linspace(0, 1, _MOST_POINTS)))
                recall, precision = recall[kept], precision[kept]
            axes.plot(
                recall, precision, color=LOOK[view.name]["color"], linewidth=1.0, label=view.title
            )
        axes.set_title(tag.name, fontsize=6.5)
        axes.tick_params(labelsize=7)
    for axes in grid.flat[len(tags) :]:
        axes.set_axis_off()
    for axes in grid.flat[max(len(tags) - columns, 0) : len(tags)]:
        axes.tick_params(labelbottom=True)
    grid[0, 0].set(xlim=(0, 1.02), ylim=(0, 1.05), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision", fontsize=9)
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4)
    return figure


def training_chart(histories: Mapping[str, History]) -> Figure:
    """Loss and mean average precision against rounds of training."""
    words = ("loss", "mean average precision")
    quantities = [
        word for word in words if any(history.curves(word) for history in histories.values())
    ]
    figure = new_figure(8.2, 3.1)
    grid = figure.subplots(1, max(1, len(quantities)), squeeze=False)[0]
    for axes, quantity in zip(grid, quantities, strict=False):
        for name, history in histories.items():
            for part, values in history.curves(quantity).items():
                style = "-" if part == "validation" else (0, (3, 1.5))
                label = f"{name}, {part}"
                axes.plot(
                    history.steps,
                    values,
                    color=LOOK[name]["color"],
                    linestyle=style,
                    linewidth=1.3,
                    label=label,
                )
        axes.set_xlabel(next(iter(histories.values())).axis)
        axes.set_ylabel(quantity)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3)
    return figure


def reliability_chart(views: Sequence[View]) -> Figure:
    """Share of true tags against the score given: as the networks gave it, and calibrated."""
    figure = new_figure(8.2, 4.6)
    for axes, kind, title in zip(
        figure.subplots(1, 2, sharey=True),
        ("raw", "per_tag"),
        ("as the network says", "calibrated"),
        strict=True,
    ):
        axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=(0, (2, 2)))
        for view in views:
            found = view.calibration[kind]
            axes.plot(
                found.probability,
                found.frequency,
                **LOOK[view.name],
                markersize=3.5,
                linewidth=1.2,
                label=view.title,
            )
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1),
            aspect="equal",
            xlabel="score",
            title=title,
            xticks=_FIFTHS,
            yticks=_FIFTHS,
        )
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(alpha=0.25)
        # Space for the last number of one chart beside the first of the next.
        axes.set_xlim(-0.01, 1.12)
    figure.axes[0].set_ylabel("share of images that have the tag")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
