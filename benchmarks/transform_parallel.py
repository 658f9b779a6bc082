"""How the transform scales with MPI ranks.

``python benchmarks/transform_parallel.py [side] [images]``

The whole stage (read, transform, write) over shards in the page cache, with 1 and 2 ranks in turns,
and with two processes that know nothing of each other, which is what the machine allows. Start-up
is taken off: a run over a quarter of the shards is subtracted from a run over all; what a shard
costs beside its images, the set-up for its beam centre first, is in it. A rank reads and
decompresses in a second thread and so makes use of an idle core; the speed is that against one rank
on a core of its own, as on a full node. Beside it the time of reading the same images and nothing
else, by one process, from the page cache and from the disk; the stage from the disk; the set-up for
a beam centre, and the peak memory of a rank. Needs two idle cores and mpiexec.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import resource  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import h5py  # noqa: E402
import hdf5plugin  # noqa: E402
import numpy as np  # noqa: E402

from xscatter.core import shards  # noqa: E402
from xscatter.study import dump_study, parse_study  # noqa: E402
from xscatter.transform.plans import build_plan, transform_parameters  # noqa: E402

SHARDS, FEW, REPEATS = 8, 2, 3


def make(folder: Path, side: int, images: int):
    """A study and its shards of noisy counts."""
    study = parse_study(
        {"name": "p", "simulate": {"experiments": SHARDS, "images": images, "size": side}}
    )
    (folder / "study.yaml").write_text(dump_study(study))
    rng = np.random.default_rng(0)
    y, x = np.indices((side, side)) / side - 0.5
    rate = 30 * np.exp(-5 * np.hypot(y, x))
    for number in range(SHARDS):
        path = folder / f"experiments/{number:05d}.h5"
        with shards.new_shard(
            path, study_hash=study.fingerprint("simulate"), experiment=number
        ) as file:
            data = file.create_dataset(
                "entry/data/counts", (images, side, side), np.uint32, chunks=(1, side, side),
                compression=hdf5plugin.Bitshuffle(cname="lz4"),
            )  # fmt: skip
            for image in range(images):
                data[image] = rng.poisson(rate)
            file["entry/instrument/detector/mask"] = np.zeros((side, side), bool)
            file["entry/instrument/beam_center"] = np.array([side / 2 + 3.3 * number, side / 2.2])
    return study


def forget(folder: Path) -> None:
    """Have the shards leave the page cache."""
    for path in (folder / "experiments").iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def run(folder: Path, launches: list[list[str]], cold: bool = False) -> np.ndarray:
    """Seconds, and seconds of CPU time, of commands that run at the same time over their shards."""
    shutil.rmtree(folder / "coefficients", ignore_errors=True)
    if cold:
        forget(folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "xscatter",
        "transform",
        str(folder / "study.yaml"),
        "-o",
        str(folder),
    ]
    running = [
        subprocess.Popen(
            [*launch[:-1], *command, "--experiments", launch[-1]], stderr=subprocess.DEVNULL
        )
        for launch in launches
    ]
    if any(process.wait() for process in running):
        sys.exit("the command failed")
    took = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime])


def read(folder: Path, cold: bool = False) -> np.ndarray:
    """Seconds, and seconds of CPU time, to read and decompress every image."""
    if cold:
        forget(folder)
    start = np.array([time.perf_counter(), time.process_time()])
    for path in sorted((folder / "experiments").iterdir()):
        with h5py.File(path) as file:
            data = file["entry/data/counts"]
            for image in range(0, len(data), 16):
                data[image : image + 16]
    return np.array([time.perf_counter(), time.process_time()]) - start


def set_up(study, folder: Path) -> tuple[float, float]:
    """Return CPU seconds and MiB of the tables of a beam centre; those of the truncation exist."""
    best = np.inf
    for path in sorted((folder / "experiments").iterdir())[: REPEATS + 1]:
        with h5py.File(path) as file:
            center, shape = (
                file["entry/instrument/beam_center"][()],
                file["entry/data/counts"].shape[1:],
            )
        start = time.process_time()
        plan = build_plan(transform_parameters(study), shape, tuple(center))
        plan.prepare(study.transform.fill)
        best = min(best, time.process_time() - start)
    tables = plan.pixels.tables
    shared = tables.radial.nbytes + sum(table.nbytes for table in tables.fourier)
    return best, (plan.nbytes - shared) / 2**20


def main() -> None:
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    images = int(sys.argv[2]) if len(sys.argv) > 2 else 600
    mpiexec = shutil.which(
        "mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    core = str(min(os.sched_getaffinity(0)))
    ways = {
        "1 rank, 1 core": lambda count: [
            ["taskset", "-c", core, mpiexec, "-n", "1", f"0-{count - 1}"]
        ],
        "1 rank": lambda count: [[mpiexec, "-n", "1", f"0-{count - 1}"]],
        "2 ranks": lambda count: [[mpiexec, "-n", "2", f"0-{count - 1}"]],
        "2 strangers": lambda count: [[f"0-{count // 2 - 1}"], [f"{count // 2}-{count - 1}"]],
    }
    ways["2 ranks, disk"] = ways["2 ranks"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = make(folder, side, images)
        run(folder, ways["1 rank"](FEW))  # compiled functions are stored
        full = {way: np.full(2, np.inf) for way in ways}
        few = {way: np.full(2, np.inf) for way in ways}
        for _ in range(REPEATS):
            for way, launches in ways.items():
                full[way] = np.minimum(full[way], run(folder, launches(SHARDS), "disk" in way))
                few[way] = np.minimum(few[way], run(folder, launches(FEW), "disk" in way))
        read(folder)
        reading, cold = (
            np.min([read(folder, cold) for _ in range(REPEATS)], axis=0) / SHARDS / images
            for cold in (False, True)
        )
        stored = (
            sum(path.stat().st_size for path in (folder / "experiments").iterdir())
            / SHARDS
            / images
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10  # KiB on Linux
        planning, tables = set_up(study, folder)
    print(
        f"{SHARDS} shards of {images} images, {side}x{side}; {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{'':16}{'all, s':>9}{'a quarter, s':>14}{'steady, ms an image':>22}"
        f"{'CPU ms an image':>18}{'speed':>8}"
    )
    steady = {way: 1e3 * (full[way] - few[way]) / ((SHARDS - FEW) * images) for way in ways}
    one = steady["1 rank, 1 core"][0]
    for way, (wall, cpu) in steady.items():
        print(
            f"{way:16}{full[way][0]:9.2f}{few[way][0]:14.2f}{wall:22.3f}{cpu:18.3f}"
            f"{one / wall:8.2f}"
        )
    for where, (wall, cpu) in {"page cache": reading, "disk": cold}.items():
        print(
            f"reading alone, one process, {where}: {1e3 * wall:.3f} ms an image, "
            f"CPU {1e3 * cpu:.3f}, "
            f"{stored / wall / 2**20:.0f} MiB/s of {stored / 2**20:.2f} MiB an image"
        )
    print(
        f"set-up for a beam centre: CPU {planning:.3f} s, "
        f"{1e3 * planning / images:.3f} ms an image; {tables:.1f} MiB"
    )
    print(f"peak memory of a rank: {peak:.0f} MiB")


main()
