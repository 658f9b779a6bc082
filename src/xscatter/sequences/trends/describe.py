"""A trend in words, and as the content of trend.json."""

import math
from typing import Any, NamedTuple

from xscatter.sequences.trends.law import Reported
from xscatter.sequences.trends.profile import Interval
from xscatter.sequences.trends.trend import By, Forecast, LawResult, Trend


class TrendAxes(NamedTuple):
    """Names and units of the two columns."""

    x: str
    x_unit: str
    y: str
    y_unit: str

    def unit(self, code: str) -> str:
        """Return the unit of a reported number, from that of the columns."""
        known = {"x": self.x_unit, "y": self.y_unit}
        if code in known:
            return known[code]
        if code == "1/x":
            return f"1/{self.x_unit}" if self.x_unit else ""
        if code == "y/x":
            return f"{self.y_unit or 1}/{self.x_unit}" if self.x_unit else self.y_unit
        if code == "ln(y)":
            return f"ln({self.y_unit})" if self.y_unit else ""
        return "" if "^" in code else code


def _round(value: float, width: float) -> str:
    """Return a number with as many digits as its interval makes meaningful."""
    if not (math.isfinite(width) and width > 0 and math.isfinite(value)):
        return f"{value:.3g}"
    digits = max(0, 1 - math.floor(math.log10(width)))
    if digits > 8 or max(abs(value), width) >= 1e15:
        return f"{value:.4g}"
    return f"{value:.{digits}f}"


def number_line(reported: Reported, interval: Interval, axes: TrendAxes) -> str:
    """Return one line about a reported number.

    Args:
        reported: the number.
        interval: its intervals.
        axes: for the unit.
    """
    low, high = interval.ninety
    width = high - low
    name, unit = reported.name, axes.unit(reported.unit)
    ends = [_round(end, width) if math.isfinite(end) else None for end in (low, high)]
    if ends[0] and ends[1]:
        span = f"90 %: {ends[0]} to {ends[1]}"
    elif ends[0]:
        span = f"90 %: at least {ends[0]}"
    elif ends[1]:
        span = f"90 %: at most {ends[1]}"
    else:
        span = "any value is possible"
    if interval.determined:
        return f"  {name:<11} {_round(interval.value, width)} {unit}".ljust(32) + f" {span}"
    return f"  {name:<11} not determined: {interval.why}; {span} {unit}".rstrip()


def trend_lines(trend: Trend, axes: TrendAxes, forecasts: dict[By, Forecast]) -> list[str]:
    """Return what is printed.

    Args:
        trend: that was fitted.
        axes: names and units.
        forecasts: by kind; the mixed one is printed.
    """
    lines = ["law            AICc above the best"]
    for result in trend.laws:
        mark = "  *" if result.name in trend.named else ""
        lines.append(f"  {result.name:<12} {result.above:8.1f}{mark}")
    several = len(trend.named) > 1
    lines.append(
        "* within 2: the points do not tell these laws apart" if several else "* within 2: no other"
    )
    for result in trend.laws:
        if result.name in trend.named:
            law = result.fit.model.law
            lines += ["", f"{law.title}: {law.equation}"]
            intervals = trend.intervals(result.name)
            lines += [number_line(r, intervals[r.name], axes) for r in law.reported]
    if forecasts:
        lines += ["", *_forecast_lines(trend, forecasts["mixed"], axes)]
    return lines


def _forecast_lines(trend: Trend, ahead: Forecast, axes: TrendAxes) -> list[str]:
    weights = sorted(trend.weights().items(), key=lambda pair: -pair[1])
    mix = ", ".join(f"{name} {w:.0%}" for name, w in weights if w >= 0.01)
    lines = [f"prediction of the next measurements (by evidence: {mix})"]
    x_name = f"{axes.x} ({axes.x_unit})" if axes.x_unit else axes.x
    lines.append(f"  {x_name:>12} {axes.y[:11]:>11}   {'50 %':^23}   {'90 %':^23}")
    for n, x in enumerate(ahead.x):
        bounds = [
            f"{ahead.low[level][n]:>10.4g} to {ahead.high[level][n]:<9.4g}" for level in (0.5, 0.9)
        ]
        place = _round(float(x), 10 * trend.points.domain.step)
        lines.append(f"  {place:>12} {ahead.value[n]:>11.4g}   {bounds[0]}   {bounds[1]}")
    return lines


def _finite(values: Any) -> Any:
    """Return the value with None for what JSON has no number for."""
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return float(values) if math.isfinite(values) else None


def trend_json(trend: Trend, axes: TrendAxes, forecasts: dict[By, Forecast]) -> dict[str, Any]:
    """Return the content of trend.json.

    Args:
        trend: that was fitted.
        axes: names and units.
        forecasts: by kind.
    """
    return {
        "quantity": axes.y,
        "unit": axes.y_unit,
        "against": axes.x,
        "against_unit": axes.x_unit,
        "points": trend.points.number,
        "errors": "given" if trend.points.known else "estimated",
        "noise_scale": trend.scale,
        "named": trend.named,
        "laws": [_law_json(trend, result, axes) for result in trend.laws],
        "weights": trend.weights() if forecasts else {},
        "predictions": {kind: _forecast_json(ahead) for kind, ahead in forecasts.items()},
    }


def _law_json(trend: Trend, result: LawResult, axes: TrendAxes) -> dict[str, Any]:
    law = result.fit.model.law
    entry: dict[str, Any] = {
        "law": result.name,
        "equation": law.equation,
        "aicc": _finite(result.aicc),
        "above_best": _finite(result.above),
        "values": {name: _finite(value) for name, value in result.fit.numbers.items()},
    }
    if result.name in trend.named:
        intervals = trend.intervals(result.name)
        entry["numbers"] = {
            r.name: {
                "value": _finite(intervals[r.name].value),
                "unit": axes.unit(r.unit),
                "interval_50": _finite(intervals[r.name].half),
                "interval_90": _finite(intervals[r.name].ninety),
                "determined": intervals[r.name].determined,
                "why": intervals[r.name].why,
            }
            for r in law.reported
        }
        if law.joint:
            region = trend.joint(result.name)
            entry["joint"] = {"numbers": list(law.joint)}
            entry["joint"] |= {f"region_{level}": _finite(r) for level, r in region.items()}
    return entry


def _forecast_json(ahead: Forecast) -> list[dict[str, float]]:
    return [
        {
            "x": float(x),
            "value": float(ahead.value[n]),
            **{
                f"{name}_{round(100 * level)}": float(bounds[level][n])
                for name, bounds in (
                    ("low", ahead.low),
                    ("high", ahead.high),
                    ("curve_low", ahead.curve_low),
                    ("curve_high", ahead.curve_high),
                )
                for level in (0.5, 0.9)
            },
        }
        for n, x in enumerate(ahead.x)
    ]
