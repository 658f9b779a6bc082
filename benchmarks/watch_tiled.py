"""Frames from a Tiled server on loopback, beside the same frames in a folder.

    python benchmarks/watch_tiled.py [rate] [latency] [memory] [accidents] [--frames 200]

rate       frames a second of CPU time, interleaved with a folder's (wanted: 90 % of it)
latency    seconds from writing a frame to its row, 10 frames a second, where the metadata hold the
           beam centre and where it has to be estimated (wanted: median below 1)
memory     largest memory of a watch of as many frames, and of four times as many (wanted: the same)
accidents  20 kills of the watch and 5 of the server: rows must be those of a quiet run, and each is
           written back once

Needs the packages of the extra `test`. Other programs on the machine show in the latency alone; the
CPU time of a frame and the load are beside it.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # the server

from tiled_server import TiledServer
from xscatter.sources.folder import Folder
from xscatter.sources.registry import open_source
from xscatter.tagging import Tagger
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal

SHAPE = (256, 256)
PARTS = ("rate", "latency", "memory", "accidents")


def frames_of(count, seed=0):
    """Counts (count, 256, 256) uint16: rings on a low-q cone."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    r = np.hypot(y - 120, x - 130)
    expected = 0.3 + 40 * np.exp(-r / 25) + 20 * np.exp(-(((r - 70) / 3) ** 2))
    return random.poisson(expected, (count, *SHAPE)).astype(np.uint16)


def followed(source, table, tagger):
    """CPU seconds that all of a source take."""
    begin = time.process_time()
    with closing(Journal(table, tagger.tags)) as journal:
        once = FollowOptions(once=True)
        for _ in follow(tagger, source, journal, once, lambda _: None):
            pass
    return time.process_time() - begin


def rate(server, folder, frames, tagger):
    """Compare the rate with a folder's, three times in turn."""
    client, spent = server.client(), {"folder": 0.0, "tiled": 0.0}
    for turn in range(3):
        stack = frames_of(frames, turn)
        place = folder / f"frames{turn}"
        place.mkdir()
        for n, one in enumerate(stack):
            np.save(place / f"{n:05d}.npy", one)
        client.write_array(stack, key=f"rate{turn}")
        spent["folder"] += followed(Folder(place, settle=0.0), folder / f"f{turn}.csv", tagger)
        with closing(open_source(f"{server.url}/rate{turn}")) as source:
            spent["tiled"] += followed(source, folder / f"t{turn}.csv", tagger)
    each = {name: 3 * frames / seconds for name, seconds in spent.items()}
    print(
        f"rate: {each['tiled']:.1f} frames a second of CPU time, a folder {each['folder']:.1f}: "
        f"{each['tiled'] / each['folder']:.0%} (wanted: 90 %)"
    )


def latency(server, folder, frames, tagger):
    """Write ten frames a second while they are followed."""
    known = {"beam_center_x": 130.0, "beam_center_y": 120.0}
    for name, metadata in {"known": known, "estimated": {}}.items():
        client = server.client()
        array = client.write_array(frames_of(1), key=f"latency-{name}", metadata=metadata)
        begin = time.process_time()
        waits = followed_live(server, folder, array, name, frames, tagger)
        spent = (time.process_time() - begin) / len(waits)
        print(
            f"latency: centre {name}: median {np.median(waits):.2f} s, 95 % below "
            f"{np.quantile(waits, 0.95):.2f} s (wanted: median below 1); {1e3 * spent:.0f} ms of "
            f"CPU time a frame, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
            flush=True,
        )


def followed_live(server, folder, array, name, frames, tagger):
    """Seconds from the writing of each frame to its row."""
    stack, written, rows = frames_of(frames, 1), {}, {}

    def write():
        for n, one in enumerate(stack, 1):
            written[n] = time.monotonic()
            array.patch(one[None], offset=(n,), extend=True)
            time.sleep(max(written[n] + 0.1 - time.monotonic(), 0))

    with (
        closing(open_source(f"{server.url}/latency-{name}")) as source,
        closing(Journal(folder / f"{name}.csv", tagger.tags)) as journal,
    ):
        writer = threading.Thread(target=write)
        for tagged in follow(tagger, source, journal, FollowOptions(), lambda _: None):
            rows |= {one.index: time.monotonic() for one in tagged}
            if rows and not writer.ident:
                writer.start()
            if len(rows) > frames:
                break
        writer.join()
    return [rows[n] - written[n] for n in written]


