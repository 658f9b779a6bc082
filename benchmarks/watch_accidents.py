"""Accidents while a folder is watched: does the table end up as that of a quiet run?

    python benchmarks/watch_accidents.py [--accidents 50] [--seed 1] [--first 0]

Each accident happens to a watch in a process of its own, on files of a new folder:

kill        the watch is killed at a random write to disk, several times
full disk   writes of the table fail from a random byte on, until the next start
overwrite   a file is overwritten in place by other frames
truncate    a file is cut short, and completed later
late data   a master file comes before its data file
grow        frames are added to a file after it was tagged
vanish      the folder is renamed, and renamed back
clock       files are dated in the future or the past, also while they are written

Then the watch is started once more, and its table (the last row of each frame) is compared with
that of one quiet run over the files as they are at the end: a row for each frame, and in it the
same hash, tags and probabilities.
"""

import argparse
import csv
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py
import numpy as np

SETTLE, PATIENCE = 0.05, 0.3
COLUMNS = ("view", "tags", "center_row", "center_from", "hash", "p(bright)")


class Bright:
    """A network that calls frames of more than 20 counts a pixel bright."""

    inputs = ("image",)

    def logits(self, inputs):
        """Return the logits (n, 1)."""
        return inputs["image"].mean(axis=(1, 2))[:, None] - 20.0


def watch(folder, table, kill_at, most_bytes, once):
    """Watch `folder` in this process; end it at the given write, or when the disk is full."""
    from xscatter.core.errors import UserError
    from xscatter.sources.folder import Folder
    from xscatter.store.bundle import Bundle, BundledNetwork
    from xscatter.tagging import Tagger
    from xscatter.tagging.follow import FollowOptions, follow
    from xscatter.tagging.journal import Journal

    if most_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], {"bright": known})
    bundle = Bundle("bright", {"bright": "Many counts."}, 64, {}, {"image": entry})
    tagger = Tagger(bundle, {"image": Bright()})
    options = FollowOptions(PATIENCE, once=once)
    source = Folder(Path(folder), settle=SETTLE, read={"center": (30, 30)}, recursive=True)
    flushed, fsync = 0, os.fsync

    def counted(handle):
        nonlocal flushed
        flushed += 1
        if flushed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    os.fsync = counted
    try:
        with closing(Journal(Path(table), tagger.tags)) as journal:
            for _ in follow(tagger, source, journal, options, lambda line: None):
                pass
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        os.fsync = fsync
    return 0


class Accident:
    """A folder, what happens to it, and the watch of it."""

    def __init__(self, place, random):
        self.folder, self.table, self.random = place / "in", place / "tags.csv", random
        self.folder.mkdir(parents=True)
        self.running = None

    def start(self, kill_at=0, most_bytes=0, once=False):
        """Start a watch."""
        words = [self.folder, self.table, kill_at, most_bytes, int(once)]
        program = [sys.executable, __file__, "--watch", *map(str, words)]
        self.running = subprocess.Popen(program, stderr=subprocess.DEVNULL)

    def end(self, kill=True):
        """Kill the watch, or wait until it ends."""
        if kill:
            self.running.kill()
        self.running.wait()

    def until_rows(self, least):
        """Wait until the table has some rows, or the watch has ended."""
        while self.running.poll() is None and len(rows(self.table)) < least:
            time.sleep(0.02)

    def pause(self, longest=0.5):
        """Wait for a random time."""
        time.sleep(self.random.uniform(0, longest))

    def stack(self, frames=None):
        """Frames (n, 64, 64) of random brightness."""
        number = frames or self.random.integers(1, 6)
        means = self.random.uniform(5, 40, number)
        return np.stack([self.random.poisson(m, (64, 64)) for m in means]).astype(np.int32)

    def write(self, number):
        """Write some files."""
        for n in range(number):
            np.save(self.folder / f"{n:02d}.npy", self.stack())

    def one(self):
        """A random file."""
        return self.random.choice(sorted(self.folder.glob("*.npy")))


def kill(accident):
    """Kill at random writes."""
    accident.write(12)
    for _ in range(3):
        accident.start(kill_at=accident.random.integers(1, 12), once=True)
        accident.end(kill=False)
        np.save(accident.folder / f"new{accident.random.integers(99)}.npy", accident.stack())


def full_disk(accident):
    """Let writes fail from a random byte on."""
    accident.write(10)
    accident.start(most_bytes=int(accident.random.integers(300, 4000)), once=True)
    accident.end(kill=False)


def overwrite(accident):
    """Overwrite files in place, some with as many bytes."""
    accident.write(6)
    accident.start()
    accident.until_rows(accident.random.integers(1, 6))
    for _ in range(3):
        with open(accident.one(), "r+b") as stream:
            np.save(stream, accident.stack())
            stream.truncate()
        accident.pause()
    accident.end()


