"""Numbers, times and intervals as text."""

import math


def grouped(number: int) -> str:
    """Return a whole number with its digits in groups of three."""
    return f"{number:,}".replace(",", " ")


def duration(seconds: float | None) -> str:
    """Return a time in the unit that suits it; None and NaN are "not measured"."""
    if seconds is None or math.isnan(seconds):
        return "not measured"
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 3000:
        return f"{seconds / 60:.0f} min"
    if seconds >= 10:
        return f"{seconds:.0f} s"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:.3g} ms"


def interval_text(
    interval: tuple[float, float], digits: str = ".3f", between: str = " to ", none: str = "unknown"
) -> str:
    """Return an interval as text.

    Args:
        interval: Its two ends; NaN with a single test experiment.
        digits: Number format of the ends.
        between: Text between the ends.
        none: Text in place of an interval that is NaN.
    """
    return (
        none if math.isnan(interval[0]) else between.join(format(end, digits) for end in interval)
    )
