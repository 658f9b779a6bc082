"""Which images of the shards are shown, and how: samples of each tag, and mistakes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xscatter.pictures import new_figure, show_frame
from xscatter.report.results import View
from xscatter.report.svg import inline_svg, page_style
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

# Labels of so many experiments are looked at: enough to find every tag, and quick for any study.
MOST_EXPERIMENTS = 200


@dataclass(frozen=True)
class Labels:
    """Tags of the images looked at: ``source`` (n, 2), ``labels`` (n, T), ``detectability`` (n, T)."""

    names: list[str]
    source: np.ndarray
    labels: np.ndarray
    detectability: np.ndarray


def read_labels(study: Study, paths: StudyPaths) -> Labels:
    """Tags of the images of up to 200 experiments, spread over the study.

    Raises:
        UserError: a shard is missing or damaged.
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


def pick_samples(found: Labels, column: int) -> list[tuple[str, int]]:
    """Rows of a clear, a typical and a faint image with the tag, of different experiments where there are any.

    Clear, typical and faint: detectability at the 95th, 50th and 5th percentile of the images with
    the tag. Tags without a detectability give three images without such words.
    """
    rows = np.flatnonzero(found.labels[:, column])
    values = found.detectability[rows, column]
    known = not np.isnan(values).any()
    if known:
        rows = rows[np.argsort(-values, kind="stable")]
    picked: list[tuple[str, int]] = []
    used: set[int] = set()
    for word, quantile in (("clear", 0.05), ("typical", 0.5), ("faint", 0.95)):
        nearest = np.argsort(
            np.abs(np.arange(len(rows)) - quantile * (len(rows) - 1)), kind="stable"
        )
        free = [row for row in rows[nearest] if found.source[row, 0] not in used]
        free = free or [row for row in rows[nearest] if row not in [row for _, row in picked]]
        if free:
            picked.append((word if known else "", int(free[0])))
            used.add(int(found.source[free[0], 0]))
    return picked


def small_picture(paths: StudyPaths, experiment: int, image: int, alt: str, name: str) -> str:
    """One image as a small inline SVG with axes in q."""
    with open_experiment(paths.experiment(experiment)) as file:
        frame = file.picture(image)
    with page_style():
        # Fixed places: quicker than a layout that is solved, and pictures side by side are aligned.
        figure = new_figure(2.6, 2.4, layout="none")
        axes = figure.add_axes((0.19, 0.17, 0.76, 0.81))
        show_frame(
            axes,
            frame.counts,
            frame.mask,
            geometry=frame.geometry,
            saturation=frame.saturation,
            colorbar=False,
            most=160,
        )
        axes.tick_params(labelsize=7)
        return inline_svg(figure, alt, name)


def pick_mistakes(
    view: View, wanted: bool, count: int = 8, most_each: int = 2
) -> list[tuple[int, int]]:
    """Rows and tags where `view` is most confidently wrong; `wanted`: tags that are there and were missed.

    At most `most_each` for one tag and one for an image, so that a single weakness does not fill the list.
    """
    scores = np.where(view.labels == wanted, view.scores if wanted else -view.scores, np.inf)
    picked: list[tuple[int, int]] = []
    for place in np.argsort(scores, axis=None, kind="stable"):
        row, column = map(int, np.unravel_index(place, scores.shape))
        if not np.isfinite(scores[row, column]) or len(picked) == count:
            break
        # Beyond one half the network agrees with the label: no mistake.
        if (view.scores[row, column] < 0.5) != wanted:
            break
        of_tag = sum(column == other for _, other in picked)
        if of_tag < most_each and row not in [other for other, _ in picked]:
            picked.append((row, column))
    return picked


def detectability_of(paths: StudyPaths, pairs: Iterable[tuple[int, int]]) -> list[np.ndarray]:
    """Detectability (T,) of the images given as (experiment, image)."""
    found = []
    for experiment, image in pairs:
        with open_experiment(paths.experiment(experiment)) as file:
            found.append(file.detectability[image])
    return found


def richest(found: Labels, count: int) -> list[tuple[int, int]]:
    """Images with the most tags, each of another experiment, as (experiment, image)."""
    picked: dict[int, int] = {}
    for row in np.argsort(-found.labels.sum(axis=1), kind="stable"):
        experiment, image = map(int, found.source[row])
        picked.setdefault(experiment, image)
        if len(picked) == count:
            break
    return list(picked.items())


def scores_in_words(views: Sequence[View], row: int, column: int) -> str:
    """Scores that every view gave for one tag of one test image."""
    return ", ".join(f"{view.title} {view.scores[row, column]:.2f}" for view in views)
