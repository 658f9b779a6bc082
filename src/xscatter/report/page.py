"""Put the page together: every number and sentence of the report, handed to the template."""

import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from xscatter import pictures
from xscatter.core.files import write_text
from xscatter.core.progress import track
from xscatter.core.provenance import git_revision
from xscatter.core.version import __version__
from xscatter.report import charts, expansion, samples, times
from xscatter.report.results import (
    History,
    View,
    in_words,
    paired_intervals,
    read_history,
    read_training,
    read_views,
)
from xscatter.report.svg import inline_svg, page_style
from xscatter.store.paths import VIEWS, StudyPaths
from xscatter.study import Study, dump_study
from xscatter.tags import CONTRAST, DETECTABLE, TAGS

_CONTENTS = (
    ("result", "Result"),
    ("tags", "Tag by tag"),
    ("training", "Training"),
    ("calibration", "Can the scores be read as probabilities?"),
    ("mistakes", "The most confident mistakes"),
    ("samples", "Sample images of each tag"),
    ("coefficients", "An image, its coefficients, and back"),
    ("times", "Time and memory"),
    ("reproduce", "What was run, and how to run it again"),
)


def write_report(study: Study, paths: StudyPaths) -> None:
    """Write ``report.html`` from the results of `study`.

    Raises:
        UserError: a result that the report needs is missing or damaged.
    """
    views = read_views(paths)
    histories = {view: read_history(paths.model(view) / "history.csv") for view in VIEWS}
    trainings = [_training(view, read_training(paths.model(view))) for view in VIEWS]
    found = samples.read_labels(study, paths)
    package = files("xscatter.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string(
        package.joinpath("template.html").read_text(encoding="utf-8")
    )
    content = {
        "version": __version__,
        "revision": git_revision(),
        "style": Markup(package.joinpath("style.css").read_text(encoding="utf-8")),
        "study": study,
        "study_file": dump_study(study),
        "contents": _CONTENTS,
        "detectable": f"{DETECTABLE:g}",
        "contrast": f"{CONTRAST:g}",
        "masked": pictures.MASKED,
        "saturated": pictures.SATURATED,
        **_scores(study, views),
        **_charts(views, histories),
        **_pictures(study, paths, views, found),
        "trainings": trainings,
        **_times(study, paths),
        "facts": _facts(study, paths, views),
    }
    write_text(paths.report, template.render(content))


def _scores(study: Study, views: Sequence[View]) -> dict[str, Any]:
    """Sentences and rows about average precision."""
    named = {view.name: view for view in views}
    best = max(views, key=lambda view: view.mean)
    occurring = [tag for tag in views[0].tags.values() if tag.occurs]
    baseline = named["mean"].mean
    pairs = [*((view, "mean") for view in VIEWS), ("coefficient", "image")]
    *to_mean, to_image = paired_intervals(views, pairs, study.seed)
    over = {
        view: f"{named[view].mean - baseline:+.3f} ({in_words(ends, '+.3f')})".replace("-", "−")
        for view, ends in zip(VIEWS, to_mean, strict=True)
    }
    means = [
        {
            "name": view.name,
            "title": view.title,
            "mean": view.mean,
            "interval": in_words(view.interval),
            # The bar that shows it, in percent of its length; None: there is no interval.
            "left": None if math.isnan(view.interval[0]) else round(100 * view.interval[0], 1),
            "width": round(100 * (view.interval[1] - view.interval[0]), 1),
            "best": view is best,
            "over": over.get(view.name, ""),
        }
        for view in views
    ]
    size = study.simulate.size
    experiments = len(np.unique(views[0].source[:, 0]))
    gain = named["coefficient"].mean - named["image"].mean
    verdict = (
        f"On {_grouped(len(views[0].source))} test images of {experiments} experiment{'s' * (experiments > 1)} that no "
        f"network has seen, "
        f"the best view is “{best.title}”: mean average precision {best.mean:.3f} "
        f"(95 % interval {in_words(best.interval)}). Coefficients alone are "
        f"{_difference(gain, to_image)} than images alone; the joint network "
        f"is {_difference(named['joint'].mean - baseline, to_mean[2])} than the plain mean of the two networks’ logits."
    )
    lead = (
        f"{_grouped(study.simulate.experiments * study.simulate.images)} synthetic x-ray scattering images of "
        f"{size} × {size} pixels, their Fourier-Bessel coefficients, and three networks that name what an image shows."
    )
    return {
        "lead": lead,
        "verdict": verdict,
        "means": means,
        "views": views,
        "occurring": len(occurring),
        "test_experiments": experiments,
        "floor": float(np.mean([tag.prevalence for tag in occurring])) if occurring else 0.0,
        "tag_rows": [_tag_row(tag.name, views) for tag in charts.ordered_tags(views)],
        "absent": ", ".join(tag.name for tag in views[0].tags.values() if not tag.occurs),
    }


