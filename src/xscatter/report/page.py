"""Write the report: collect every number and sentence, and fill in the template."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from xscatter import pictures
from xscatter.core.files import write_text
from xscatter.core.provenance import git_revision
from xscatter.core.version import __version__
from xscatter.report import charts, samples
from xscatter.report.gallery import draw_gallery
from xscatter.report.results import (
    History,
    ViewScores,
    read_history,
    read_training,
    read_views,
)
from xscatter.report.summary import summarise
from xscatter.report.svg import inline_svg, page_style
from xscatter.report.times import time_tables
from xscatter.report.words import duration, grouped
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import STAGES, Study, dump_study
from xscatter.tags import CONTRAST, DETECTABLE
from xscatter.views import VIEWS

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
        UserError: A result that the report needs is missing or damaged.
    """
    scores = read_views(paths)
    models = {view: ModelFolder(paths.model(view)) for view in VIEWS}
    histories = {view: read_history(model.history) for view, model in models.items()}
    trainings = [_training_row(view, read_training(model)) for view, model in models.items()]
    labels = samples.read_labels(study, paths)
    package = files("xscatter.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string(
        package.joinpath("template.html").read_text(encoding="utf-8")
    )
    content = {
        "version": __version__,
        "revision": git_revision(),
        "style": Markup(package.joinpath("style.css").read_text(encoding="utf-8")),
        "colours": {view.name: charts.look(view.name)["color"] for view in scores},
        "study": study,
        "study_file": dump_study(study),
        "contents": _CONTENTS,
        "detectable": f"{DETECTABLE:g}",
        "contrast": f"{CONTRAST:g}",
        "masked": pictures.MASKED_COLOUR,
        "saturated": pictures.SATURATED_COLOUR,
        **summarise(study, scores),
        "unfamiliar": [(view.title, view.unfamiliar) for view in scores if view.unfamiliar],
        **_charts(scores, histories),
        **draw_gallery(study, paths, scores, labels),
        "trainings": trainings,
        **time_tables(study, paths),
        "facts": _facts(study, scores),
    }
    write_text(paths.report, template.render(content))


def _charts(scores: Sequence[ViewScores], histories: dict[str, History]) -> dict[str, Any]:
    """Return the charts as SVG, and the calibration errors."""
    with page_style():
        drawn = {
            "tags": charts.tag_chart(scores),
            "precision_recall": charts.precision_recall_chart(scores),
            "training": charts.training_chart(histories),
            "reliability": charts.reliability_chart(scores),
        }
    alts = {
        "tags": "Average precision of every tag and view; the numbers are in the table below",
        "precision_recall": "Curves of precision against recall for every tag and view",
        "training": "Curves of training and validation over the epochs of every training",
        "reliability": "Fraction of images that have a tag against its score, for every view",
    }
    svgs = {
        key: Markup(inline_svg(figure, alts[key], key.replace("_", "-")))
        for key, figure in drawn.items()
    }
    errors = [
        {
            "title": view.title,
            "raw": f"{view.calibration.raw.expected_calibration_error:.3f}",
            "per_tag": f"{view.calibration.per_tag.expected_calibration_error:.3f}",
        }
        for view in scores
    ]
    return {"charts": svgs, "errors": errors}


def _training_row(view: str, facts: dict[str, Any]) -> dict[str, str]:
    return {
        "view": view,
        "network": str(facts["settings"].get(f"{view}_network", "")),
        "weights": grouped(facts["weights"]),
        "epochs": str(facts["epochs"]),
        "best": str(facts["best_epoch"]),
        "seconds": duration(facts["seconds"]),
        "reason": str(facts["reason"]),
    }


def _facts(study: Study, scores: Sequence[ViewScores]) -> list[tuple[str, str]]:
    """Return names and values of what was run."""
    simulate, transform = study.simulate, study.transform
    facts = [
        ("experiments", f"{grouped(simulate.experiments)} of {simulate.images} images"),
        ("image size", f"{simulate.size} × {simulate.size} pixels ({simulate.sampling})"),
        (
            "expansion",
            f"{transform.angular_orders} angular × {transform.radial_orders} radial orders on a "
            f"disk of radius {study.radius:g} pixels, {transform.boundary}; "
            f"counts: {transform.counts}; masked pixels: {transform.fill}",
        ),
        ("batches", f"{study.pack.batches}; batch {study.pack.test_batch} is the test set"),
        ("seed", str(study.seed)),
        ("study fingerprints", ", ".join(f"{s} {study.fingerprint(s)}" for s in STAGES)),
    ]
    run = scores[0].run
    if run:
        versions = run.get("versions", {})
        facts.append(("versions", ", ".join(f"{name} {versions[name]}" for name in versions)))
        facts += [
            (key, str(run[key])) for key in ("revision", "host", "time", "command") if run.get(key)
        ]
    return facts
