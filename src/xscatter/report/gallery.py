"""The report's pictures of images: samples of each tag, expansions, and confident mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from xscatter.core.progress import track
from xscatter.report import expansion, samples
from xscatter.report.results import ViewScores, featured
from xscatter.report.words import grouped
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.tags import TAGS


def draw_gallery(
    study: Study, paths: StudyPaths, scores: Sequence[ViewScores], labels: samples.Labels
) -> dict[str, Any]:
    """Return samples, mistakes and expansions as SVG with captions, for the template.

    Args:
        study: The study.
        paths: Its files.
        scores: Scores of all views.
        labels: Tags of the images that samples are chosen from.
    """
    joint = featured(scores)
    return {
        "samples": _samples(paths, labels),
        "coefficients": _expansions(study, paths, labels),
        "false_alarms": _mistakes(paths, scores, missed=False),
        "misses": _mistakes(paths, scores, missed=True),
        "confusions": joint.confusions[:10],
        "featured": joint.title,
    }


def _samples(paths: StudyPaths, labels: samples.Labels) -> dict[str, list[dict[str, Any]]]:
    """Draw sample images of each tag, grouped as the tags are."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for column, name in enumerate(track(labels.names, "report", end=False)):
        pictures = []
        for word, row in samples.pick_samples(labels, column):
            experiment, image = map(int, labels.source[row])
            value = labels.detectability[row, column]
            strength = "" if np.isnan(value) else _strength(value)
            place = f"experiment\N{NO-BREAK SPACE}{experiment}, image\N{NO-BREAK SPACE}{image}"
            alt = f"{name}: image {image} of experiment {experiment}"
            svg = samples.small_picture(paths, experiment, image, alt, f"s{column}-{row}")
            caption = ", ".join(text for text in (word, strength, place) if text)
            pictures.append({"svg": Markup(svg), "caption": caption})
        group, definition = _known(name)
        groups.setdefault(group, []).append(
            {"name": name, "definition": definition, "pictures": pictures}
        )
    return groups


def _known(name: str) -> tuple[str, str]:
    """Return the group and the definition of a tag.

    Experiments of another version may have tags that this version does not know.
    """
    tag = next((tag for tag in TAGS if tag.name == name), None)
    return (tag.group, tag.definition) if tag else ("other", "")


def _expansions(
    study: Study, paths: StudyPaths, labels: samples.Labels, count: int = 2
) -> list[dict[str, Any]]:
    """Draw the images with most tags, their coefficients and the images made of these."""
    pictures = []
    for number, (experiment, image) in enumerate(samples.richest(labels, count)):
        svg, error = expansion.draw(study, paths, experiment, image, f"c{number}")
        row = int(np.flatnonzero((labels.source == (experiment, image)).all(axis=1))[0])
        tags = ", ".join(np.array(labels.names)[labels.labels[row]])
        caption = (
            f"Experiment {experiment}, image {image}: {tags}. Difference between the two images, "
            f"from counting noise and truncation: {100 * error:.1f} % (relative L2 norm over the "
            "live pixels of the disk, in the units of the expansion)."
        )
        pictures.append({"svg": Markup(svg), "caption": caption})
    return pictures


def _mistakes(
    paths: StudyPaths, scores: Sequence[ViewScores], missed: bool
) -> list[dict[str, Any]]:
    """Draw the most confident mistakes: tags that were missed, or tags that were given wrongly."""
    joint = featured(scores)
    names = list(joint.tags)
    pictures = []
    for row, column in samples.pick_mistakes(joint, missed):
        experiment, image = map(int, joint.source[row])
        value = samples.detectability_of(paths, experiment, image)[column]
        strength = "" if np.isnan(value) else f"{_strength(value)}, "
        mistake = "missed" if missed else "given wrongly"
        alt = f"Image {image} of experiment {experiment}, {names[column]} {mistake}"
        svg = samples.small_picture(paths, experiment, image, alt, f"m{int(missed)}-{row}-{column}")
        caption = Markup("<strong>{}</strong><br>{}<br>{}experiment&nbsp;{}, image&nbsp;{}").format(
            names[column],
            samples.scores_in_words(scores, row, column),
            strength,
            experiment,
            image,
        )
        pictures.append({"svg": Markup(svg), "caption": caption})
    return pictures


def _strength(detectability: float) -> str:
    return (
        f"d′ = {detectability:.3g}"
        if detectability < 1000
        else f"d′ = {grouped(round(detectability))}"
    )
