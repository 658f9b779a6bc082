"""Whether `xscatter watch --processes` ends with the same events, however often it is killed.

    python benchmarks/watch_kills.py [--model results/processes] [--kills 20] [--frames 120]

A series of frames in which a ring grows, strain comes and goes, and the beam is lost, is watched
once in quiet, and once with a SIGKILL at random moments: after a random number of rows of the
table, and a random time of up to half a second. Both tables and both files of events must be the
same, but for the folders of the frames.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

SIDE = 64
CENTER = (31.5, 31.5)


def write_frames(folder, frames):
    """Frames with times that do not depend on when this runs."""
    folder.mkdir()
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    y, x = y - CENTER[0], x - CENTER[1]
    for n in range(frames):
        stretch = 1 + 0.05 * (0.5 < n / frames < 0.7)
        r = np.hypot(y, x * stretch)
        grown = 1 - np.exp(-((max(n / frames - 0.25, 0) / 0.08) ** 3))
        halo = np.exp(-(((r - 18) / 6) ** 2)) * (1 - 0.3 * grown)
        ring = np.exp(-(((r - 18) / 1.5) ** 2)) * grown
        light = 1.0 if n < 0.9 * frames else 0.0
        counts = random.poisson(light * (1 + 40 * np.exp(-r / 8) + 25 * halo + 60 * ring))
        path = folder / f"f{n}.npy"
        np.save(path, counts.astype(np.int32))
        os.utime(path, (1.7e9 + n, 1.7e9 + n))


def start(arguments, frames, out):
    """Begin to watch, or go on."""
    command = [
        sys.executable, "-m", "xscatter", "watch", str(frames), "--once", "--settle", "0",
        "--pattern", "*.npy", "-o", str(out / "tags.csv"),
        "--processes", str(out / "events.jsonl"), "--center", *map(str, CENTER),
        "--view", "image",
    ]  # fmt: skip
    if arguments.model:
        command += ["--model", str(arguments.model)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rows(out):
    table = out / "tags.csv"
    return table.read_bytes().count(b"\n") if table.exists() else 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="default: the shipped tagger")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        frames, quiet, killed = (Path(name) / one for one in ("frames", "quiet", "killed"))
        write_frames(frames, arguments.frames)
        quiet.mkdir()
        killed.mkdir()
        if start(arguments, frames, quiet).wait():
            raise SystemExit("the quiet run failed")
        moments = np.sort(random.integers(0, arguments.frames, arguments.kills))
        done = 0
        for moment in moments:
            process = start(arguments, frames, killed)
            while process.poll() is None and rows(killed) <= moment:
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.5))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                done += 1
            process.wait()
        if start(arguments, frames, killed).wait():
            raise SystemExit("the last run failed")
        one, other = ((out / "events.jsonl").read_text() for out in (quiet, killed))
        events = one.count("\n")
        same = {
            name: (quiet / name).read_bytes() == (killed / name).read_bytes()
            for name in ("tags.csv", "events.jsonl")
        }
        print(f"{arguments.frames} frames, {events} events, killed {done} times")
        for name, equal in same.items():
            print(f"{name}: {'the same' if equal else 'DIFFERENT'}")
        if not same["events.jsonl"]:
            print(one, other, sep="---\n")
            raise SystemExit(1)


if __name__ == "__main__":
    main()
