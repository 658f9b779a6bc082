"""CPU time to prepare a frame for the networks, stage by stage: reading, resampling, expansion.

    python benchmarks/frames.py [--against OTHER/src] [--rounds 3]

Each frame has a known beam centre; files are in the page cache. "whole" is what a frame of a long
series costs before the networks see it, and how many a second one core prepares. With --against,
the same stages run in turns with the package of another source tree, and the ratios are printed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import fabio
import h5py
import hdf5plugin
import numpy as np

from xscatter.frames.reading import read_each
from xscatter.tagging.prepare import coefficients, prepare

TRANSFORM = {
    "angular_orders": 32, "radial_orders": 32, "boundary": "dirichlet", "fill": "ring-mean",
    "counts": "anscombe", "tolerance": 5e-5, "minimum_coverage": 0.03,
}  # fmt: skip
SERIES = 4  # frames of the HDF5 file
SHAPES = {"1043x981": (1043, 981), "256x256": (256, 256)}


def scene(shape, seed):
    """Counts of a frame in modules, with two rings on a low-q cone; gaps are -1."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    r = np.hypot(y - 0.47 * shape[0], x - 0.52 * shape[1]) / max(shape)
    expected = 0.3 + 200 * np.exp(-r / 0.06)
    for radius, height in ((0.25, 8), (0.35, 3)):
        expected += height * np.exp(-(((r - radius) / 0.008) ** 2))
    counts = np.random.default_rng(seed).poisson(expected).astype(np.int32)
    for first in range(195, shape[0], 212):
        counts[first : first + 17] = -1
    counts[:, 487:494] = -1
    return counts


def write(folder, shape):
    """The same frame as files of several formats, by their names; one of them is a series."""
    frames = [scene(shape, seed) for seed in range(SERIES)]
    paths = {kind: folder / f"frame.{kind}" for kind in ("npy", "cbf", "tif", "h5")}
    np.save(paths["npy"], frames[0])
    fabio.cbfimage.CbfImage(data=frames[0]).write(str(paths["cbf"]))
    fabio.tifimage.TifImage(data=frames[0]).write(str(paths["tif"]))
    with h5py.File(paths["h5"], "w") as file:
        stack = np.stack(frames).astype(np.uint32)  # -1 becomes the largest value: Eiger's gap
        file.create_dataset(
            "entry/data/data", data=stack, chunks=(1, *shape),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )  # fmt: skip
    rate = np.where(frames[0] < 0, np.nan, frames[0] * 0.37).astype(np.float32)
    flat = np.random.default_rng(9).normal(1, 0.02, shape).astype(np.float32)
    for name, values in (("rate", rate), ("corrected", rate * flat)):
        paths[f"{name} npy"] = folder / f"{name}.npy"
        np.save(paths[f"{name} npy"], values)
    return paths


def spent(action, repeats):
    """Least CPU time of an action in ms, after one for warming up."""
    action()
    least = np.inf
    for _ in range(repeats):
        begin = time.process_time()
        action()
        least = min(least, time.process_time() - begin)
    return 1e3 * least


def measure(size, repeats):
    """CPU ms by stage."""
    result = {}
    for name, shape in SHAPES.items():
        center = (0.47 * shape[0], 0.52 * shape[1])
        with tempfile.TemporaryDirectory() as folder:
            for kind, path in write(Path(folder), shape).items():

                def read(path=path, center=center):
                    return list(read_each(path, center=center))

                frames = read()
                label = f"{name} {kind}"
                stages = {
                    "read": spent(read, repeats) / len(frames),
                    "resample": spent(lambda frame=frames[0]: prepare(frame, size), repeats),
                }
                done = prepare(frames[0], size)
                transform = {**TRANSFORM, "radius": float(size)}
                stages["expand"] = spent(lambda: coefficients(done, transform), repeats)  # noqa: B023
                result |= {f"{label}: {stage}": value for stage, value in stages.items()}
                result[f"{label}: whole"] = sum(stages.values())
    return result


def run(source, arguments):
    """Measure with the package in `source`, in a process of its own."""
    words = [sys.executable, __file__, "--here", "--size", str(arguments.size)]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    answer = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, help="folder that holds another package xscatter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=256, help="side of the model's images")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(measure(arguments.size, 15)))
        return
    trees = [Path(__file__).parents[1] / "src"]
    trees += [arguments.against] if arguments.against else []
    best = [{} for _ in trees]
    for _ in range(arguments.rounds):
        for least, tree in zip(best, trees, strict=True):
            for name, value in run(tree, arguments).items():
                least[name] = min(value, least.get(name, np.inf))
    for name, value in best[0].items():
        rate = f"  {1e3 / value:6.0f} a second" if name.endswith("whole") else ""
        ratio = f"  {best[1][name] / value:5.1f} times as fast" if arguments.against else ""
        print(f"{name:30}{value:8.2f} ms{ratio}{rate}")


if __name__ == "__main__":
    main()
