import csv
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest

from toy_models import TAGS, ring, watched, write_frames, write_tagger
from xscatter import tagging
from xscatter.cli import main
from xscatter.tagging.journal import Journal


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
    command += ["--patience", "0.2", "--processes", str(tmp_path / "events.jsonl")]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "watch: 8 frames tagged, 1 could not be read" in printed.err
    assert "6.npy: cannot be read" in printed.out
    assert (tmp_path / "events.jsonl").exists()
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


def rows_of(source, frames):
    return [
        tagging.Tagged(source, n, center_from="user", content=f"{n:016x}") for n in range(frames)
    ]


def test_rows_of_a_file_are_all_in_the_table_or_none(tmp_path):
    """Whatever the place at which a crash cuts the table off, and on a full disk."""
    path = tmp_path / "tags.csv"
    with closing(Journal(path, ["ring"])) as journal:
        journal.add(rows_of("a.h5", 3))
    before = path.read_bytes()
    with closing(Journal(path, ["ring"])) as journal:
        journal.add(rows_of("b.h5", 50))
    after = path.read_bytes()
    added = after[len(before) :]
    for cut in (0, 1, len(added) // 2, len(added) - 1, len(added)):
        path.write_bytes(before + added[:cut])
        (tmp_path / ".tags.csv.adding").write_bytes(b"%d\n" % len(before) + added)
        with closing(Journal(path, ["ring"])) as journal:
            assert len(journal) == 2
        assert path.read_bytes() == after
        assert sorted(tmp_path.iterdir()) == [path]
    # One that is left beside another table changes nothing.
    path.write_bytes(before)
    (tmp_path / ".tags.csv.adding").write_bytes(b"5\n" + added)
    with closing(Journal(path, ["ring"])):
        assert path.read_bytes() == before
    code = f"""
import resource, signal, sys
from pathlib import Path
from xscatter.core.errors import UserError
from xscatter.tagging import Tagged
from xscatter.tagging.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]), ["ring"])
size = {len(before) + len(added) // 2}
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    journal.add([Tagged("b.h5", n, center_from="user", tags=()) for n in range(50)])
except UserError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "tags.csv: cannot be written" in done.stdout
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_frame_that_failed_has_a_row_when_it_can_be_read(tmp_path):
    path, frames = tmp_path / "tags.csv", rows_of("a.h5", 4)
    failed = tagging.Tagged("a.h5", 1, failed=True, note="damaged")
    first = [frames[0], failed, *frames[2:]]
    for _ in range(2):
        with closing(Journal(path, ["ring"])) as journal:
            journal.add(journal.lacking("a.h5", first))
            assert journal.lacking("a.h5", first) == []
            assert [frame.index for frame in journal.lacking("a.h5", frames)] == [1]
    with closing(Journal(path, ["ring"])) as journal:
        journal.add(journal.lacking("a.h5", frames))
    with closing(Journal(path, ["ring"])) as journal:
        assert journal.lacking("a.h5", frames) == []
    assert len(path.read_text().splitlines()) == 6


def test_names_of_files_with_ends_of_lines(tmp_path):
    path, names = tmp_path / "tags.csv", ["a\u2028b.h5", "c\nd.h5", "e\x0b\x85f.h5", 'g,"h".h5']
    names += ["i\rj.h5", "k\r\nl.h5"]
    for number, name in enumerate(names):
        with closing(Journal(path, ["ring"])) as journal:
            assert len(journal) == number
            journal.add(rows_of(name, 2))
            assert all(known in journal for known in names[: number + 1])
            assert journal.lacking(name, rows_of(name, 3))[0].index == 2


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
