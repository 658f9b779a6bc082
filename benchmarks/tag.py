"""CPU time of tagging: the first tag from the command line, then frames a second and core.

    python benchmarks/tag.py [--model results/demo] [--frames 40] [--view joint]

Frames are of one megapixel with the gaps of a detector (CBF), and of 256×256 (.npy); their beam
centre is given. Reading, masks, resampling, expansion and networks count; the first tag also has
the start of Python, and is measured twice: numba compiles for the first time once.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from fabio.cbfimage import CbfImage

from xscatter.tagging import Tagger
from xscatter.views import VIEWS

CENTERS = {1043: (500.0, 480.0), 256: (120.0, 131.0)}


def counts(random, shape, center):
    """Counts (rows, cols) int32: a ring on a low-q cone."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    r = np.hypot(y - center[0], x - center[1]) / min(shape)
    expected = 0.3 + 30 * np.exp(-r / 0.08) + 20 * np.exp(-(((r - 0.2) / 0.005) ** 2))
    return random.poisson(expected).astype(np.int32)


def write_frames(folder, frames):
    """Write frames of both sizes, and return their names by the number of rows."""
    random, names = np.random.default_rng(1), {1043: [], 256: []}
    for n in range(frames):
        large = counts(random, (1043, 981), CENTERS[1043])
        large[195:212] = large[407:424] = large[:, 487:494] = -1
        names[1043].append(folder / f"{n:04d}.cbf")
        CbfImage(data=large).write(str(names[1043][-1]))
        names[256].append(folder / f"{n:04d}.npy")
        np.save(names[256][-1], counts(random, (256, 256), CENTERS[256]))
    return names


def first_tag(path, model):
    """CPU seconds of `xscatter predict` on one file."""
    command = [sys.executable, "-m", "xscatter", "predict", str(path), "--force"]
    command += ["-o", str(path.parent / "tags"), *(["--model", str(model)] if model else [])]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="default: the shipped tagger")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--view", choices=tuple(VIEWS))
    arguments = parser.parse_args()
    tagger = Tagger.load(arguments.model)
    print(f"tagger {tagger.name}, {tagger.size}×{tagger.size} pixels")
    with tempfile.TemporaryDirectory() as name:
        names = write_frames(Path(name), arguments.frames)
        for turn in ("first", "second"):
            seconds = first_tag(names[1043][0], arguments.model)
            print(f"first tag, {turn} start: {seconds:.2f} s of CPU time")
        for rows, paths in names.items():
            options = {"center": CENTERS[rows]}
            # Compiling and the tables of the transform happen once.
            list(tagger.predict(paths[:1], arguments.view, **options))
            begin = time.process_time()
            tagged = list(tagger.predict(paths, arguments.view, **options))
            spent = time.process_time() - begin
            assert all(one.view for one in tagged)
            print(
                f"{rows} rows: {1e3 * spent / len(paths):.1f} ms a frame, "
                f"{len(paths) / spent:.1f} frames a second and core"
            )


if __name__ == "__main__":
    main()