def memory(server, folder, frames, model):
    """Follow one array four times as long as another, and compare the largest memory of both."""
    client, peaks = server.client(), []
    env = {**os.environ, "TILED_API_KEY": server.key}
    for turn, count in enumerate((frames, 4 * frames)):
        client.write_array(frames_of(count, turn), key=f"memory{turn}")
        # A process of its own: this one holds all frames.
        command = [sys.executable, "-m", "xscatter", "watch", f"{server.url}/memory{turn}"]
        command += [*(["--model", str(model)] if model else []), "--once"]
        command += ["-o", str(folder / f"m{turn}.csv")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running, peak = subprocess.Popen(command, env=env, **quiet), 0
        # What the kernel tells of an ended child has the memory of this process in it.
        while running.poll() is None:
            status = Path(f"/proc/{running.pid}/status").read_text()
            told = re.search(r"VmHWM:\s+(\d+)", status)
            peak = max(peak, int(told[1]) if told else 0)
            time.sleep(0.1)
        assert running.returncode == 0
        peaks.append(peak / 1024)
    print(f"memory: {peaks[0]:.0f} MB with {frames} frames, {peaks[1]:.0f} MB with {4 * frames}")


def accidents(server, folder, frames, model):
    """Kill the watch 20 times and the server 5 times while frames are written."""
    stack, random = frames_of(frames, 2), np.random.default_rng(0)
    array = server.client().write_array(stack[:1], key="accidents")
    command = [sys.executable, "-m", "xscatter", "watch", f"{server.url}/accidents"]
    command += [*(["--model", str(model)] if model else []), "-o"]
    env = {**os.environ, "TILED_API_KEY": server.key}

    def watch(table, *more):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*command, str(table), *more], env=env, **quiet)

    table, written = folder / "killed.csv", 1
    for accident in range(20):
        running = watch(table, "--write-back")
        time.sleep(random.uniform(2, 6))
        more = stack[written : 1 + (accident + 1) * (frames - 1) // 20]
        array.patch(more, offset=(written,), extend=True)
        written += len(more)
        if accident % 4 == 0:
            server.kill()
            server.start()
        time.sleep(random.uniform(0, 3))
        running.kill()
        running.wait()
    assert watch(table, "--once", "--write-back").wait() == 0
    assert watch(folder / "quiet.csv", "--once").wait() == 0
    rows = []
    for name in ("killed.csv", "quiet.csv"):
        with open(folder / name, newline="") as file:
            rows.append(sorted(tuple(row.values()) for row in csv.DictReader(file)))
    verdict = "equal" if rows[0] == rows[1] else "DIFFERENT"
    stored = sorted(server.client()["accidents_tags"].read()["frame"])
    back = "each once" if stored == list(range(frames)) else f"{len(stored)}, NOT EACH ONCE"
    print(
        f"accidents: 20 kills, 5 restarts of the server: {len(rows[0])} rows, {verdict}; "
        f"written back: {back}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--model", type=Path, help="default: the shipped tagger")
    arguments = parser.parse_args()
    tagger = Tagger.load(arguments.model)
    # Compile first: it happens once.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "first.npy", frames_of(1)[0])
        list(tagger.predict(folder / "first.npy"))
        server = TiledServer(folder / "server")
        os.environ["TILED_API_KEY"] = server.key
        try:
            for part, run in {"rate": rate, "latency": latency}.items():
                if part in arguments.parts:
                    run(server, folder, arguments.frames, tagger)
            for part, run in {"memory": memory, "accidents": accidents}.items():
                if part in arguments.parts:
                    run(server, folder, arguments.frames, arguments.model)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
