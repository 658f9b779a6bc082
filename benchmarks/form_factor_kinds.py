"""Why the kinds of form factor are hard to tell apart, on a study that was tested.

    python benchmarks/form_factor_kinds.py results/tagger-128 [--examples 2000 10000]

On test images of which exactly one kind is told: how often each view names it correctly, its score
above that kind's mean being the highest; of all images, and of those where d' of the difference to
the best other kind, which decides the tag, is above 20 and above 50.

Beside it are boosted trees that know more than any network: the azimuthal mean of the expected
image, without noise, of all images of the study; and the scattering of the particles alone, without
noise, for as many examples as requested. What the trees lose from the last to the first is hidden
by the rest of the image; what they gain with examples depends on the size of a study.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from xscatter import tags
from xscatter.core.errors import UserError
from xscatter.report.results import read_views
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.instrument.smearing import smear
from xscatter.simulate.registry import get
from xscatter.simulate.render import render
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.study import load_study

KINDS = ("sphere", "core-shell", "cylinder", "ellipsoid", "lamella")
COLUMNS = [tags.find(f"form factor: {kind}") for kind in KINDS]
RADII = np.exp(np.linspace(np.log(1 / 64), 0, 160))  # of half the image side


def views_right(paths: StudyPaths, detectability: dict[tuple[int, int], float]) -> None:
    """Print how often each view names the kind of the images in `detectability` correctly."""
    for view in read_views(paths):
        rows = [n for n, source in enumerate(view.source) if tuple(source) in detectability]
        strength = np.array([detectability[tuple(view.source[n])] for n in rows])
        truth = view.labels[rows][:, COLUMNS].argmax(axis=1)
        scores = np.clip(view.scores[rows][:, COLUMNS], 1e-9, 1 - 1e-9)
        logits = np.log(scores / (1 - scores))
        right = (logits - logits.mean(axis=0)).argmax(axis=1) == truth
        for least in (0, 20, 50):
            seen = strength >= least
            print(
                f"  {view.name:12} d' at least {least:3}: "
                f"{right[seen].mean():.2f} of {seen.sum()} images"
            )


def expected_mean(scene: dict, experiment: Experiment) -> np.ndarray:
    """Return the logarithm of the azimuthal mean of the expected counts at `RADII`."""
    side = np.arange(experiment.size)
    row, col = experiment.geometry.center
    ring = np.round(4 * np.hypot(side[:, None] - row, side - col)).astype(int)
    live = experiment.gain > 0
    count = np.bincount(ring[live])
    total = np.bincount(ring[live], render(scene, experiment).expected[live].astype(float))
    full = count > 0
    at = RADII * experiment.size / 2
    return np.log(np.interp(at, np.flatnonzero(full) / 4, total[full] / count[full]) + 1e-6)


def alone(rng: np.random.Generator, experiment: Experiment, kind: int) -> np.ndarray:
    """Return the logarithm of the scattering of new particles at `RADII`, with resolution."""
    feature = get(KINDS[kind].replace("-", "_"))
    curve = sum(
        one.profile for one in feature.contribute(feature.draw(rng, experiment), experiment)
    )
    smeared = smear(curve[None], experiment.resolution / experiment.q_step)[0]
    at = RADII * experiment.size / 2 * experiment.q_per_pixel
    return np.where(
        at > experiment.q_low, np.log(np.interp(at, experiment.q, smeared) + 1e-30), np.nan
    )


def trees_right(values: list[np.ndarray], kinds: list[int], test: list[bool]) -> str:
    """Train on the examples that are not `test`; return how many of these are named correctly."""
    x, y, held = np.array(values), np.array(kinds), np.array(test)
    model = HistGradientBoostingClassifier(max_iter=80, random_state=0).fit(x[~held], y[~held])
    right = (model.predict(x[held]) == y[held]).mean()
    return f"{right:.2f} of {held.sum()}, trained on {(~held).sum()}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "results", type=Path, help="folder of a study that was tested, with its shards"
    )
    parser.add_argument("--examples", type=int, nargs="+", default=[2000, 10000])
    args = parser.parse_args()
    paths = StudyPaths(args.results)
    try:
        study = load_study(paths.study)
        views = read_views(paths)
    except UserError as error:
        sys.exit(str(error))
    tested = set(views[0].source[:, 0].tolist())
    detectability: dict[tuple[int, int], float] = {}
    values, kinds, test = [], [], []
    visible = told = 0
    for number in range(study.simulate.experiments):
        with open_experiment(paths.experiment(number)) as file:
            labels = file.labels[:, COLUMNS]
            visible += int(np.sum(file.labels[:, tags.find("form factor")]))
            told += int(labels.any(axis=1).sum())
            strength = file.detectability[:, COLUMNS]
            scenes = [file.parameters(image) for image in range(len(file))]
        experiment = Experiment(study, number)
        for image in np.flatnonzero(labels.sum(axis=1) == 1):
            kind = int(labels[image].argmax())
            values.append(expected_mean(scenes[image], experiment))
            kinds.append(kind)
            test.append(number in tested)
            if number in tested:
                detectability[number, int(image)] = float(strength[image, kind])
    share = max(np.bincount([kind for kind, held in zip(kinds, test, strict=True) if held])) / sum(
        test
    )
    print(f"images that show a form factor: {visible}; the kind is told of {told / visible:.2f}")
    print(f"test images that show one kind: {sum(test)}; the commonest kind is {share:.2f} of them")
    views_right(paths, detectability)
    print(f"trees, all that is expected in the image:  {trees_right(values, kinds, test)}")
    rng = np.random.default_rng(0)
    each = 4  # of every kind in an experiment; a quarter of the experiments is the test
    for examples in args.examples:
        values, kinds, test = [], [], []
        for number in range(-(-examples // (each * len(KINDS)))):
            experiment = Experiment(study, study.simulate.experiments + number)
            for kind in range(len(KINDS)):
                values += [alone(rng, experiment, kind) for _ in range(each)]
                kinds += [kind] * each
                test += [number % 4 == 0] * each
        print(f"trees, the particles alone, without noise: {trees_right(values, kinds, test)}")


if __name__ == "__main__":
    main()
