"""Charts of the report. Every view keeps one colour and one marker throughout."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from xscatter.pictures import new_figure
from xscatter.report.results import History, TagScore, ViewScores, precision_recall
from xscatter.views import MEAN, VIEWS

# Colours of Okabe and Ito, darkened or lightened until they stand out on white and on black.
_LOOKS = (("#2b7fc3", "o"), ("#d9630a", "s"), ("#0a9a72", "D"), ("#b58900", "v"), ("#d33682", "P"))
_LOOK_OF_MEAN = ("#a865b5", "^")
_FAINT = "#808080"
_FIFTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)
_MOST_POINTS = 120  # of a curve: a page has hundreds of them


def look(name: str) -> dict[str, Any]:
    """Return the colour and the marker of a view, or of the baseline."""
    place = list(VIEWS).index(name) % len(_LOOKS) if name != MEAN else None
    colour, marker = _LOOK_OF_MEAN if place is None else _LOOKS[place]
    return {"color": colour, "marker": marker}


def tag_chart(views: Sequence[ViewScores]) -> Figure:
    """Draw the average precision of every tag with its 95 % interval, one row a tag.

    A grey bar shows what guessing would score.
    """
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
        label="fraction of images",
    )
    for view, shift in zip(views, np.linspace(-0.3, 0.3, len(views)), strict=True):
        scores = [view.tags[tag.name] for tag in tags]
        values = np.array([score.average_precision for score in scores], float)
        ends = np.array([score.interval for score in scores], float).T
        style = look(view.name)
        axes.errorbar(
            values,
            places + shift,
            xerr=np.maximum(np.abs(ends - values), 0),
            fmt=style["marker"],
            color=style["color"],
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


def ordered_tags(views: Sequence[ViewScores]) -> list[TagScore]:
    """Return the tags that occur in the test set, the best recognised by the last view first."""
    occurring = [tag for tag in views[-1].tags.values() if tag.occurs]
    return sorted(occurring, key=lambda tag: -tag.average_precision)


def precision_recall_chart(views: Sequence[ViewScores]) -> Figure:
    """Draw precision against recall, one small chart a tag."""
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
                recall, precision, color=look(view.name)["color"], linewidth=1.0, label=view.title
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
    """Draw loss and mean average precision over the epochs of training."""
    quantities = [
        quantity
        for quantity in ("loss", "mean average precision")
        if any(history.curves(quantity) for history in histories.values())
    ]
    figure = new_figure(8.2, 3.1)
    grid = figure.subplots(1, max(1, len(quantities)), squeeze=False)[0]
    for axes, quantity in zip(grid, quantities, strict=False):
        for name, history in histories.items():
            for data, values in history.curves(quantity).items():
                style = "-" if data == "validation" else (0, (3, 1.5))
                label = f"{name}, {data}"
                axes.plot(
                    history.steps,
                    values,
                    color=look(name)["color"],
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


def reliability_chart(views: Sequence[ViewScores]) -> Figure:
    """Draw how often a tag is true against its score, before and after calibration."""
    figure = new_figure(8.2, 4.6)
    for axes, kind, title in zip(
        figure.subplots(1, 2, sharey=True),
        ("raw", "per_tag"),
        ("before calibration", "after calibration"),
        strict=True,
    ):
        axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=(0, (2, 2)))
        for view in views:
            reliability = getattr(view.calibration, kind)
            axes.plot(
                reliability.probability,
                reliability.frequency,
                **look(view.name),
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
        # Room for the last tick label beside the first one of the next chart.
        axes.set_xlim(-0.01, 1.12)
    figure.axes[0].set_ylabel("fraction of images that have the tag")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
