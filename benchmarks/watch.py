"""How many frames a day `xscatter watch` keeps up with: frames of 256×256 by process CPU time, each part apart.

    python benchmarks/watch.py --model results/demo/models [--frames 200] [--view image]

A million frames a day are 11.6 a second: 172 ms of CPU time a frame on two cores.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from xscatter.tagging.tagger import Tagger
from xscatter.tagging.watching import Folder, Table, follow


def scene(random, center):
    """Counts (256, 256) int32: rings on a low-q cone."""
    y, x = np.mgrid[:256, :256]
    r = np.hypot(y - center[0], x - center[1])
    expected = 0.3 + 10 ** random.uniform(0, 2) * np.exp(-r / random.uniform(8, 40))
    for radius in random.uniform(30, 120, 3):
        expected = expected + 10 ** random.uniform(0, 1.5) * np.exp(-(((r - radius) / 2) ** 2))
    return random.poisson(expected).astype(np.int32)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--view", choices=("image", "coefficient", "joint"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    tagger, random = Tagger.load(arguments.model), np.random.default_rng(1)
    list(tagger.predict([scene_frame(random)], arguments.view))  # compile first: it happens once
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(arguments.frames):
            np.save(folder / f"{n:06d}.npy", scene(random, random.uniform(60, 200, 2)))
        table = Table(folder / "out" / "tags.csv", tagger.tags)
        begin, wall = time.process_time(), time.monotonic()
        for _ in follow(
            tagger,
            Folder(folder, "*.npy", 0.01),
            table,
            once=True,
            view=arguments.view,
            threads=arguments.threads,
        ):
            pass
        spent, wall = time.process_time() - begin, time.monotonic() - wall
        table.close()
        done = len(table.done)
    each = spent / done
    print(
        f"{done} frames: {1e3 * each:.0f} ms of CPU time each, {done / wall:.1f} a second on this machine now"
    )
    print(
        f"on two cores {2 / each:.1f} a second, {2 / each * 86400 / 1e6:.2f} million a day (wanted: 1 million)"
    )


def scene_frame(random):
    """One such frame, as if it had been read."""
    from xscatter.frames import Frame

    empty = np.zeros((256, 256), bool)
    return Frame(scene(random, (128, 120)), empty, empty)


if __name__ == "__main__":
    main()
