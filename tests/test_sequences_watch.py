"""Processes of a folder that is followed: the same events whatever stops and starts in between."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import watched_processes
from toy_sequences import growing_ring
from xscatter.cli import main as command

SCRIPT = Path(__file__).parent / "watched_processes.py"


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Frames with a ring that comes and goes, a burst, a file that is no frame, no beam at the end.

    Names without leading zeros: text would sort frame 10 before frame 2.
    """
    folder = tmp_path_factory.mktemp("frames")
    random = np.random.default_rng(0)
    expected = growing_ring(frames=44, onset=14, time=3.0)
    expected = np.concatenate([expected, expected[12::-1], 0.001 * expected[:3]])
    expected[9, 40, 40] += 3000
    for number, image in enumerate(expected):
        np.save(folder / f"f{number}.npy", random.poisson(image).astype(np.int32))
    (folder / "f20.npy").write_bytes(b"nothing")
    for number in range(len(expected)):
        os.utime(folder / f"f{number}.npy", (1.7e9 + number, 1.7e9 + number))
    return folder


def lines(path):
    """Events without the names of folders."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    watched_processes.main(frames, folder / "tags.csv", folder / "events.jsonl", 0)
    return lines(folder / "events.jsonl"), (folder / "events.csv").read_text()


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    """What the script replaces in this process."""
    from xscatter.tagging import follow

    monkeypatch.setattr("os.fsync", __import__("os").fsync)
    monkeypatch.setattr(follow, "TOGETHER", follow.TOGETHER)


def test_events_of_a_folder(whole):
    whole, table = whole
    told = [(event["kind"], event["process"]) for event in whole]
    assert told[0] == ("onset", "change of unknown kind")
    assert told[-1] == ("onset", "beam lost")
    assert [kind for kind, name in told if name == "change of unknown kind"].count("onset") >= 2
    stop = next(event for event in whole if event["advice"] == "stop")
    assert stop["kind"] == "advice"
    assert 18 <= stop["frame"] <= 30  # of a ring that grows from frame 14 on, in 3 frames
    rows = list(csv.DictReader(table.splitlines()))
    assert [Path(row["file"]).name for row in rows] == [f"f{n}.npy" for n in range(60)]
    place = [float(row["peak_position"]) for row in rows[30:44]]
    assert abs(np.median(place) - 18) < 0.5
    assert Path(whole[0]["file"]).name in {f"f{n}.npy" for n in range(15, 20)}
    assert whole[0]["time"] > 0


def test_killed_at_every_write_it_ends_with_the_same_events(frames, whole, tmp_path):
    table, events = tmp_path / "tags.csv", tmp_path / "events.jsonl"
    random, kills = np.random.default_rng(1), 0
    while True:
        # The state that is written first at each start is two of them.
        at = 0 if kills == 14 else int(random.integers(1, 14))
        done = subprocess.run([sys.executable, SCRIPT, frames, table, events, str(at)], check=False)
        if done.returncode != -signal.SIGKILL:
            break
        kills += 1
    assert done.returncode == 0
    assert kills >= 8
    assert lines(events) == whole[0]
    assert events.with_suffix(".csv").read_text() == whole[1]


def test_the_table_of_another_run_is_refused(frames, whole, tmp_path):
    events = tmp_path / "events.jsonl"
    watched_processes.main(frames, tmp_path / "one.csv", events, 0)
    from xscatter.core.errors import UserError

    with pytest.raises(UserError, match="belongs to another table"):
        watched_processes.main(tmp_path, tmp_path / "other.csv", events, 0)
    events.with_suffix(".csv").write_text("another\n")
    with pytest.raises(UserError, match="is not the table that this watch began"):
        watched_processes.main(frames, tmp_path / "one.csv", events, 0)


def test_events_are_not_written_into_the_folder_that_is_followed(frames, capsys):
    arguments = ["watch", str(frames), "--processes", str(frames / "events.jsonl"), "--once"]
    assert command(arguments) == 2
    assert "choose a file outside of it" in capsys.readouterr().err


def test_a_frame_waits_for_the_one_before_it_while_it_is_young(tmp_path):
    from xscatter.sequences.stream import FrameStream
    from xscatter.sources.source import Item
    from xscatter.tagging.process_log import ProcessLog
    from xscatter.tagging.tagged import Tagged

    log = ProcessLog(tmp_path / "e.jsonl", FrameStream(record=False), tmp_path / "none.csv")
    log.add([Tagged("f8.npy", 0, note="f8.npy: is empty", failed=True)])
    log.told()
    now = time.time()
    items = [Item(f"f{n}.npy", now) for n in (11, 9, 10, 13)]
    assert [item.name for item in log.order(items, 60)] == ["f9.npy", "f10.npy", "f11.npy"]
    old = [Item(f"f{n}.npy", now - 100) for n in (11, 9, 10, 13)]
    assert [item.name for item in log.order(old, 60)][-1] == "f13.npy"
    log.add([Tagged("f13.npy", 0, note="f13.npy: is empty", failed=True)])
    assert "missing frames: f#.npy 9 to 12" in log.messages
    log.close()
