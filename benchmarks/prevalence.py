"""How often each tag is true by default: ``python benchmarks/prevalence.py [images] [size]``.

250 experiments of the default seed, a sample of the images of each (default 8, at 128 pixels:
labels do not depend on the size), split as the records are: one experiment in ten to the test. Tags
outside of the bounds that `tags.py` promises are marked.
"""

import sys

import numpy as np

from xscatter import tags
from xscatter.core.progress import track
from xscatter.records.assign import tested
from xscatter.simulate import Experiment, simulate_image
from xscatter.study import parse_study

BOUNDS = {"usual": (0.02, 0.70), "rare": (0.0, 0.05), "common": (0.02, 0.95)}


def main() -> None:
    images, size = [int(word) for word in sys.argv[1:]] + [8, 128][len(sys.argv) - 1 :]
    study = parse_study(
        {"name": "prevalence", "simulate": {"size": size, "experiments": 250, "images": 200}}
    )
    frame = np.empty((size, size), np.uint32)
    labels = np.zeros((250, images, len(tags.NAMES)))
    for number in track(range(250), "experiments"):
        experiment = Experiment(study, number)
        for i in range(images):
            labels[number, i] = simulate_image(experiment, i, frame)[2]
    test = np.isin(np.arange(250), tested(study.seed, list(range(250)), study.pack.batches))
    print(f"{'tag':<32} train   test   (fraction of images that have it; experiments that show it)")
    for t, tag in enumerate(tags.TAGS):
        train, held = labels[~test, :, t].mean(), labels[test, :, t].mean()
        low, high = BOUNDS[tag.expected]
        mark = (
            ""
            if low <= min(train, held) and max(train, held) <= high
            else f"  outside of {low} to {high}"
        )
        shown = int(labels[..., t].any(1).sum())
        print(f"{tag.name:<32} {train:.3f}  {held:.3f}  {shown:4d}  {tag.expected}{mark}")
    print(f"tags an image: {labels.sum(-1).mean():.1f}")


if __name__ == "__main__":
    main()
