"""Choose the images that the report shows: samples of each tag, and confident mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xscatter.pictures import new_figure, show_frame
from xscatter.report.results import ViewScores
from xscatter.report.svg import inline_svg, page_style
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

# Enough experiments to find every tag, and few enough to be quick for any study.
MOST_EXPERIMENTS = 200


@dataclass(frozen=True)
class Labels:
    """Tags of some images: ``source`` (n, 2), ``labels`` (n, T), ``detectability`` (n, T)."""

    names: list[str]
    source: np.ndarray
    labels: np.ndarray
    detectability: np.ndarray


def read_labels(study: Study, paths: StudyPaths) -> Labels:
    """Read the tags of the images of up to 200 experiments, spread evenly over the study.

    Raises:
        UserError: An experiment is missing or damaged.
    """
    count = study.simulate.experiments
    numbers = np.unique(np.linspace(0, count - 1, min(count, MOST_EXPERIMENTS)).round().astype(int))
    source, labels, detectability = [], [], []
    for number in numbers:
        with open_experiment(paths.experiment(number)) as file:
            names = file.tags()
            labels.append(file.labels[()].astype(bool))
            detectability.append(file.detectability[()])
        images = len(labels[-1])
        source.append(np.stack([np.full(images, number), np.arange(images)], axis=1))
    return Labels(
        names, np.concatenate(source), np.concatenate(labels), np.concatenate(detectability)
    )


def pick_samples(labels: Labels, column: int) -> list[tuple[str, int]]:
    """Choose a clear, a typical and a faint image with a tag, of different experiments if possible.

    Clear, typical and faint are the 95th, 50th and 5th percentile of the detectability among the
    images with the tag.

    Args:
        labels: The images to choose from.
        column: Column of the tag.

    Returns:
        A word and a row of `labels` for each of up to three images; the words are empty for tags
        without a detectability.
    """
    rows = np.flatnonzero(labels.labels[:, column])
    values = labels.detectability[rows, column]
    known = not np.isnan(values).any()
    if known:
        # Clearest first, so that quantiles are places in the list.
        rows = rows[np.argsort(-values, kind="stable")]
    picked: list[tuple[str, int]] = []
    # Images of one experiment look alike, so each sample is of another one.
    used: set[int] = set()
    for word, quantile in (("clear", 0.05), ("typical", 0.5), ("faint", 0.95)):
        nearest = np.argsort(
            np.abs(np.arange(len(rows)) - quantile * (len(rows) - 1)), kind="stable"
        )
        free = [row for row in rows[nearest] if labels.source[row, 0] not in used]
        free = free or [row for row in rows[nearest] if row not in [row for _, row in picked]]
        if free:
            picked.append((word if known else "", int(free[0])))
            used.add(int(labels.source[free[0], 0]))
    return picked


def small_picture(paths: StudyPaths, experiment: int, image: int, alt: str, name: str) -> str:
    """Draw one image as a small inline SVG with axes in q.

    Args:
        paths: Files of the study.
        experiment: Number of the experiment.
        image: Number of the image in it.
        alt: Description for screen readers.
        name: Start of every id in the SVG.
    """
    with open_experiment(paths.experiment(experiment)) as file:
        panel = file.picture(image)
    with page_style():
        # A fixed layout: faster than one that is solved, and pictures side by side are aligned.
        figure = new_figure(2.6, 2.4, layout="none")
        axes = figure.add_axes((0.19, 0.17, 0.76, 0.81))
        show_frame(
            axes,
            panel.counts,
            panel.mask,
            geometry=panel.geometry,
            saturation=panel.saturation,
            colorbar=False,
            most=160,
        )
        axes.tick_params(labelsize=7)
        return inline_svg(figure, alt, name)


def pick_mistakes(
    view: ViewScores, missed: bool, count: int = 8, most_each: int = 2
) -> list[tuple[int, int]]:
    """Choose the most confident mistakes of `view`.

    Args:
        view: Its scores.
        missed: True: tags that are true and were missed; False: tags that were given wrongly.
        count: Number of mistakes.
        most_each: Upper limit for one tag, so that a single weakness does not fill the list; an
            image is chosen once at most.

    Returns:
        Row of the image and column of the tag of each mistake, the most confident first.
    """
    scores = np.where(view.labels == missed, view.scores if missed else -view.scores, np.inf)
    picked: list[tuple[int, int]] = []
    for place in np.argsort(scores, axis=None, kind="stable"):
        row, column = map(int, np.unravel_index(place, scores.shape))
        if not np.isfinite(scores[row, column]) or len(picked) == count:
            break
        # From here on the score is on the right side of one half: no mistake.
        if (view.scores[row, column] < 0.5) != missed:
            break
        of_tag = sum(column == other for _, other in picked)
        if of_tag < most_each and row not in [other for other, _ in picked]:
            picked.append((row, column))
    return picked


def detectability_of(paths: StudyPaths, experiment: int, image: int) -> np.ndarray:
    """Return the detectability (T,) of the tags of one image.

    Args:
        paths: of the study.
        experiment: its number.
        image: number of the image in it.
    """
    with open_experiment(paths.experiment(experiment)) as file:
        return file.detectability[image]


def richest(labels: Labels, count: int) -> list[tuple[int, int]]:
    """Return the images with most tags as (experiment, image), at most one of each experiment."""
    picked: dict[int, int] = {}
    for row in np.argsort(-labels.labels.sum(axis=1), kind="stable"):
        experiment, image = map(int, labels.source[row])
        picked.setdefault(experiment, image)
        if len(picked) == count:
            break
    return list(picked.items())


def scores_in_words(scores: Sequence[ViewScores], row: int, column: int) -> str:
    """Return the score of every view for one tag of one test image, as text.

    Args:
        scores: of every view.
        row: number of the image in the test set.
        column: number of the tag.
    """
    return ", ".join(f"{view.title} {view.scores[row, column]:.2f}" for view in scores)
