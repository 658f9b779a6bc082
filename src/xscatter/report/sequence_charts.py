"""Charts of the section on processes in sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from xscatter import processes
from xscatter.pictures import COLOURS, new_figure
from xscatter.scores.processes import Segment

# Colours of Okabe and Ito, as in the charts of views.
_COLOURS = ("#2b7fc3", "#d9630a", "#0a9a72", "#b58900", "#d33682", "#a865b5")
_MARKERS = "osDvP^"
_FAINT = "#808080"
_LINES = 16  # profiles in a waterfall


@dataclass(frozen=True)
class Example:
    """A test sequence to look at.

    Attributes:
        number: of the sequence.
        profile: (n, radii) of its frames, relative to their means.
        true: what happens in it.
        predicted: what the network reports.
        active: (n, P) probabilities of the network, frame by frame.
    """

    number: int
    profile: np.ndarray
    true: Sequence[Segment]
    predicted: Sequence[Segment]
    active: np.ndarray


def delay_chart(curves: Mapping[str, Sequence[tuple[float, float, float]]]) -> Figure:
    """Draw what is found in time, and how late, against the rate of false alarms.

    Args:
        curves: by method: false alarms in 10⁴ frames, part found within 10 frames, mean delay.
    """
    figure = new_figure(8.2, 3.6)
    found_in_time, late = figure.subplots(1, 2)
    for n, (title, points) in enumerate(curves.items()):
        false, part, delay = np.array(points).T
        style = {
            "color": _COLOURS[n % len(_COLOURS)],
            "marker": _MARKERS[n % len(_MARKERS)],
            "markersize": 3.0,
            "linewidth": 1.0,
        }
        found_in_time.plot(np.maximum(false, 1), part, label=title, **style)
        late.plot(np.maximum(false, 1), delay, **style)
    for axes, text in (
        (found_in_time, "found within 10 frames"),
        (late, "mean delay of those found, frames"),
    ):
        axes.set_xscale("log")
        axes.set_xlabel("false alarms in 10⁴ frames (1: or fewer)")
        axes.set_ylabel(text)
        axes.grid(alpha=0.3)
    found_in_time.set_ylim(-0.02, 1.02)
    late.set_ylim(bottom=0)
    if curves:
        figure.legend(loc="outside upper center", ncols=2, handletextpad=0.4)
    return figure


def process_chart(each: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw the average precision of every process that occurs, with its interval.

    Args:
        each: by process, as the evaluation has it.
    """
    rows = {k: v for k, v in each.items() if v["average_precision"] is not None}
    names = sorted(rows, key=lambda name: -rows[name]["average_precision"])
    figure = new_figure(8.2, 0.9 + 0.24 * max(len(names), 1))
    axes = figure.add_subplot()
    for place, name in enumerate(names):
        value, interval = rows[name]["average_precision"], rows[name]["interval"]
        if interval is not None:
            axes.plot(interval, [place, place], color=_COLOURS[0], linewidth=0.9)
        axes.plot(value, place, "o", color=_COLOURS[0], markersize=3.5)
    axes.set_yticks(range(len(names)), [f"{n} ({rows[n]['positives']})" for n in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.01)
    axes.set_xlabel("average precision (in brackets: number of test sequences)")
    axes.grid(axis="x", alpha=0.3)
    return figure


def example_chart(example: Example) -> Figure:
    """Draw one sequence: two-time map, waterfall of profiles, and processes; time runs upwards."""
    figure = new_figure(8.2, 6.0)
    grid = figure.add_gridspec(2, 2, height_ratios=[3, 2])
    two_time, waterfall = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    bars = figure.add_subplot(grid[1, :])
    frames = len(example.profile)
    root = np.sqrt(np.maximum(example.profile, 0))
    root = root / np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-12)
    distance = np.sqrt(np.maximum(2 - 2 * root @ root.T, 0))
    unit = float(np.median(np.diagonal(distance, 1))) or 1.0
    drawn = two_time.imshow(
        distance / unit, cmap=COLOURS, origin="lower", extent=(-0.5, frames - 0.5) * 2
    )
    figure.colorbar(drawn, ax=two_time, label="difference (1: of neighbours)")
    two_time.set_xlabel("frame")
    two_time.set_ylabel("frame")
    _waterfall(waterfall, example.profile)
    _bars(bars, example)
    return figure


def _waterfall(axes: Any, profile: np.ndarray) -> None:
    """Profiles one above the other, the first at the bottom."""
    chosen = np.unique(np.linspace(0, len(profile) - 1, min(_LINES, len(profile))).astype(int))
    level = np.log10(np.maximum(profile[chosen], 1e-3 * profile.max()))
    step = 0.25 * float(np.ptp(level)) or 1.0
    radius = (np.arange(profile.shape[1]) + 0.5) / profile.shape[1]
    for place, (frame, line) in enumerate(zip(chosen, level, strict=True)):
        shade = place / max(len(chosen) - 1, 1)
        colour = (0.17 + 0.68 * shade, 0.42, 0.76 - 0.6 * shade)
        axes.plot(radius, line + place * step, color=colour, linewidth=0.9)
        if place in (0, len(chosen) - 1):
            axes.annotate(f"frame {frame}", (1.0, line[-1] + place * step), fontsize=7,
                          xytext=(2, 0), textcoords="offset points", va="center")  # fmt: skip
    axes.set_xlabel("radius (1: the largest)")
    axes.set_ylabel("log intensity, shifted upwards with time")
    axes.set_yticks([])
    axes.set_xlim(0, 1.16)
    axes.set_xticks([0, 0.5, 1])


def _bars(axes: Any, example: Example) -> None:
    """True and reported processes, one row a process, with the probability frame by frame."""
    shown = list(dict.fromkeys(s.process for s in (*example.true, *example.predicted)))
    for row, process in enumerate(shown):
        colour = _COLOURS[row % len(_COLOURS)]
        for one in example.true:
            if one.process == process:
                axes.barh(row + 0.38, one.end - one.begin, 0.1, one.begin - 0.5, color=_FAINT,
                          alpha=0.6, label="true" if row == 0 else None)  # fmt: skip
        for one in example.predicted:
            if one.process == process:
                axes.barh(row + 0.26, one.end - one.begin, 0.1, one.begin - 0.5, color=colour)
        chance = example.active[:, process]
        axes.plot(range(len(chance)), row + 0.15 - 0.55 * chance, color=colour, linewidth=0.9)
    axes.set_yticks(range(len(shown)), [processes.NAMES[p] for p in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(-0.5, len(example.profile) - 0.5)
    axes.set_xlabel("frame")
    axes.grid(axis="x", alpha=0.3)
