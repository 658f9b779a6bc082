"""How well the beam centre is found: errors and confidence on simulated frames, and on standards.

    python benchmarks/beam_center.py [--size 1000] [--experiments 60] [--images 2]
        [--seed 900001] [--fit]

Frames of every detector. Errors are in pixels, where at least a third of a ring, or a low-q cone
about a beam on the detector, is seen; the confidence is also that of frames that tell nothing
(blank, and spots of one crystal alone). The default seed is not the one that the confidence was
fitted on (`FITTED` below). With --fit, the weights of the confidence are fitted again and printed.
"""

import argparse

import numpy as np

from xscatter import tags
from xscatter.core.progress import track
from xscatter.frames import find_center
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.components import Radial
from xscatter.simulate.registry import all_features
from xscatter.simulate.visibility import detectability
from xscatter.study import parse_study

FITTED = 5150  # the seed of the frames that the weights of the confidence were fitted on
NEAR = 0.01  # of the side: what the confidence is the chance of


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


def frames(seed, size, experiments, images):
    """Yield kind, detector, counts, mask, truth of simulated frames."""
    study = parse_study(
        {"name": "c", "seed": seed, "simulate": {"size": size, "experiments": 10_000, "images": 9}}
    )
    standards = [feature for feature in all_features().values() if feature.kind == "standard"]
    frame = np.empty((size, size), np.uint32)
    for number in track(range(experiments), "experiments"):
        experiment = Experiment(study, number)
        scenes = [None] * images
        rng = np.random.default_rng(number)
        apt = [f for f in standards if f.weight(experiment) > 0]
        entries = (
            [[(f.name, f.draw(rng, experiment))] for f in apt[number % len(apt) :][:1]]
            if apt
            else []
        )
        kinds = ["sample"] * images + ["standard"] * len(entries)
        if number % 4 == 0:
            crystal = next(f for f in all_features().values() if f.name == "single_crystal")
            entries += [[("single_crystal", crystal.draw(rng, experiment) | {"form": 0})], []]
            kinds += ["spots", "blank"]
        for parts in entries:
            photons = 10**experiment.setup.exposure.log_photons if parts else 0.0
            listed = [{"feature": name, "share": 1.0, "parameters": p} for name, p in parts]
            scenes.append(
                {"photons": photons, "drift": [0.0, 0.0], "zingers": 0, "features": listed}
            )
        for image, (kind, scene) in enumerate(zip(kinds, scenes, strict=True)):
            _, done, labels, _ = simulate_image(experiment, image, frame, scene)
            if kind in ("sample", "standard") and not can_be_known(done, experiment, labels):
                kind = "unknown"
            kind = "grazing" if kind == "sample" and experiment.grazing else kind
            detector = experiment.setup.detector.layout.name
            yield kind, detector, frame, experiment.mask, experiment.geometry.center


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--experiments", type=int, default=60)
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--seed", type=int, default=900001)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for kind, detector, counts, mask, truth in frames(
        FITTED if arguments.fit else arguments.seed,
        arguments.size,
        arguments.experiments,
        arguments.images,
    ):
        found = find_center(np.where(mask, 0, counts).astype(np.int64), mask)
        rows.append((kind, detector, float(np.hypot(*np.subtract(found.center, truth))), found))
    error = np.array([row[2] for row in rows])
    sure = np.array([row[3].confidence for row in rows])
    kinds, detectors = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    print(f"size {arguments.size}; error in pixels; confident: above 0.5")
    print(
        "                      frames  median  75 %   90 %   "
        "confident: fraction, median error, within 1 %"
    )
    for name, chosen in [
        *((f"{kind}", kinds == kind) for kind in ("sample", "standard", "grazing", "unknown")),
        *((f"  {d}", (kinds == "sample") & (detectors == d)) for d in sorted(set(detectors))),
    ]:
        if chosen.any():
            e, s = error[chosen], sure[chosen] > 0.5
            quantiles = " ".join(f"{x:6.1f}" for x in np.quantile(e, (0.5, 0.75, 0.9)))
            good = (
                f"{np.median(e[s]):.1f}, {np.mean(e[s] < NEAR * arguments.size):.2f}"
                if s.any()
                else "-"
            )
            print(f"{name:22s} {len(e):5d} {quantiles}   {s.mean():.2f}, {good}")
    for kind in ("spots", "blank"):
        chosen = kinds == kind
        if chosen.any():
            wrong = chosen & (error > NEAR * arguments.size)
            print(
                f"{kind}: {chosen.sum()} frames, mean confidence {sure[chosen].mean():.2f}, "
                f"confident and wrong {np.mean(sure[wrong] > 0.5) if wrong.any() else 0:.2f} "
                "of the wrong"
            )
    right = error < NEAR * arguments.size
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        chosen = (sure >= low) & (sure < high)
        if chosen.any():
            print(
                f"confidence {low:.2f} to {min(high, 1):.2f}: "
                f"right {right[chosen].mean():.2f} of {chosen.sum()}"
            )
    if arguments.fit:
        from sklearn.linear_model import LogisticRegression

        usable = np.array([len(row[3].evidence) > 0 for row in rows])
        evidence = np.array([row[3].evidence for row in rows if row[3].evidence])
        model = LogisticRegression(C=10.0, max_iter=5000).fit(evidence, right[usable])
        print("weights", np.round([model.intercept_[0], *model.coef_[0]], 2).tolist())


if __name__ == "__main__":
    main()