def _difference(value: float, interval: tuple[float, float]) -> str:
    """A difference in words, which says no more than its interval allows."""
    ends = f"95 % interval {in_words(interval, '+.3f')}".replace("-", "−")
    if interval[0] <= 0 <= interval[1]:
        return f"not clearly better or worse ({ends})"
    return f"{abs(value):.3f} {'better' if value >= 0 else 'worse'} ({ends})"


def _tag_row(name: str, views: Sequence[View]) -> dict[str, Any]:
    scores = [view.tags[name] for view in views]
    best = max(score.average_precision for score in scores)
    joint = next(view for view in views if view.name == "joint").tags[name]
    return {
        "name": name,
        "share": f"{100 * joint.prevalence:.1f} %",
        "cells": [
            {
                "value": f"{score.average_precision:.3f}",
                "interval": in_words(score.interval, ".2f", "–", ""),
                "best": score.average_precision == best,
            }
            for score in scores
        ],
        "precision": f"{joint.precision:.2f}",
        "recall": f"{joint.recall:.2f}",
        "threshold": f"{joint.threshold:.2f}",
    }


def _charts(views: Sequence[View], histories: dict[str, History]) -> dict[str, Any]:
    """Line charts as SVG, and the calibration errors."""
    with page_style():
        drawn = {
            "tags": charts.tag_chart(views),
            "precision_recall": charts.precision_recall_chart(views),
            "training": charts.training_chart(histories),
            "reliability": charts.reliability_chart(views),
        }
    alts = {
        "tags": "Average precision of every tag for the four views; the numbers are in the table below",
        "precision_recall": "Curves of precision against recall for every tag and view",
        "training": "Curves of training and validation over the rounds of training of the three networks",
        "reliability": "Share of images that have a tag against the score given, for the four views",
    }
    svgs = {
        key: Markup(inline_svg(figure, alts[key], key.replace("_", "-")))
        for key, figure in drawn.items()
    }
    errors = [
        {
            "title": v.title,
            **{
                kind: f"{v.calibration[kind].expected_calibration_error:.3f}"
                for kind in v.calibration
            },
        }
        for v in views
    ]
    return {"charts": svgs, "errors": errors}


