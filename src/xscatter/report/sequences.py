"""The section on processes in sequences: one table with the simple methods, delays, an example."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from xscatter import processes
from xscatter.core.errors import UserError
from xscatter.report import sequence_charts
from xscatter.report.svg import inline_svg, page_style
from xscatter.report.words import interval_text
from xscatter.scores.processes import Segment, alarms, delays, matched
from xscatter.store.features import open_features
from xscatter.store.paths import StudyPaths
from xscatter.views import SEQUENCE

NETWORK = "network"
_TITLES = {
    NETWORK: "temporal network",
    "tags alone": "tags of single frames (hidden Markov model)",
    "scan": "scan of the profile",
    "cumulated total": "cumulated total intensity",
    "frame difference": "difference of neighbouring frames",
    "change points": "principal components and kernel change points",
}
_STRATA = ("8-16", "16-64", "64-")
_STRONG = 64.0  # D of the processes whose delays are drawn
_LEVELS = 40  # thresholds of a curve
_SAMPLE = np.array([one.family != "instrument" for one in processes.PROCESSES])


@dataclass(frozen=True)
class SequenceScoresFile:
    """Scores of a test on N sequences, as they were stored.

    Attributes:
        numbers: (N,) of the sequences.
        scores: by method: of each sequence, (n,) or (n, P).
        detectability: (N, P) D; more than 0 where the process happens.
        true: detectable processes.
        predicted: what the network reports.
    """

    numbers: np.ndarray
    scores: dict[str, list[np.ndarray]]
    detectability: np.ndarray
    true: list[Segment]
    predicted: list[Segment]


def process_section(paths: StudyPaths) -> dict[str, Any] | None:
    """Return what the section shows, or None if the study has tested no temporal network.

    Raises:
        UserError: results are damaged.
    """
    path = paths.evaluation(SEQUENCE.name)
    if not path.exists():
        return None
    try:
        tested = json.loads(path.read_text(encoding="utf-8"))
        scores = _read(paths)
        names = [name for name in _TITLES if name in tested["methods"]]
        rows = [_row(name, tested["methods"][name]) for name in names]
        example = _example(paths, scores)
        with page_style():
            drawn = {
                "delays": sequence_charts.delay_chart(_curves(scores, names)),
                "each": sequence_charts.process_chart(tested["each"]),
            }
            if example is not None:
                drawn["example"] = sequence_charts.example_chart(example)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: damaged ({error}); test the view {SEQUENCE.name} again"
        ) from error
    alts = {
        "delays": "Found processes and delays against false alarms, for every method",
        "each": "Average precision of every process",
        "example": "A sequence: two-time map, profiles, and processes over time",
    }
    return {
        "sequences": tested["sequences"],
        "frames": tested["frames"],
        "rows": rows,
        "f1": _number(tested["segments"]["f1_25"]),
        "onset": _number(tested["onset"]["median"], ".1f"),
        "within": _percent(tested["onset"]["within"]),
        "calibration": _number(tested["calibration"].get("expected_calibration_error")),
        "example": None if example is None else example.number,
        "charts": {
            key: Markup(inline_svg(figure, alts[key], f"processes-{key}"))
            for key, figure in drawn.items()
        },
    }


def _read(paths: StudyPaths) -> SequenceScoresFile:
    with np.load(paths.scores(SEQUENCE.name)) as file:
        first = file["first"]
        scores = {
            key.removeprefix("baseline/"): np.split(file[key], first[1:-1])
            for key in file.files
            if key.startswith("baseline/")
        }
        scores[NETWORK] = np.split(file["active"], first[1:-1])
        true = [_segment(row, seen=int(row["seen"])) for row in file["spans"]]
        predicted = [_segment(row, score=float(row["score"])) for row in file["segments"]]
        return SequenceScoresFile(file["numbers"], scores, file["detectability"], true, predicted)


def _segment(row: Any, score: float = 1.0, seen: int = -1) -> Segment:
    sequence, process, begin, end = (int(row[k]) for k in ("sequence", "process", "begin", "end"))
    return Segment(sequence, process, begin, end, score, seen)


def _row(name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """The cells of one method in the table."""
    names, change, alarm = entry["names"], entry["change"], entry["alarm"]
    strata = entry.get("by_detectability", {})
    mean, interval = entry.get("mean_average_precision"), entry.get("interval")
    return {
        "title": _TITLES[name],
        "mean": _number(mean) if names else "names none",
        "interval": interval_text(tuple(interval)) if names and interval else "",
        **{f"d{n}": _number(strata.get(key)) if names else "" for n, key in enumerate(_STRATA)},
        "change": _number(change["average_precision"]),
        "strong": _percent(alarm["strong"]["within"]["10"]),
        "delay": _number(alarm["strong"]["mean_delay"], ".1f"),
    }


def _number(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _curves(
    scores: SequenceScoresFile, names: Sequence[str]
) -> dict[str, list[tuple[float, float, float]]]:
    """False alarms in 10⁴ frames, part found within 10 frames, and mean delay, by method."""
    quiet = [n for n, d in enumerate(scores.detectability) if not (d[_SAMPLE] > 0).any()]
    strong = [
        one
        for one in scores.true
        if _SAMPLE[one.process] and scores.detectability[one.sequence, one.process] >= _STRONG
    ]
    curves: dict[str, list[tuple[float, float, float]]] = {}
    if not quiet or not strong:
        return curves
    for name in names:
        own = scores.scores[name]
        named = own[0].ndim == 2
        change = [s[:, _SAMPLE].max(axis=1) if named else s for s in own]
        null = [change[n] for n in quiet]
        frames = sum(map(len, null))
        levels = np.unique(np.quantile(np.concatenate(null), np.linspace(0.5, 1, _LEVELS)))
        true = strong
        if not named:
            true = [Segment(s.sequence, 0, s.begin, s.end, seen=s.seen) for s in strong]
            own = [s[:, None] for s in own]
        points = []
        for level in levels:
            late = delays(true, own, float(level))
            false = 1e4 * sum(alarms(one, level) for one in null) / frames
            points.append((false, late.within[10], late.mean))
        curves[_TITLES[name]] = sorted(points)
    return curves


def _example(paths: StudyPaths, scores: SequenceScoresFile) -> sequence_charts.Example | None:
    """The test sequence whose processes the network finds best; None: it finds none."""
    pairs = [
        pair for pair in matched(scores.true, scores.predicted, 0.25) if _SAMPLE[pair[0].process]
    ]
    some: dict[int, float] = {}
    for truth, guess in pairs:
        # A process that takes its time shows more than one that happens at once.
        value = guess.overlap(truth) * min(truth.end - truth.begin, 20)
        some[truth.sequence] = some.get(truth.sequence, 0.0) + value
    for place in sorted(some, key=lambda n: (-some[n], n)):
        number = int(scores.numbers[place])
        path = paths.features(number)
        if path.exists():
            with open_features(path) as file:
                profile = file.profile
            return sequence_charts.Example(
                number,
                profile,
                [s for s in scores.true if s.sequence == place],
                [s for s in scores.predicted if s.sequence == place],
                scores.scores[NETWORK][place],
            )
    return None
