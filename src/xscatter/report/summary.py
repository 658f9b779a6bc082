"""The report's sections on average precision: the result in words, and the rows of its tables."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xscatter import views
from xscatter.report import charts
from xscatter.report.results import ViewScores, featured, paired_intervals
from xscatter.report.words import grouped, interval_text
from xscatter.study import Study


def summarise(study: Study, scores: Sequence[ViewScores]) -> dict[str, Any]:
    """Return the sentences and table rows about average precision, for the template."""
    by_name = {view.name: view for view in scores}
    best = max(scores, key=lambda view: view.mean)
    occurring = [tag for tag in scores[0].tags.values() if tag.occurs]
    joint = featured(scores)
    first, *others = views.averaged()
    to_baseline = [(view, views.MEAN) for view in views.VIEWS]
    intervals = paired_intervals(
        scores, [*to_baseline, *((other, first) for other in others)], study.seed
    )

    def compare(name: str, other: str, other_in_words: str) -> str:
        difference = by_name[name].mean - by_name[other].mean
        return _compare(name, other_in_words, difference, intervals[name, other])

    experiments = len(np.unique(scores[0].source[:, 0]))
    sentences = [
        f"On {grouped(len(scores[0].source))} test images of {experiments} "
        f"experiment{'s' * (experiments > 1)}, which no network has seen in training, the best "
        f"view is “{best.title}”: mean average precision {best.mean:.3f} "
        f"(95 % interval {interval_text(best.interval)}).",
        *(compare(other, first, f"the {first} network") for other in others),
        compare(
            joint.name,
            views.MEAN,
            f"the mean of the logits of {_listed([*views.averaged()])} network",
        ),
    ]
    return {
        "lead": (
            f"{grouped(study.simulate.experiments * study.simulate.images)} synthetic x-ray "
            f"scattering images of {study.simulate.size} × {study.simulate.size} pixels, their "
            "Fourier-Bessel coefficients, and the networks that tag them."
        ),
        "verdict": " ".join(sentences),
        "means": [_mean_row(view, view is best, by_name, intervals) for view in scores],
        "views": scores,
        "occurring": len(occurring),
        "test_experiments": experiments,
        "floor": float(np.mean([tag.prevalence for tag in occurring])) if occurring else 0.0,
        "tag_rows": [_tag_row(tag.name, scores, joint) for tag in charts.ordered_tags(scores)],
        "absent": ", ".join(tag.name for tag in scores[0].tags.values() if not tag.occurs),
    }


def _listed(names: list[str]) -> str:
    return f"the {', the '.join(names[:-1])} and the {names[-1]}"


def _compare(name: str, other: str, difference: float, interval: tuple[float, float]) -> str:
    """Return a sentence that says "better" or "worse" only where the interval excludes 0."""
    if interval[0] <= 0 <= interval[1]:
        words = "not clearly better or worse"
    else:
        words = f"{abs(difference):.3f} {'better' if difference >= 0 else 'worse'}"
    ends = interval_text(interval, "+.3f").replace("-", "−")
    return f"The {name} network is {words} than {other} (95 % interval {ends})."


def _mean_row(
    view: ViewScores,
    best: bool,
    by_name: dict[str, ViewScores],
    intervals: dict[tuple[str, str], tuple[float, float]],
) -> dict[str, Any]:
    over = ""
    if view.name != views.MEAN:
        gain = view.mean - by_name[views.MEAN].mean
        ends = interval_text(intervals[view.name, views.MEAN], "+.3f")
        over = f"{gain:+.3f} ({ends})".replace("-", "−")
    return {
        "name": view.name,
        "title": view.title,
        "mean": view.mean,
        "interval": interval_text(view.interval),
        # The bar that shows the interval, in percent of its length; None: there is no interval.
        "left": None if math.isnan(view.interval[0]) else round(100 * view.interval[0], 1),
        "width": round(100 * (view.interval[1] - view.interval[0]), 1),
        "best": best,
        "over": over,
    }


def _tag_row(name: str, scores: Sequence[ViewScores], joint: ViewScores) -> dict[str, Any]:
    row = [view.tags[name] for view in scores]
    best = max(score.average_precision for score in row)
    detail = joint.tags[name]
    return {
        "name": name,
        "share": f"{100 * detail.prevalence:.1f} %",
        "cells": [
            {
                "value": f"{score.average_precision:.3f}",
                "interval": interval_text(score.interval, ".2f", "–", ""),
                "best": score.average_precision == best,
            }
            for score in row
        ],
        "precision": f"{detail.precision:.2f}",
        "recall": f"{detail.recall:.2f}",
        "threshold": f"{detail.threshold:.2f}",
    }
