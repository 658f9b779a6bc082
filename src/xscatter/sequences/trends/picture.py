"""Draw a trend: points, laws, prediction with its bounds, and the joint region of two numbers."""

from typing import TYPE_CHECKING

import numpy as np

from xscatter.pictures import new_figure
from xscatter.sequences.trends.describe import TrendAxes
from xscatter.sequences.trends.trend import Forecast, Trend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_trend(trend: Trend, axes: TrendAxes, ahead: Forecast | None = None) -> "Figure":
    """Return a figure of the trend.

    Args:
        trend: that was fitted.
        axes: names and units.
        ahead: prediction with its bounds, or None.
    """
    region = trend.joint()
    closed = bool(region) and bool(np.isfinite(region["90"]).all())
    figure = new_figure(10 if closed else 7, 4.2)
    panels = figure.subplots(
        1, 2 if closed else 1, squeeze=False, width_ratios=(2, 1)[: 1 + closed]
    )
    _curve(panels[0, 0], trend, axes, ahead)
    if closed:
        _region(panels[0, 1], trend, region, axes)
    return figure


def _curve(panel: "Axes", trend: Trend, axes: TrendAxes, ahead: Forecast | None) -> None:
    points = trend.points
    panel.errorbar(
        points.x, points.y, points.noise * trend.scale if points.known else None, fmt=".",
        color="0.35", markersize=4, elinewidth=0.8, label="measured",
    )  # fmt: skip
    x = np.linspace(points.domain.first, points.domain.last, 400)
    for result in trend.laws[:3]:
        if result.name in trend.named:
            panel.plot(x, result.fit.curve(x), label=result.fit.model.law.title)
    if ahead is not None:
        panel.plot(ahead.x, ahead.value, color="C3", label="prediction")
        for level, shade in ((0.9, 0.15), (0.5, 0.3)):
            panel.fill_between(
                ahead.x, ahead.low[level], ahead.high[level], color="C3", alpha=shade, linewidth=0,
                label=f"{level:.0%} of the next measurements",
            )  # fmt: skip
    panel.set_xlabel(f"{axes.x} ({axes.x_unit})" if axes.x_unit else axes.x)
    panel.set_ylabel(f"{axes.y} ({axes.y_unit})" if axes.y_unit else axes.y)
    panel.legend(fontsize="small")


def _region(
    panel: "Axes", trend: Trend, region: dict[str, list[list[float]]], axes: TrendAxes
) -> None:
    """Draw the values that two numbers can have together."""
    law, numbers = trend.best.model.law, trend.best.numbers
    for level, shade in (("90", 0.2), ("50", 0.4)):
        border = np.array(region[level])
        panel.fill(*border.T, color="C0", alpha=shade, linewidth=0, label=f"{level} %")
    panel.plot(*(numbers[name] for name in law.joint), "k+", label="best")
    units = {r.name: axes.unit(r.unit) for r in law.reported}
    words = [f"{name} ({units[name]})" if units[name] else name for name in law.joint]
    panel.set_xlabel(words[0])
    panel.set_ylabel(words[1])
    panel.set_title(f"{law.title}: both together", fontsize=10)
    panel.legend(fontsize="small")
