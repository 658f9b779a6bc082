"""A file is done in one state: whatever happens to it later, the table ends up true."""

import os
import shutil
import time
from contextlib import closing

import h5py
import numpy as np
import pytest

from toy_watch import bright_tagger, current, frame, rows, watch
from xscatter.core.errors import UserError
from xscatter.frames.links import linked_files
from xscatter.sources import folder as folders
from xscatter.sources.folder import Folder
from xscatter.sources.source import AwayError
from xscatter.tagging import Tagged
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal


@pytest.fixture
def place(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in", tmp_path / "tags.csv"


def overwrite(path, stack):
    """In place, as detectors with a ring of file names do."""
    time.sleep(0.02)  # the time of a file is no finer than a tick of the clock
    with open(path, "r+b") as stream:
        np.save(stream, stack)
        stream.truncate()


def test_what_is_overwritten_is_tagged_again(place):
    folder, table = place
    stack = np.stack([frame(10, n) for n in range(3)])
    np.save(folder / "a.npy", stack)
    watch(folder, table)
    first = rows(table)
    assert first == [("a.npy", n, 1, "", True) for n in range(3)]
    stack[1] = frame(40)
    overwrite(folder / "a.npy", stack)  # of the same size
    watch(folder, table)
    assert rows(table) == [*first, ("a.npy", 1, 2, "bright", True)]
    overwrite(folder / "a.npy", stack[:2])
    watch(folder, table)
    gone = ("a.npy", 2, 2, "", False)
    assert rows(table)[4:] == [gone]
    assert [key[1] for key in current(table)] == ["0", "1"]
    time.sleep(0.02)
    os.utime(folder / "a.npy")  # a new time alone changes nothing
    watch(folder, table)
    overwrite(folder / "a.npy", stack)
    watch(folder, table)
    assert rows(table)[5:] == [("a.npy", 2, 3, "", True)]


def test_room_that_is_filled_later_is_tagged_again(place):
    folder, table = place
    np.lib.format.open_memmap(folder / "a.npy", "w+", np.int32, (2, 64, 64)).flush()
    watch(folder, table)
    time.sleep(0.02)
    room = np.lib.format.open_memmap(folder / "a.npy", "r+")
    room[:] = frame(30), frame(40)
    room.flush()
    del room
    os.utime(folder / "a.npy")
    watch(folder, table)
    assert [(n, version, tags) for _, n, version, tags, _ in rows(table)] == [
        (0, 1, ""),
        (1, 1, ""),
        (0, 2, "bright"),
        (1, 2, "bright"),
    ]


def test_frames_are_tagged_however_late_they_are_added(place, monkeypatch):
    """Also when a file has not been looked at for long."""
    monkeypatch.setattr(folders, "_RECENT", 0.0)
    monkeypatch.setattr(folders, "_SWEEP", 0.3)
    folder, table = place
    np.save(folder / "a.npy", np.stack([frame(10)]))
    tagger = bright_tagger()
    with closing(Journal(table, tagger.tags)) as journal:
        source = Folder(folder, settle=0.01)
        following = follow(tagger, source, journal, FollowOptions(), lambda line: None)
        while not next(following):
            pass
        for _ in range(3):
            next(following)
        np.save(folder / "a.npy", np.stack([frame(10), frame(40)]))
        while not next(following):
            pass
    assert [(n, tags) for _, n, _, tags, _ in rows(table)] == [(0, ""), (1, "bright")]


def eiger(folder, frames=2):
    """Write a master file; return a function that writes its data file."""
    with h5py.File(folder / "s_master.h5", "w") as file:
        data = file.create_group("entry/data")
        data["data_000001"] = h5py.ExternalLink("s_data_000001.h5", "/entry/data/data")

    def write():
        with h5py.File(folder / "s_data_000001.h5", "w") as file:
            file["entry/data/data"] = np.stack([frame(30, n) for n in range(frames)])

    return write


def test_a_master_is_tried_again_when_its_data_arrive(place):
    folder, table = place
    write = eiger(folder)
    watch(folder, table)
    assert rows(table) == [("s_master.h5", 0, 1, "", False)]
    write()
    watch(folder, table)
    # The data file itself is not tagged.
    assert rows(table)[1:] == [
        ("s_master.h5", 0, 2, "bright", True),
        ("s_master.h5", 1, 1, "bright", True),
    ]
    with h5py.File(folder / "s_data_000001.h5", "r+") as file:
        file["entry/data/data"][1] = frame(10)
    watch(folder, table)
    assert rows(table)[3:] == [("s_master.h5", 1, 2, "", True)]
    watch(folder, table)
    assert len(rows(table)) == 4


def test_the_files_that_a_file_takes_data_from(tmp_path):
    eiger(tmp_path)()
    layout = h5py.VirtualLayout((2, 64, 64), "i4")
    layout[:] = h5py.VirtualSource("s_data_000001.h5", "entry/data/data", (2, 64, 64))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("data", layout)
        file["link"] = h5py.ExternalLink("virtual_2.h5", "/data")
        file["self"] = h5py.SoftLink("/")
    with h5py.File(tmp_path / "virtual_2.h5", "w") as file:
        file["back"] = h5py.ExternalLink("virtual.h5", "/data")
        file["missing"] = h5py.ExternalLink("/nowhere/far.h5", "/data")
    names = [name.removeprefix(f"{tmp_path}/") for name in linked_files(tmp_path / "virtual.h5")]
    assert names == sorted(["/nowhere/far.h5", "far.h5", "s_data_000001.h5", "virtual_2.h5"])
    (tmp_path / "a.tif").write_bytes(b"nothing")
    assert linked_files(tmp_path / "a.tif") == ()


def test_a_data_file_waits_for_its_master(place):
    folder, _ = place
    eiger(folder)()
    (folder / "s_master.h5").rename(folder / ".s_master.h5")
    look = Folder(folder, settle=0.0)
    look.wait()
    time.sleep(0.05)
    assert look.wait() == ([], 1)
    (folder / ".s_master.h5").rename(folder / "s_master.h5")
    look.wait()
    time.sleep(0.05)
    assert [item.name.rpartition("/")[2] for item in look.wait().items] == ["s_master.h5"]


def test_a_folder_that_vanishes_and_returns(place):
    folder, table = place
    np.save(folder / "a.npy", frame(40))
    tagger, lines = bright_tagger(), []
    with closing(Journal(table, tagger.tags)) as journal:
        source = Folder(folder, settle=0.01)
        following = follow(tagger, source, journal, FollowOptions(), lines.append)
        while not next(following):
            pass
        folder.rename(folder.with_name("away"))
        assert [next(following), next(following)] == [[], []]
        assert "next attempt in" in lines[-1]
        folder.with_name("away").rename(folder)
        np.save(folder / "b.npy", frame(40))
        while not next(following):
            pass
    assert [name for name, *_ in rows(table)] == ["a.npy", "b.npy"]
    shutil.rmtree(folder)
    with pytest.raises(AwayError, match="cannot be listed"):
        watch(folder, table)


def test_the_clock_of_a_file_decides_nothing(place):
    folder, table = place
    for name in ("good.npy", "bad.npy"):
        np.save(folder / name, frame(40))
    (folder / "bad.npy").write_bytes(b"nothing")
    for name in ("good.npy", "bad.npy"):
        os.utime(folder / name, (4e9, 4e9))  # in the year 2096
    watch(folder, table)  # it ends, though the file that cannot be read is younger than 0.1 s
    assert {(name, good) for name, *_, good in rows(table)} == {
        ("good.npy", True),
        ("bad.npy", False),
    }
    # A copy with the time of its original may still be being written.
    look = Folder(folder, settle=0.2)
    look.wait()
    np.save(folder / "copy.npy", frame(40))
    os.utime(folder / "copy.npy", (1e9, 1e9))
    assert str(folder / "copy.npy") not in [item.name for item in look.wait().items]
    time.sleep(0.3)
    assert str(folder / "copy.npy") in [item.name for item in look.wait().items]


def test_folders_in_a_folder(place):
    folder, table = place
    for name in ("a/b", "c", ".hidden"):
        (folder / name).mkdir(parents=True)
        np.save(folder / name / f"{name[0]}.npy", frame(40))
    os.symlink(folder, folder / "c" / "ring")
    watch(folder, table)
    assert rows(table) == []
    watch(folder, table, recursive=True)
    assert sorted(name for name, *_ in rows(table)) == ["a.npy", "c.npy"]


def test_rows_are_never_added_to_a_table_that_is_gone(tmp_path):
    table = tmp_path / "tags.csv"
    with closing(Journal(table, ["ring"])) as journal:
        table.unlink()
        with pytest.raises(UserError, match="removed or replaced"):
            journal.add([Tagged("a.h5", 0, content="1")])
