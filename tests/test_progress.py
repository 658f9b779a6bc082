"""Progress: a bar on a terminal, few lines in a log."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import numpy as np

from xscatter.commands import predict
from xscatter.core.progress import track

CODE = "from xscatter.core.progress import track; print(sum(track(range(5), 'units')))"


def test_a_terminal_gets_a_bar():
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))  # rows and columns
    done = subprocess.run([sys.executable, "-c", CODE], stderr=theirs, stdout=subprocess.PIPE)
    text = os.read(ours, 10_000).decode()
    os.close(theirs)
    os.close(ours)
    assert done.stdout == b"10\n"
    assert "units" in text
    assert "%|" in text


def test_a_log_gets_lines_every_so_often_and_one_at_the_end(capsys):
    assert list(track(range(3), "units", every=0)) == [0, 1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines[:3]] == [
        "units: 1 of 3",
        "units: 2 of 3",
        "units: 3 of 3",
    ]
    assert lines[3].startswith("units: 3 done in")
    assert list(track(range(3), "units", end=False)) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_total_that_becomes_known_on_the_way(capsys):
    known = iter([7, 9])
    assert list(track(iter("ab"), "units", lambda: next(known), every=0, end=False)) == ["a", "b"]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["units: 1 of 7", "units: 2 of 9"]


def test_frames_inside_a_file_are_counted(tmp_path):
    for name, frames in (("a.npy", 3), ("b.npy", 1), ("c.npy", 2)):
        np.save(tmp_path / name, np.ones((frames, 40, 40), np.int32))
    frames = predict._Frames([str(tmp_path / f"{name}.npy") for name in "abc"], {})
    assert [frames.total for _ in frames] == [5, 5, 5, 5, 6, 6]
