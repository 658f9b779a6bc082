"""How many frames a day `xscatter watch` keeps up with: frames of 256×256 by process CPU time.

    python benchmarks/watch.py [--model results/demo] [--frames 200] [--view image]

A million frames a day are 11.6 a second: 172 ms of CPU time a frame on two cores.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from xscatter.frames import from_array
from xscatter.sources.folder import Folder
from xscatter.tagging import Tagger
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal
from xscatter.views import VIEWS


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
    parser.add_argument("--model", type=Path, help="default: the shipped tagger")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--view", choices=tuple(VIEWS))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    tagger, random = Tagger.load(arguments.model), np.random.default_rng(1)
    # Compile first: it happens once.
    list(tagger.predict(from_array(scene(random, (128, 120))), arguments.view))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(arguments.frames):
            np.save(folder / f"{n:06d}.npy", scene(random, random.uniform(60, 200, 2)))
        journal = Journal(folder / "out" / "tags.csv", tagger.tags)
        options = FollowOptions(once=True, view=arguments.view, threads=arguments.threads)
        begin, wall = time.process_time(), time.monotonic()
        for _ in follow(tagger, Folder(folder, "*.npy", 0.01), journal, options):
            pass
        spent, wall = time.process_time() - begin, time.monotonic() - wall
        journal.close()
        done = len(journal)
    each = spent / done
    print(
        f"{done} frames: {1e3 * each:.0f} ms of CPU time each, {done / wall:.1f} a second on this "
        "machine now"
    )
    print(
        f"on two cores {2 / each:.1f} a second, {2 / each * 86400 / 1e6:.2f} million a day "
        "(wanted: 1 million)"
    )


if __name__ == "__main__":
    main()
