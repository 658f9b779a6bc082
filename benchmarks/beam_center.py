"""How well the beam centre is found, and how true its confidence is, on simulated frames.

    python benchmarks/beam_center.py [--experiments 300] [--seed 900002]
        [--instruments all | fitted | unseen] [--size 256]
    python benchmarks/beam_center.py --fit [--experiments 420]

The frames are samples and standards of every instrument, spots of one crystal alone, and blank
frames, read as `xscatter predict` reads them. A third are windows of a larger frame, so that the
beam is anywhere, also far outside on one side or on two; one in seven has the pedestal, the gain
and the read-out noise of a camera. For each kind of frame are printed: the fraction of centres
within 1 % of the longer side, of all and of those whose confidence is .5 or .9 at least; then the
calibration: how many of the centres of a confidence are right.

--fit makes the weights of the confidence again (`src/xscatter/frames/center/weights.py`), from the
seed FITTED and without the kinds of instrument in UNSEEN. Only a file made by the same simulator
has the same numbers.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from xscatter import tags
from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.frames import from_array
from xscatter.frames.center import weights
from xscatter.frames.center.evidence import terms
from xscatter.frames.center.finder import candidates
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.components import Radial
from xscatter.simulate.registry import all_features
from xscatter.simulate.visibility import detectability
from xscatter.study import parse_study

FITTED = 5151
NEAR = 0.01  # of the longer side: what the confidence is the probability of
UNSEEN = (
    "detector: pilatus 300kw", "detector: eiger 4m", "detector: ccd half", "detector: square wide",
    "window: polygon", "window: ellipse", "beamstop: wedge", "beamstop: rod with a round head",
    "grazing: upright film", "read-out: tiles", "obstacle: patch",
)  # fmt: skip
LARGER = 1.5  # side of the frame of which windows are taken
BINS = (0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.01)


def seen_part(experiment, profile):
    """Fraction of the circle of the maximum of `profile` that is on live pixels."""
    top = int(np.argmax(profile))
    near = (np.abs(experiment.q_index - top) < 4) & experiment.live
    return len(np.unique((experiment.chi_index[near] / 4096 * 72).astype(int))) / 72


def can_be_known(done, experiment, labels):
    """Whether a third of a detectable ring is seen, or a low-q cone."""
    if labels[tags.INDEX["diffuse low-q"]] and experiment.setup.placement.on_image:
        return True
    for part in done.components:
        if isinstance(part.component, Radial) and "ring" in tags.with_implied(
            set(part.component.tags)
        ):
            strength, contrast, _ = detectability(part, done, experiment)
            clear = strength >= 2 * tags.DETECTABLE and contrast >= tags.CONTRAST
            if clear and seen_part(experiment, part.profile) >= 1 / 3:
                return True
    return False


def entries(experiment, number, random):
    """Return kind and features of the frames of an experiment; None: those of its sample."""
    features = all_features()
    listed = [("sample", None), ("sample", None)]
    apt = [f for f in features.values() if f.kind == "standard" and f.weight(experiment) > 0]
    if apt and number % 2 == 0:
        standard = apt[number % len(apt)]
        listed.append(("standard", [(standard.name, standard.draw(random, experiment))]))
    if number % 6 == 0:
        crystal = features["single_crystal"]
        if crystal.weight(experiment) > 0:
            drawn = crystal.draw(random, experiment) | {"form": 0}
            listed.append(("spots", [("single_crystal", drawn)]))
        listed.append(("blank", []))
    return listed


def scene_of(experiment, parts):
    """Return the scene of the features `parts`; None where they are None."""
    if parts is None:
        return None
    return {
        "photons": 10**experiment.setup.exposure.log_photons if parts else 0.0,
        "drift": [0.0, 0.0],
        "zingers": 0,
        "features": [{"feature": n, "share": 1.0, "parameters": p} for n, p in parts],
    }


def window(mask, size, random):
    """Return the first row and column of a window of `size` that is not masked, or None."""
    for _ in range(50):
        row, col = random.integers(0, len(mask) - size + 1, 2)
        if mask[row : row + size, col : col + size].mean() < 0.6:
            return row, col
    return None


def as_camera(counts, random):
    """Return `counts` with pedestal, gain and read-out noise."""
    level, gain, noise = 10 ** random.uniform(1, 3.3), random.uniform(0.7, 3), random.uniform(1, 8)
    value = np.rint(level + gain * counts + random.normal(0, noise, counts.shape))
    return np.clip(value, 0, 65535)


def frames(study, larger, number):
    """Yield kinds, counts, mask and true centre of the frames of an experiment.

    Args:
        study: of the frames.
        larger: the same with larger frames, of which windows are taken.
        number: of the experiment.
    """
    random, size = np.random.default_rng([study.seed, number]), study.simulate.size
    windowed = random.random() < 0.35
    experiment = Experiment(larger if windowed else study, number)
    whole = np.empty(experiment.mask.shape, np.uint32)
    for image, (kind, parts) in enumerate(entries(experiment, number, random)):
        scene = scene_of(experiment, parts)
        _, done, labels, _ = simulate_image(experiment, image, whole, scene)
        known = kind in ("sample", "standard") and can_be_known(done, experiment, labels)
        place = window(experiment.mask, size, random) if windowed else (0, 0)
        if place is None:
            continue
        cut = tuple(slice(begin, begin + size) for begin in place)
        mask, truth = experiment.mask[cut], np.array(experiment.geometry.center) - place
        counts = np.where(mask, 0, whole[cut]).astype(np.int64)
        kinds = {kind, f"  detector: {experiment.setup.detector.layout.name}"}
        if random.random() < 0.15:
            counts = np.where(mask, 0, as_camera(counts, random)).astype(np.int64)
            kinds.add("  pedestal added")
        outside = np.maximum(np.maximum(-0.5 - truth, truth - (size - 0.5)), 0)
        if kind == "sample":
            where = ("on the frame", "outside on one side", "outside on two")[np.sum(outside > 0)]
            kinds.add(f"  {'grazing' if experiment.grazing else 'transmission'}, beam {where}")
            if outside.max() > 0.25 * size:
                kinds.add("  beam a quarter of the side outside")
        if known and not experiment.grazing:
            kinds.add("  a third of a ring or a cone seen")
        yield kinds, counts, mask, truth


def judged(task):
    """Return kinds, errors in parts of the side, and estimates of the frames of an experiment."""
    study, larger, number = task
    rows = []
    for kinds, counts, mask, truth in frames(study, larger, number):
        try:
            frame = from_array(counts, mask=mask)
        except UserError:  # nearly all of it is masked
            continue
        usable = frame.mask if frame.hot is None else frame.mask & ~frame.hot
        places = candidates(frame.counts, usable)
        errors = [float(np.hypot(*(p.center - truth))) / max(counts.shape) for p in places]
        rows.append((kinds, errors, places))
    return rows


def collected(seed, size, experiments, instruments):
    """Return the rows of `judged` of all experiments."""
    chosen = {"all": {}, "fitted": {"exclude_kinds": UNSEEN}, "unseen": {"require_kinds": UNSEEN}}
    studies = [
        parse_study(
            {
                "name": "centers",
                "seed": seed,
                "simulate": {
                    "size": side,
                    "experiments": 10**5,
                    "images": 9,
                    **chosen[instruments],
                },
            }
        )
        for side in (size, int(LARGER * size))
    ]
    tasks = [(*studies, number) for number in range(experiments)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [row for rows in track(pool.map(judged, tasks), "experiments", experiments)
                for row in rows]  # fmt: skip


def fit(rows):
    """Write the weights of the confidence, fitted on all candidates of all frames."""
    from sklearn.linear_model import LogisticRegression

    evidence = np.array([one.evidence for _, _, places in rows for one in places])
    right = np.array([error < NEAR for _, errors, _ in rows for error in errors])
    means, scales = evidence.mean(0).round(4), evidence.std(0).round(4)
    # Both are few digits, so that the file is short; the fit is on what it says.
    columns = terms(evidence, means, scales)[:, 1:]
    model = LogisticRegression(C=0.1, max_iter=9000).fit(columns, right)
    values = np.round([model.intercept_[0], *model.coef_[0]], 3)
    path, lines = Path(weights.__file__), [f'"""{weights.__doc__}"""', "", "import numpy as np"]
    for name, array in (("MEANS", means), ("SCALES", scales), ("WEIGHTS", values)):
        numbers = [f"{value:g}" for value in array]
        texts = [", ".join(numbers[n : n + 9]) + "," for n in range(0, len(numbers), 9)]
        lines += ["", f"{name} = np.array((", *(f"    {text}" for text in texts), "))  # fmt: skip"]
    path.write_text("\n".join(lines) + "\n")
    print(f"{len(right)} candidates of {len(rows)} frames: {path} is written")


def report(rows):
    """Print how many centres are right, by kind and by confidence."""
    # As `find_center`: the candidate of the largest confidence.
    best = [max(zip(errors, places, strict=True), key=lambda pair: pair[1].confidence)
            if places else (1.0, None) for _, errors, places in rows]  # fmt: skip
    right = np.array([error < NEAR for error, _ in best])
    said = np.array([place.confidence if place else 0.0 for _, place in best])
    names = sorted(set().union(*(kinds for kinds, _, _ in rows)), key=lambda n: (n[0] == " ", n))
    print(f"{'':42s} frames  right   said .5: right     said .9: right")
    for name in ("all", *names):
        chosen = np.array([name == "all" or name in kinds for kinds, _, _ in rows])
        line = f"{name:42s} {chosen.sum():6d}  {right[chosen].mean():5.2f}"
        for least in (0.5, 0.9):
            sure = chosen & (said >= least)
            line += f"   {sure.sum():7d}: " + (
                f"{right[sure].mean():5.2f}" if sure.any() else "  -  "
            )
        print(line)
    print("\nconfidence     frames  mean said  right")
    for low, high in pairwise(BINS):
        chosen = (said >= low) & (said < high)
        if chosen.any():
            print(
                f"{low:.2f} to {min(high, 1):.2f} {chosen.sum():8d} {said[chosen].mean():10.2f} "
                f"{right[chosen].mean():6.2f}"
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--experiments", type=int, default=300)
    parser.add_argument("--seed", type=int, default=900002)
    parser.add_argument("--instruments", choices=("all", "fitted", "unseen"), default="all")
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    if arguments.fit:
        fit(collected(FITTED, arguments.size, arguments.experiments, "fitted"))
    else:
        report(collected(arguments.seed, arguments.size, arguments.experiments,
                         arguments.instruments))  # fmt: skip


if __name__ == "__main__":
    main()
