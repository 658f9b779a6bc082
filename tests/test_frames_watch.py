import csv
import subprocess
import sys
import time

import numpy as np
import pytest

from toy_models import TAGS, ring, watched, write_frames, write_tagger
from xscatter import tagging
from xscatter.cli import main


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    study = tmp_path_factory.mktemp("study")
    write_tagger(study)
    return study


@pytest.fixture
def files(tmp_path):
    write_frames(tmp_path / "frames")
    return tmp_path / "frames"


def test_watch_tags_each_file_once_over_restarts(models, files, tmp_path, capsys):
    table = files / "tags.csv"  # in the folder itself, where it must not be taken for a frame
    command = [
        "watch",
        str(files),
        "--model",
        str(models),
        "-o",
        str(table),
        "--once",
        "--settle",
        "0.05",
    ]
    command += ["--patience", "0.2"]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "watch: 8 frames tagged, 1 could not be read" in printed.err
    assert "6.npy: cannot be read" in printed.out
    first = watched(table)
    assert sorted(first) == sorted([(f"{n}.npy", 0) for n in range(8)] + [("7.npy", 1)])
    np.save(files / "8.npy", ring(seed=20))
    assert main(command) == 0
    assert watched(table) == [*first, ("8.npy", 0)]
    # A crash in the middle of a line: the file of that line is tagged again, no other one.
    content = table.read_bytes()
    table.write_bytes(content[:-7])
    assert main(command) == 0
    assert watched(table) == [*first, ("8.npy", 0)]
    assert "a second" in capsys.readouterr().err


def test_watch_refuses_the_table_of_another_model(models, files, tmp_path, capsys):
    table = tmp_path / "tags.csv"
    table.write_text("file,frame\n")
    assert main(["watch", str(files), "--model", str(models), "-o", str(table), "--once"]) == 2
    assert "this model's tags" in capsys.readouterr().err
    assert (
        main(["watch", str(tmp_path / "none"), "--model", str(models), "-o", str(table), "--once"])
        == 2
    )


def test_a_file_that_grows_while_or_after_it_is_tagged_gives_each_frame_once(models, tmp_path):
    from xscatter.sources.folder import Folder
    from xscatter.tagging.follow import FollowOptions, follow
    from xscatter.tagging.journal import Journal

    tagger, path = tagging.Tagger.load(models), tmp_path / "stack.npy"
    stack = np.stack([ring(shape=(64, 64), center=(30, 30), seed=n) for n in range(5)])
    np.save(path, stack[:2])
    folder, journal = (
        Folder(tmp_path, settle=0.05),
        Journal(tmp_path / "out" / "tags.csv", tagger.tags),
    )
    once = FollowOptions(once=True)
    honest = tagger.tag
    grown = []

    def slow(batch, view=None):
        if not grown:  # while it is tagged for the first time
            grown.append(True)
            time.sleep(0.01)
            np.save(path, stack[:3])
        return honest(batch, view)

    tagger.tag = slow
    for _ in follow(tagger, folder, journal, once):
        pass
    assert [number for _, number in watched(journal.path)] == [0, 1, 2]
    np.save(path, stack)
    for _ in follow(tagger, folder, journal, once):
        pass
    journal.close()
    assert [number for _, number in watched(journal.path)] == [0, 1, 2, 3, 4]
    # A file that was given up as bad and is fixed later, by another process.
    bad = tmp_path / "bad.npy"
    bad.write_bytes(b"nothing")
    for content in (None, None, stack[:1]):
        if content is not None:
            time.sleep(0.05)
            np.save(bad, content)
        journal = Journal(journal.path, tagger.tags)
        soon = FollowOptions(once=True, patience=0.1)
        for _ in follow(tagger, Folder(tmp_path, settle=0.05), journal, soon):
            pass
        journal.close()
    with open(journal.path) as stream:
        rows = [row for row in csv.DictReader(stream) if row["file"] == str(bad)]
    assert [row["center_from"] for row in rows] == ["", "estimate"]


def test_two_watchers_never_add_to_one_table(models, files, tmp_path, capsys):
    from xscatter.tagging.journal import Journal

    table = tmp_path / "tags.csv"
    first = Journal(table, TAGS)
    command = [
        "watch",
        str(files),
        "--model",
        str(models),
        "-o",
        str(table),
        "--once",
        "--settle",
        "0.05",
    ]
    assert main(command) == 2
    assert "another `xscatter watch` adds to it" in capsys.readouterr().err
    first.close()
    assert main([*command, "--patience", "0.1"]) == 0


def test_watch_killed_at_any_moment_neither_skips_nor_repeats(models, tmp_path):
    folder, table = tmp_path / "in", tmp_path / "tags.csv"
    folder.mkdir()
    for n in range(40):
        np.save(folder / f"{n:02d}.npy", ring(shape=(64, 64), center=(30, 30), seed=n))
    command = [
        sys.executable,
        "-m",
        "xscatter",
        "watch",
        str(folder),
        "--model",
        str(models),
        "-o",
        str(table),
    ]
    command += ["--settle", "0.05"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not table.exists() or table.stat().st_size < 200:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    running.stdout.close()
    subprocess.run([*command, "--once"], check=True, capture_output=True)
    assert sorted(watched(table)) == [(f"{n:02d}.npy", 0) for n in range(40)]
