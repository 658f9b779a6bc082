"""How the transform grows with MPI ranks: ``python benchmarks/transform_parallel.py [side] [images]``.

The whole stage (read, transform, write) over shards in the page cache, with 1 and 2 ranks in turns;
start-up of the processes, measured by a run that has nothing to do, is taken off. Beside it the time
of reading the same images and nothing else, by one process. Needs two idle cores and mpiexec.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from xscatter import shards
from xscatter.study import dump_study, parse_study

SHARDS, REPEATS = 4, 3


def make(folder: Path, side: int, images: int):
    """A study and its shards of noisy counts."""
    study = parse_study({"name": "p", "simulate": {"experiments": SHARDS, "images": images, "size": side}})
    (folder / "study.yaml").write_text(dump_study(study))
    rng = np.random.default_rng(0)
    y, x = np.indices((side, side)) / side - 0.5
    rate = 30 * np.exp(-5 * np.hypot(y, x))
    for number in range(SHARDS):
        path = folder / f"experiments/{number:05d}.h5"
        with shards.new_shard(path, study_hash=study.fingerprint("simulate"), experiment=number) as file:
            data = file.create_dataset(
                "entry/data/counts", (images, side, side), np.uint32, chunks=(1, side, side),
                compression=hdf5plugin.Bitshuffle(cname="lz4"),
            )  # fmt: skip
            for image in range(images):
                data[image] = rng.poisson(rate)
            file["entry/instrument/detector/mask"] = np.zeros((side, side), bool)
            file["entry/instrument/beam_center"] = np.array([side / 2 + 3.3 * number, side / 2.2])
    return study


def run(folder: Path, ranks: int) -> np.ndarray:
    """Seconds, and seconds of CPU time of all processes, of the command with `ranks` processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
        ["mpiexec", "-n", str(ranks), sys.executable, "-m", "xscatter", "transform", str(folder / "study.yaml"),
         "-o", str(folder)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    took = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime])


def read(folder: Path) -> float:
    """Seconds to read and decompress every image."""
    start = time.perf_counter()
    for path in sorted((folder / "experiments").iterdir()):
        with h5py.File(path) as file:
            data = file["entry/data/counts"]
            for image in range(0, len(data), 16):
                data[image : image + 16]
    return time.perf_counter() - start


def main() -> None:
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    images = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, side, images)
        total = SHARDS * images
        best = {ranks: np.full(2, np.inf) for ranks in (1, 2)}
        idle = dict(best)
        for _ in range(REPEATS):
            for ranks in best:
                shutil.rmtree(folder / "coefficients", ignore_errors=True)
                best[ranks] = np.minimum(best[ranks], run(folder, ranks))
                idle[ranks] = np.minimum(idle[ranks], run(folder, ranks))
        steady = {ranks: best[ranks] - idle[ranks] for ranks in best}
        reading = min(read(folder) for _ in range(REPEATS))
        print(
            f"{total} images of {side}x{side} in {SHARDS} shards, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        )
        print("ranks   seconds   start-up   steady, ms an image   steady, CPU ms an image (all ranks)")
        for ranks in best:
            each = 1e3 * steady[ranks] / total
            print(f"{ranks:>5}{best[ranks][0]:>10.2f}{idle[ranks][0]:>11.2f}{each[0]:>23.3f}{each[1]:>23.3f}")
        print(f"2 ranks are {steady[1][0] / steady[2][0]:.2f} times as fast as 1; reading alone takes "
              f"{1e3 * reading / total:.3f} ms an image")  # fmt: skip


main()