def _pictures(
    study: Study, paths: StudyPaths, views: Sequence[View], found: samples.Labels
) -> dict[str, Any]:
    """Samples, mistakes and coefficients, as SVG with captions."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for column, name in enumerate(track(found.names, "report", end=False)):
        drawn = []
        for word, row in samples.pick_samples(found, column):
            experiment, image = map(int, found.source[row])
            value = found.detectability[row, column]
            caption = [word] if word else []
            caption += [_strength(value)] if not np.isnan(value) else []
            caption += [f"experiment\N{NO-BREAK SPACE}{experiment}, image\N{NO-BREAK SPACE}{image}"]
            svg = samples.small_picture(
                paths,
                experiment,
                image,
                f"{name}: image {image} of experiment {experiment}",
                f"s{column}-{row}",
            )
            drawn.append({"svg": Markup(svg), "caption": ", ".join(caption)})
        group, definition = _known(name)
        groups.setdefault(group, []).append(
            {"name": name, "definition": definition, "pictures": drawn}
        )
    joint = next(view for view in views if view.name == "joint")
    shown = []
    for number, (experiment, image) in enumerate(samples.richest(found, 2)):
        svg, error = expansion.draw(study, paths, experiment, image, f"c{number}")
        row = int(np.flatnonzero((found.source == (experiment, image)).all(axis=1))[0])
        tags = ", ".join(np.array(found.names)[found.labels[row]])
        text = (
            f"Experiment {experiment}, image {image}: {tags}. Counting noise and what the truncation leaves out: "
            f"{100 * error:.1f} % (relative L2 difference on live pixels of the disk, in the units of the expansion)."
        )
        shown.append({"svg": Markup(svg), "caption": text})
    return {
        "samples": groups,
        "coefficients": shown,
        "false_alarms": _mistakes(paths, views, joint, wanted=False),
        "misses": _mistakes(paths, views, joint, wanted=True),
        "confusions": joint.confusions[:10],
    }


def _training(view: str, facts: dict[str, Any]) -> dict[str, str]:
    return {
        "view": view,
        "network": str(facts["settings"][f"{view}_network"]),
        "weights": _grouped(facts["weights"]),
        "rounds": str(facts["rounds"]),
        "best": str(facts["best_round"]),
        "seconds": _duration(facts["seconds"]),
        "reason": str(facts["reason"]),
    }


def _known(name: str) -> tuple[str, str]:
    """Group and definition of a tag; shards of another version may have tags that this one does not know."""
    tag = next((tag for tag in TAGS if tag.name == name), None)
    return (tag.group, tag.definition) if tag else ("other", "")


def _mistakes(
    paths: StudyPaths, views: Sequence[View], joint: View, wanted: bool
) -> list[dict[str, Any]]:
    drawn = []
    names = list(joint.tags)
    for row, column in samples.pick_mistakes(joint, wanted):
        experiment, image = map(int, joint.source[row])
        value = samples.detectability_of(paths, [(experiment, image)])[0][column]
        strength = "" if np.isnan(value) else f"{_strength(value)}, "
        alt = f"Image {image} of experiment {experiment}, {names[column]} {'missed' if wanted else 'given wrongly'}"
        svg = samples.small_picture(paths, experiment, image, alt, f"m{int(wanted)}-{row}-{column}")
        caption = Markup("<strong>{}</strong><br>{}<br>{}experiment&nbsp;{}, image&nbsp;{}").format(
            names[column], samples.scores_in_words(views, row, column), strength, experiment, image
        )
        drawn.append({"svg": Markup(svg), "caption": caption})
    return drawn


def _strength(detectability: float) -> str:
    return (
        f"d′ = {detectability:.3g}"
        if detectability < 1000
        else f"d′ = {_grouped(round(detectability))}"
    )


def _times(study: Study, paths: StudyPaths) -> dict[str, Any]:
    rows = times.read_times(study, paths)
    return {
        "images_a_job": study.simulate.images,
        "size": f"{study.simulate.size} × {study.simulate.size}",
        "times": [
            {
                "name": f"{row.stage} {row.unit}".strip(),
                "jobs": row.jobs,
                "seconds": _duration(row.seconds),
                "median": _duration(row.median),
                "cpu": "" if row.cpu_seconds is None else _duration(row.cpu_seconds),
                "per_image": _duration(row.per_image),
                "memory": "" if row.memory is None else f"{row.memory:,.0f} MB".replace(",", " "),
            }
            for row in rows
        ],
        "comparison": [
            {
                "images": _grouped(entry["images"]),
                **{
                    stage: f"{_duration(entry['here'].get(stage))} ({_duration(entry['processor'].get(stage))})"
                    for stage in ("simulate", "transform")
                },
                "small": _duration(entry["published"][256]),
                "large": _duration(entry["published"][1000]),
            }
            for entry in times.comparison(study, rows)
        ],
    }


def _duration(seconds: float | None) -> str:
    if seconds is None or math.isnan(seconds):
        return "not measured"
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 3000:
        return f"{seconds / 60:.0f} min"
    return (
        f"{seconds:.0f} s"
        if seconds >= 10
        else f"{seconds:.1f} s"
        if seconds >= 1
        else f"{1000 * seconds:.3g} ms"
    )


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _facts(study: Study, paths: StudyPaths, views: Sequence[View]) -> list[tuple[str, str]]:
    simulate, transform = study.simulate, study.transform
    facts = [
        ("experiments", f"{_grouped(simulate.experiments)} of {simulate.images} images"),
        ("image size", f"{simulate.size} × {simulate.size} pixels ({simulate.sampling})"),
        (
            "expansion",
            f"{transform.angular_orders} angular × {transform.radial_orders} radial orders on a disk of radius "
            f"{study.radius:g} pixels, {transform.boundary}; counts: {transform.counts}; "
            f"masked pixels: {transform.fill}",
        ),
        ("batches", f"{study.pack.batches}; batch {study.pack.test_batch} is the test"),
        ("seed", str(study.seed)),
        (
            "study fingerprints",
            ", ".join(
                f"{s} {study.fingerprint(s)}" for s in ("simulate", "transform", "pack", "train")
            ),
        ),
    ]
    record = views[0].run
    if record:
        facts.append(
            (
                "versions",
                ", ".join(f"{name} {value}" for name, value in record.get("versions", {}).items()),
            )
        )
        facts += [
            (key, str(record[key]))
            for key in ("revision", "host", "time", "command")
            if record.get(key)
        ]
    return facts
