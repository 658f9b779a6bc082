"""Accidents, each with a seed: a small study must end with the bytes of an undisturbed run.

Each accident strikes a study that is finished (a damaged, cut or deleted file, a wrong clock) or
one that runs (a killed driver, task, node or controller, a cancelled or requeued job, a lost
answer of Slurm, a full disk, a second driver). Then nothing is done but what the documentation
says: run the same command again, after `xscatter verify --delete-bad` where a file was damaged.

    python benchmarks/chaos.py --seeds 0-49 -o chaos            # needs root and Debian's Slurm
    python benchmarks/chaos.py --seeds 0-49 -o chaos --only finished    # without Slurm

Prints one line an accident, and writes the table to chaos/accidents.csv.
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
from collections import defaultdict
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
}
QUICK = {
    "seconds-between-status-checks": 2,
    "max-status-checks-per-second": 1,
    "latency-wait": 5,
    "slurm-array-settle-seconds": 1,
}
# These have times in them; whatever else a study makes has the same bytes.
TOLD = {"timings.csv", "report.html"}
DATA = ("experiments", "coefficients", "batches")
LINES = 3  # most times that the command is typed


class Study:
    """A study in a folder of its own, and the command that makes it.

    Args:
        folder: where it runs.
        cluster: the private cluster, or None for this machine.
        until: last rule; empty: all.
        limit: seconds after which a command counts as hanging.
    """

    def __init__(self, folder, cluster=None, until="", limit=1800):
        self.folder, self.cluster, self.until, self.limit = folder, cluster, until, limit
        self.results = folder / "results" / STUDY["name"]
        self.environment = dict(os.environ)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
        if cluster:
            self._write_profile()

    def _write_profile(self):
        quick = self.folder / "quick"
        quick.mkdir(exist_ok=True)
        shutil.copy(ROOT / "slurm/partitions.yaml", quick)
        config = yaml.safe_load((ROOT / "slurm/config.yaml").read_text()) | QUICK
        (quick / "config.yaml").write_text(yaml.safe_dump(config))

    def start(self):
        """Type the command."""
        how = ["--profile", "quick"] if self.cluster else ["--cores", "1", "--latency-wait", "5"]
        until = ["--until", self.until] if self.until else []
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), *how, *until]
        with open(self.folder / "driver.log", "a") as log:
            return subprocess.Popen(
                [*command, "--configfile", "study.yaml"],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def finish(self, driver):
        """Wait for the end of the command, and return its status; kill one that hangs."""
        try:
            return driver.wait(self.limit)
        except subprocess.TimeoutExpired:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
            return "hangs"

    def verify(self):
        """Delete what is damaged."""
        command = [sys.executable, "-m", "xscatter", "verify", str(self.results), "--delete-bad"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        with open(self.folder / "driver.log", "a") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode

    def content(self):
        """Return the checksum of each file that the study makes."""
        kinds = ("experiments", "coefficients", "batches", "models/*", "evaluation", "tagger")
        files = [path for kind in kinds for path in self.results.glob(f"{kind}/*.*")]
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
    """Watches the files of a study: none that is complete may be made again by a living task.

    Args:
        study: which one.
    """

    def __init__(self, study):
        self.study, self.seen, self.ended = study, defaultdict(set), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(0.1):
            for path in self.study.results.glob("*/*.h5"):
                with suppress(OSError):
                    self.seen[path].add(path.stat().st_ino)

    def twice(self):
        """Return the files that were made more than once."""
        self.ended.set()
        self.thread.join()
        return sorted(path.name for path, versions in self.seen.items() if len(versions) > 1)


def run(seed, folder, whole, cluster, only):
    """Let one accident happen and repair it; return the row of the table.

    Args:
        seed: decides everything about it.
        folder: of all accidents.
        whole: the undisturbed study.
        cluster: the private cluster, or None.
        only: "finished" or "running" studies; None: both, by chance.
    """
    chance = random.Random(seed)
    began = time.monotonic()
    place = folder / f"{seed:03d} it's $5 über"  # folders of users have such names
    shutil.rmtree(place, ignore_errors=True)
    witness = None
    if (only or chance.choice(["finished", "running"])) == "finished":
        shutil.copytree(whole.folder, place, symlinks=True)
        study = Study(place)
        name, status = damage(study, chance), None
    else:
        study = Study(place, cluster, until="index")
        witness = Witness(study)
        name, status = disturb(study, chance)
    lines = 0 if status is None else 1
    while status != 0 and status != "hangs" and lines < LINES:
        lines += 1
        status = study.finish(study.start())
    mine, right = study.content(), whole.content()
    if study.until:
        right = {path: digest for path, digest in right.items() if path.startswith(DATA)}
    problems = [f"status {status}"] if status != 0 else []
    if wrong := sorted(path for path in right | mine if right.get(path) != mine.get(path)):
        problems.append("differ: " + " ".join(wrong))
    twice = witness.twice() if witness else []
    if twice and name.partition(" ")[0] not in DEADLY:
        problems.append("made twice: " + " ".join(twice))
    if study.until == "" and not problems and study.verify() != 0:
        problems.append("verify is not content")
    subprocess.run(["umount", str(place / "results")], capture_output=True)
    if not problems:
        shutil.rmtree(place, ignore_errors=True)
    return {
        "seed": seed,
        "accident": name,
        "lines": lines,
        "seconds": round(time.monotonic() - began),
        "result": "; ".join(problems) or "same bytes",
    }


def main():
    """Run the accidents of all seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0-49")
    parser.add_argument("-o", "--output", type=Path, default=Path("chaos"))
    parser.add_argument("--only", choices=["finished", "running"])
    args = parser.parse_args()
    first, _, last = args.seeds.partition("-")
    folder = args.output.resolve()
    whole = Study(folder / "whole", until="index" if args.only == "running" else "")
    last_file = "batches/records.json" if whole.until else "report.html"
    if not (whole.results / last_file).exists():
        status = whole.finish(whole.start())
        assert status == 0, f"the undisturbed run failed: see {whole.folder}/driver.log"
    cluster = None
    if args.only != "finished":
        sys.path.insert(0, str(ROOT / "tests/slurm"))
        from cluster import Cluster

        cluster = Cluster()
        cluster.start()
    table = folder / f"accidents{'-' + args.only if args.only else ''}.csv"
    rows = list(csv.DictReader(table.read_text().splitlines())) if table.exists() else []
    try:
        for seed in range(int(first), int(last or first) + 1):
            rows.append(run(seed, folder, whole, cluster, args.only))
            print(*rows[-1].values(), sep="  ", flush=True)
            with open(table, "w", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    finally:
        if cluster:
            cluster.stop()
    survived = sum(row["result"] == "same bytes" for row in rows)
    print(f"{survived} of {len(rows)} accidents ended with the same bytes")


if __name__ == "__main__":
    main()
