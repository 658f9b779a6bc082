"""The scene of an image: which features, with what parameters, and how many photons each.

A scene is plain data (it is stored as JSON beside the image) and, with the experiment, enough to
regenerate the image.
"""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from xscatter.core.seeds import Purpose, generator
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.registry import Feature, chosen_features

STANDARDS = 0.035  # fraction of images that show a calibration standard
EMPTY = 0.025  # fraction of images without a sample: the beam, air and windows alone
BLANKS = 0.015  # fraction of images without beam
OVEREXPOSED = 0.16  # fraction of images that are exposed far too long

# By experiment and kind; all images of an experiment draw with the same weights.
_WEIGHTS: WeakKeyDictionary[Experiment, dict[str, list[tuple[Feature, float]]]] = (
    WeakKeyDictionary()
)


def draw_scene(experiment: Experiment, image: int) -> dict[str, Any]:
    """Draw the scene of image number `image`: a pure function of (seed, experiment, image)."""
    study = experiment.study
    rng = generator(study.seed, Purpose.SCENE, experiment.number, image)
    # Images of one experiment differ in exposure by a factor of about three either way.
    photons = 10 ** (experiment.setup.exposure.log_photons + rng.normal(0, 0.45))
    # 5 to 100 times the exposure of the other images.
    if rng.random() < OVEREXPOSED:
        photons *= 10 ** rng.uniform(0.7, 2.0)
    scene: dict[str, Any] = {
        "photons": float(photons),
        "drift": [
            float(x) for x in np.clip(rng.normal(0, 0.15, 2), -0.5, 0.5)
        ],  # pixels of the layout
        "zingers": int(rng.poisson(8) + 1) if rng.random() < 0.07 else 0,
        "features": [],
    }
    # One number decides between blank, standard and sample, so that they exclude each other.
    kind = rng.random()
    if kind < BLANKS:
        scene["photons"] = 0.0
        return scene
    standards = _weighted(experiment, "standard")
    # A standard is measured alone: it calibrates the detector, there is no sample beside it.
    if kind < BLANKS + STANDARDS and standards:
        scene["features"] = [_entry(experiment, rng, _pick(rng, standards, 1)[0], 1.0)]
        return scene
    # In one image of five the background is as strong as the sample, or stronger.
    background = 10 ** rng.normal(-1.3, 0.5) if rng.random() < 0.8 else 10 ** rng.uniform(-0.3, 0.8)
    scene["features"] += draw_background(experiment, rng, background)
    if BLANKS + STANDARDS <= kind < BLANKS + STANDARDS + EMPTY and scene["features"]:
        return scene
    # One feature at least, 1.1 more on average; one image in three shows one alone.
    scene["features"] += draw_sample(experiment, rng, 1 + rng.poisson(1.1))
    return scene


def _weighted(experiment: Experiment, kind: str) -> list[tuple[Feature, float]]:
    """Return the features of `kind` that occur in the experiment, with their weights."""
    # All images of an experiment share the weights: they are computed once.
    kinds = _WEIGHTS.setdefault(experiment, {})
    if kind not in kinds:
        known = chosen_features(experiment.study.simulate.features).values()
        pairs = [(feature, feature.weight(experiment)) for feature in known if feature.kind == kind]
        kinds[kind] = [(feature, weight) for feature, weight in pairs if weight > 0]
    return kinds[kind]


def _pick(rng: np.random.Generator, weighted: list[tuple[Feature, float]], n: int) -> list[Feature]:
    """Draw `n` different features by their weights (all of them, if there are fewer)."""
    weights = np.array([weight for _, weight in weighted])
    # The n smallest of exponential variables over the weights: sampling without replacement.
    order = np.argsort(rng.exponential(size=len(weights)) / weights)
    return [weighted[i][0] for i in order[:n]]


def _entry(
    experiment: Experiment, rng: np.random.Generator, feature: Feature, share: float
) -> dict[str, Any]:
    return {
        "feature": feature.name,
        "share": float(share),
        "parameters": feature.draw(rng, experiment),
    }


def draw_background(
    experiment: Experiment, rng: np.random.Generator, share: float
) -> list[dict[str, Any]]:
    """Draw the backgrounds of a scene.

    Args:
        experiment: in which they are shown.
        rng: random stream.
        share: of the photons of each, relative to other entries.
    """
    known = _weighted(experiment, "background")
    return [_entry(experiment, rng, one, share) for one, weight in known if rng.random() < weight]


def draw_sample(
    experiment: Experiment, rng: np.random.Generator, count: int
) -> list[dict[str, Any]]:
    """Draw `count` different features of a sample, or all, if there are fewer.

    Args:
        experiment: in which they are shown.
        rng: random stream.
        count: number of features.
    """
    chosen = _pick(rng, _weighted(experiment, "sample"), count)
    return [_entry(experiment, rng, one, 10 ** rng.uniform(*one.share)) for one in chosen]