def truncate(accident):
    """Cut a file short, and complete it later."""
    accident.write(6)
    accident.start()
    accident.until_rows(accident.random.integers(0, 6))
    path = accident.one()
    content = path.read_bytes()
    path.write_bytes(content[: accident.random.integers(1, len(content))])
    accident.pause(1.5)
    path.write_bytes(content)
    accident.pause()
    accident.end()


def late_data(accident):
    """Write a master file before its data file."""
    accident.write(2)
    with h5py.File(accident.folder / "s_master.h5", "w") as file:
        data = file.create_group("entry/data")
        data["data_000001"] = h5py.ExternalLink("s_data_000001.h5", "/entry/data/data")
    accident.start()
    accident.until_rows(accident.random.integers(0, 3))
    accident.pause(1.5)
    with h5py.File(accident.folder / "s_data_000001.h5", "w") as file:
        file["entry/data/data"] = accident.stack()
    accident.pause()
    accident.end()


def grow(accident):
    """Add frames to a file."""
    accident.write(3)
    path, stack = accident.folder / "grows.h5", accident.stack(6)
    for frames in (2, 4, 6):
        with h5py.File(path, "a") as file:
            if "data" not in file:
                file.create_dataset("data", (0, 64, 64), "i4", maxshape=(None, 64, 64))
            file["data"].resize(frames, axis=0)
            file["data"][frames - 2 :] = stack[frames - 2 : frames]
        if accident.running is None:
            accident.start()
            accident.until_rows(accident.random.integers(1, 6))
        accident.pause(1.0)
    accident.end()


def vanish(accident):
    """Rename the folder, and rename it back."""
    accident.write(8)
    accident.start()
    accident.until_rows(accident.random.integers(0, 12))
    away = accident.folder.with_name("away")
    accident.folder.rename(away)
    accident.pause(1.5)
    np.save(away / "meanwhile.npy", accident.stack())
    away.rename(accident.folder)
    accident.pause(1.0)
    accident.end()


def clock(accident):
    """Date files in the future or the past, also one that is still being written."""
    accident.write(4)
    shift = accident.random.choice([-1e8, -4000, 4000, 1e8])
    dates = (time.time() + shift,) * 2
    for path in accident.folder.iterdir():
        os.utime(path, dates)
    accident.start()
    accident.until_rows(accident.random.integers(0, 4))
    path = accident.folder / "slow.npy"
    np.save(accident.folder / ".slow.npy", accident.stack())
    content = (accident.folder / ".slow.npy").read_bytes()
    for part in np.array_split(np.frombuffer(content, np.uint8), 4):
        with open(path, "ab") as stream:
            stream.write(part.tobytes())
        os.utime(path, dates)
        accident.pause()
    accident.end()


KINDS = (kill, full_disk, overwrite, truncate, late_data, grow, vanish, clock)


def rows(table):
    """The rows of a table."""
    if not table.exists():
        return []
    with open(table, newline="") as stream:
        return list(csv.DictReader(stream))


def current(table):
    """What the last row of each frame that still exists says, by file and frame."""
    last = {(row["file"], row["frame"]): row for row in rows(table)}
    return {
        key: tuple(row[name] for name in COLUMNS)
        for key, row in last.items()
        if not row["note"].endswith("no longer in the file")
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accidents", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first accident")
    parser.add_argument("--watch", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch:
        folder, table, *numbers = arguments.watch
        return watch(folder, table, *map(int, numbers))
    wrong = 0
    for number in range(arguments.first, arguments.first + arguments.accidents):
        kind = KINDS[number % len(KINDS)]
        with tempfile.TemporaryDirectory() as name:
            accident = Accident(Path(name), np.random.default_rng([arguments.seed, number]))
            kind(accident)
            ended = watch(accident.folder, accident.table, 0, 0, True)
            watch(accident.folder, Path(name) / "quiet.csv", 0, 0, True)
            after, quiet = current(accident.table), current(Path(name) / "quiet.csv")
        lost, other = quiet.keys() - after.keys(), after.keys() - quiet.keys()
        differ = [key for key in quiet.keys() & after.keys() if quiet[key] != after[key]]
        wrong += bool(lost or other or differ or ended)
        print(
            f"{number:3d} {kind.__name__:10s} {len(quiet):3d} frames, {len(lost)} lost, "
            f"{len(other)} too many, {len(differ)} differ" + f", ended with {ended}" * bool(ended),
            flush=True,
        )
        for key in [*lost, *other, *differ][:3]:
            print("     ", key, quiet.get(key), after.get(key))
    print(f"{arguments.accidents} accidents, {wrong} tables differ from a quiet run's")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
