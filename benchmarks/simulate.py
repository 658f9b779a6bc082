"""Speed of the simulator against its floor, on one core: ``python benchmarks/simulate.py [sizes]``.

The floor of an image is what NumPy and HDF5 need at least: `Generator.poisson` on the same expected
image, and the compressed write of the counts. Both are measured in CPU time, image by image in the
same loop, over experiments of the default study. Set-up of an experiment (its maps) is measured
apart, and counted with 200 images an experiment.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.registry import all_features
from xscatter.study import parse_study

EXPERIMENTS = 12
IMAGES = 6


def measure(size: int, experiments: int = EXPERIMENTS, images: int = IMAGES) -> dict[str, float]:
    """Mean CPU milliseconds an image."""
    study = parse_study(
        {"name": "benchmark", "simulate": {"size": size, "experiments": 250, "images": 200}}
    )
    clock = time.process_time
    spent = dict.fromkeys(("simulate", "write", "poisson", "set-up"), 0.0)
    rng = np.random.default_rng(1)
    frame = np.empty((size, size), np.uint32)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(experiments):
            start = clock()
            experiment = Experiment(study, number)
            for name in ("gain", "q_index", "chi_index", "weight", "live"):
                getattr(experiment, name)
            spent["set-up"] += clock() - start
            with h5py.File(Path(folder) / f"{number}.h5", "w", libver=("earliest", "v110")) as file:
                options = {
                    "chunks": (1, size, size),
                    "compression": hdf5plugin.Bitshuffle(cname="lz4"),
                }
                counts = file.create_dataset("counts", (images, size, size), np.uint32, **options)
                simulate_image(experiment, 0, frame)  # compiles, or loads what is compiled
                for image in range(images):
                    start = clock()
                    done = simulate_image(experiment, image, frame)[1]
                    middle = clock()
                    counts[image] = frame
                    spent["simulate"] += middle - start
                    spent["write"] += clock() - middle
                    expected = done.expected.astype(np.float64)
                    start = clock()
                    rng.poisson(expected)
                    spent["poisson"] += clock() - start
    per_image = {key: 1e3 * value / (experiments * images) for key, value in spent.items()}
    per_image["set-up"] *= images / 200
    return per_image


def warm_up() -> None:
    """Load what is loaded once a job: compiled loops and tables of every feature."""
    study = parse_study(
        {"name": "warm-up", "simulate": {"size": 64, "experiments": 250, "images": 1}}
    )
    frame = np.empty((64, 64), np.uint32)
    for number in range(40):
        experiment = Experiment(study, number)
        for feature in all_features().values():
            if feature.weight(experiment) > 0:
                entry = {"feature": feature.name, "share": 1.0}
                entry["parameters"] = feature.draw(np.random.default_rng(number), experiment)
                scene = {"photons": 1e5, "drift": [0.0, 0.0], "zingers": 0, "features": [entry]}
                simulate_image(experiment, 0, frame, scene)


def main() -> None:
    warm_up()
    sizes = [int(word) for word in sys.argv[1:]] or [256, 1000, 2000]
    print(
        "CPU ms an image   simulate   write   set-up/200   floor = poisson + write"
        "   ratio   ns a pixel   peak MB"
    )
    for size in sizes:
        t = measure(size)
        floor = t["poisson"] + t["write"]
        whole = t["simulate"] + t["write"] + t["set-up"]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{size:>6} x {size:<6} {t['simulate']:11.2f} {t['write']:7.2f} {t['set-up']:12.2f}"
            f" {floor:12.2f} = {t['poisson']:.2f} + {t['write']:.2f} {whole / floor:9.2f}"
            f" {whole / size**2 * 1e6:12.1f} {peak:9.0f}"
        )


if __name__ == "__main__":
    main()
