"""Accidents, each with a seed: a small study must end with the bytes of an undisturbed run.

An accident strikes a finished study (a bit flipped, a file cut, blanked or deleted, a clock) or one
that runs (a killed driver, task, node or controller, a cancelled, held or requeued job, a lost or
garbled answer of Slurm, a full or read-only disk, a second driver). Then nothing is done but what
the documentation says: run the same command again, after `xscatter verify --delete-bad` where a
file was damaged.

    python benchmarks/chaos.py damage --seeds 0-49 -o chaos
    python benchmarks/chaos.py local --seeds 100-119 -o chaos
    python benchmarks/chaos.py cluster --seeds 200-229 -o chaos   # root, and Debian's Slurm

Appends a row for each accident to chaos/accidents.csv. Besides the bytes it is wrong if a job that
ended well ran again, if the driver was silent for `SILENCE` seconds, or if it never ended.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import yaml
from chaos_accidents import DEADLY, damage, disturb

from xscatter.core import shards

ROOT = Path(__file__).parent.parent
STUDY = {
    "name": "chaos",
    "simulate": {"experiments": 4, "images": 3, "size": 32},
    "transform": {"angular_orders": 3, "radial_orders": 3},
    "pack": {"batches": 2, "test_batch": 1},
    "train": {"max_epochs": 1, "batch_size": 2, "threads": 1},
    "sequence": {"sequences": 8, "frames": 8, "max_epochs": 1, "batch_size": 2},
}
QUICK = {
    "seconds-between-status-checks": 2,
    "max-status-checks-per-second": 1,
    "latency-wait": 5,
    "slurm-array-settle-seconds": 1,
}
# These have times in them; whatever else a study makes has the same bytes.
TOLD = {"timings.csv", "report.html"}
DATA = ("experiments", "coefficients", "batches", "sequences")
UNTIL = ("index", "simulate_sequence")  # the rules that make these
LINES = 4  # most times that the command is typed
SILENCE = 120  # seconds without a word of the driver; a training alone may take as long


class Study:
    """A study in a folder of its own, and the command that makes it.

    Args:
        folder: where it runs.
        cluster: the private cluster, or None for this machine.
        until: last rules; empty: all.
        limit: seconds after which a command counts as hanging.
        seed: of the accident.
    """

    def __init__(self, folder, cluster=None, until=(), limit=3600, seed=0):
        self.folder, self.cluster, self.until, self.limit = folder, cluster, until, limit
        self.seed = seed
        self.results = folder / "results" / STUDY["name"]
        # Beside the folder, whose disk may be full.
        self.log = folder.with_name(f"{folder.name.partition(' ')[0]}.log")
        self.environment = dict(os.environ)
        self.silence, self._size, self._spoke = 0.0, 0, time.monotonic()
        self.prepare()

    def prepare(self):
        """Write the study file and the profile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
        if self.cluster:
            quick = self.folder / "quick"
            quick.mkdir(exist_ok=True)
            shutil.copy(ROOT / "slurm/partitions.yaml", quick)
            config = yaml.safe_load((ROOT / "slurm/config.yaml").read_text()) | QUICK
            (quick / "config.yaml").write_text(yaml.safe_dump(config))

    def start(self, folder=None):
        """Type the command, in `folder` if it is given."""
        how = ["--profile", "quick"] if self.cluster else ["--cores", "1", "--latency-wait", "5"]
        until = ["--until", *self.until] if self.until else []
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), *how, *until]
        self._spoke = time.monotonic()
        with open(self.log, "a") as log:
            return subprocess.Popen(
                [*command, "--configfile", "study.yaml"],
                cwd=folder or self.folder,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def finish(self, driver):
        """Wait for the end of the command, and return its status; kill one that hangs."""
        end = time.monotonic() + self.limit
        while driver.poll() is None:
            time.sleep(0.2)
            size = self.log.stat().st_size
            if size != self._size:
                self._size, self._spoke = size, time.monotonic()
            self.silence = max(self.silence, time.monotonic() - self._spoke)
            if time.monotonic() > end:
                os.killpg(driver.pid, signal.SIGKILL)
                driver.wait()
                return "hangs"
        return driver.returncode

    def verify(self):
        """Delete what is damaged."""
        command = [sys.executable, "-m", "xscatter", "verify", str(self.results), "--delete-bad"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        with open(self.log, "a") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode

    def content(self):
        """Return the checksum of each file that the study makes."""
        folders = (*DATA, "models/*", "evaluation", "embedder", "tagger")
        files = [path for kind in folders for path in self.results.glob(f"{kind}/*.*")]
        return {
            str(path.relative_to(self.results)): _digest(path)
            for path in sorted(files)
            if path.is_file() and path.name not in TOLD and not path.name.startswith(".")
        }


def _digest(path):
    # HDF5 files have bytes that nothing uses: a bit that flips there is no damage.
    if path.suffix == ".h5":
        with shards.read_file(path) as file:
            return shards.checksum(file)
    content = path.read_bytes()
    if path.suffix == ".json":  # host, time and command of the job are no result
        content = json.dumps({**json.loads(content), "run": None}).encode()
    return hashlib.sha256(content).hexdigest()


class Witness:
    """Watches a study: no job that ended well may run again.

    Args:
        study: which one.
    """

    def __init__(self, study):
        self.study, self.files, self.ends = study, defaultdict(set), {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(0.1):
            for path in self.study.results.glob("*/*.h5"):
                with suppress(OSError):
                    self.files[f"{path.parent.name}/{path.name}"].add(path.stat().st_ino)
            for mark in self.study.folder.glob(".snakemake/slurm-array/*/*/*.exit"):
                if mark not in self.ends:
                    with suppress(OSError, ValueError, StopIteration):
                        self.ends[mark] = self._made(mark)

    @staticmethod
    def _made(mark):
        """Return the file that a job made; empty: it failed."""
        if mark.read_text().strip() != "0":
            return ""
        jobs = json.loads((mark.parent / "jobs.json").read_text())
        return next(job["output"][0] for job in jobs if str(job["number"]) == mark.stem)

    def twice(self, deadly):
        """Return what was made more than once.

        Args:
            deadly: jobs died: one that dies just after its file is complete has failed.
        """
        self.ended.set()
        self.thread.join()
        ended = Counter(filter(None, self.ends.values()))
        again = [Path(name).name for name, count in ended.items() if count > 1]
        if not deadly:
            again += [name for name, versions in self.files.items() if len(versions) > 1]
        return sorted(set(again))


def run(seed, kind, folder, whole, cluster):
    """Let one accident happen and repair it; return the row of the table.

    Args:
        seed: decides everything about it.
        kind: "damage", "local", or "cluster".
        folder: of all accidents.
        whole: the undisturbed study.
        cluster: the private cluster, or None.
    """
    chance = random.Random(seed)
    began = time.monotonic()
    place = folder / f"{seed:03d} it's $5 über"  # folders of users have such names
    shutil.rmtree(place, ignore_errors=True)
    witness = None
    if kind == "damage":
        shutil.copytree(whole.folder, place, symlinks=True)
        study = Study(place, seed=seed)
        name = damage(study, chance)
        if name.split()[1].startswith(DATA):
            study.until = UNTIL
        lines, status = 0, None
    else:
        study = Study(place, cluster, until=UNTIL, seed=seed)
        witness = Witness(study)
        name, lines, status = disturb(study, chance)
    while status != 0 and status != "hangs" and lines < LINES:
        lines += 1
        status = study.finish(study.start())
    problems = [f"status {status}"] if status != 0 else []
    mine, right = study.content(), whole.content()
    if study.until:
        mine, right = _data(mine), _data(right)
    if wrong := sorted(path for path in right | mine if right.get(path) != mine.get(path)):
        problems.append("differ: " + " ".join(wrong))
    if again := witness.twice(name.partition(" ")[0] in DEADLY) if witness else []:
        problems.append("made twice: " + " ".join(again))
    if study.until and study.silence > SILENCE:
        problems.append("silent")
    if kind == "damage" and not problems and study.verify() != 0:
        problems.append("verify is not content")
    for disk in (study.results.parent, place):
        subprocess.run(["umount", "-q", str(disk)], capture_output=True)
    if not problems:
        shutil.rmtree(place, ignore_errors=True)
    return {
        "seed": seed,
        "kind": kind,
        "accident": name,
        "lines": lines,
        "seconds": round(time.monotonic() - began),
        "silence": round(study.silence),
        "result": "; ".join(problems) or "same bytes",
    }


def _data(content):
    """Keep only the files that the rules of `UNTIL` need."""
    return {
        path: digest
        for path, digest in content.items()
        if path.startswith(DATA) and ".features." not in path
    }


def main():
    """Run the accidents of all seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["damage", "local", "cluster"])
    parser.add_argument("--seeds", default="0-49", help="such as 3, 0-9 or 1,4,7")
    parser.add_argument("-o", "--output", type=Path, default=Path("chaos"))
    parser.add_argument("--parallel", type=int, default=1, help="accidents at a time")
    args = parser.parse_args()
    seeds = []
    for part in args.seeds.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    folder = args.output.resolve()
    whole = Study(folder / "whole")
    if not (folder / "whole.done").exists():
        status = whole.finish(whole.start())
        assert status == 0, f"the undisturbed run failed: see {whole.log}"
        (folder / "whole.done").touch()
    cluster = None
    if args.kind == "cluster":
        sys.path.insert(0, str(ROOT / "tests/slurm"))
        from cluster import Cluster

        cluster = Cluster()
        cluster.start()
    table, guard, survived = folder / "accidents.csv", threading.Lock(), []

    def one(seed):
        try:
            row = run(seed, args.kind, folder, whole, cluster)
        except Exception:
            traceback.print_exc()
            row = {"seed": seed, "kind": args.kind, "result": "the benchmark failed"}
        fields = ("seed", "kind", "accident", "lines", "seconds", "silence", "result")
        with guard, open(table, "a", newline="") as stream:
            writer = csv.DictWriter(stream, fields, restval="")
            if not stream.tell():
                writer.writeheader()
            writer.writerow(row)
            print(*row.values(), sep="  ", flush=True)
            survived.append(row["result"] == "same bytes")

    try:
        with ThreadPoolExecutor(args.parallel) as pool:
            list(pool.map(one, seeds))
    finally:
        if cluster:
            cluster.stop()
    print(f"{sum(survived)} of {len(survived)} accidents ended with the same bytes")


if __name__ == "__main__":
    main()
