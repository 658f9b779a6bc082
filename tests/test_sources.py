import subprocess
import sys
import time
from importlib.metadata import EntryPoints
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from xscatter import sources
from xscatter.core.errors import UserError
from xscatter.sources import registry
from xscatter.sources.folder import FileState, Folder
from xscatter.sources.registry import open_source
from xscatter.sources.source import SourceOptions
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal


def names(batch):
    return [item.name for item in batch.items], batch.changing


class Done(NamedTuple):
    """A memory of some items."""

    states: dict
    path: object = None

    def __contains__(self, name):
        return name in self.states

    def state(self, name):
        return self.states.get(name)


def test_a_folder_waits_for_files_that_are_being_written(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    look = Folder(folder, "*.npy", settle=0.3)
    (folder / "a.npy").write_bytes(b"x" * 10)
    (folder / ".hidden.npy").write_bytes(b"x")
    (folder / "b.txt").write_bytes(b"x")
    assert names(look.wait()) == ([], 1)
    time.sleep(0.2)
    with open(folder / "a.npy", "ab") as stream:
        stream.write(b"y" * 10)
    assert names(look.wait()) == ([], 1)
    time.sleep(0.2)
    assert names(look.wait()) == ([], 1)
    time.sleep(0.2)
    assert names(look.wait()) == ([str(folder / "a.npy")], 0)
    known = {str(folder / "a.npy"): str(FileState.of(folder / "a.npy"))}
    look.resume(Done(known, folder / "tags.csv"))
    assert names(look.wait()) == ([], 0)


def test_a_folder_learns_how_long_writers_pause(tmp_path):
    path, look = tmp_path / "a.npy", Folder(tmp_path, settle=0.1)
    path.write_bytes(b"x" * 10)
    look.wait()
    time.sleep(0.3)
    path.write_bytes(b"x" * 20)
    assert names(look.wait()) == ([], 1)
    time.sleep(0.4)  # longer than `settle`, but it has paused nearly as long before
    assert names(look.wait()) == ([], 1)
    time.sleep(0.4)
    assert names(look.wait()) == ([str(path)], 0)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_a_folder_leaves_alone_what_somebody_has_open_for_writing(tmp_path):
    path, look = tmp_path / "a.npy", Folder(tmp_path, settle=0.05)
    program = (
        "import sys, time; f = open(sys.argv[1], 'wb'); f.write(b'x' * 99); f.flush(); "
        "print(flush=True); input()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    writer.stdout.readline()
    look.wait()
    time.sleep(0.3)
    assert names(look.wait()) == ([], 1)
    writer.communicate("\n")
    assert names(look.wait()) == ([str(path)], 0)


def test_an_item_that_changed_or_went_is_not_done(tmp_path):
    path, look = tmp_path / "a.npy", Folder(tmp_path, settle=0.0)
    np.save(path, np.zeros((40, 40), np.int32))
    (item,) = look.wait().items
    np.save(path, np.zeros((2, 40, 40), np.int32))
    assert not look.done(item)
    assert look.again(item)
    time.sleep(0.05)
    (item,) = look.wait().items
    assert len(list(look.frames(item))) == 2
    assert look.done(item)
    path.unlink()
    assert not look.done(item)
    assert not look.again(item)


def test_an_address_names_its_source(tmp_path):
    assert open_source(tmp_path).path == tmp_path
    options = SourceOptions("*.cbf", 3.0)
    folder = open_source(f"folder:{tmp_path}", options)
    assert (folder.path, folder.pattern, folder.settle) == (tmp_path, "*.cbf", 3.0)
    (tmp_path / "odd:name").mkdir()
    assert open_source(tmp_path / "odd:name").path == tmp_path / "odd:name"
    with pytest.raises(UserError, match="cannot be listed"):
        open_source(tmp_path / "none")
    with pytest.raises(UserError, match="no source is called 'nothing'; known are folder"):
        open_source("nothing:here")


def test_a_site_names_its_source_as_an_entry_point(monkeypatch):
    class Point(NamedTuple):
        name: str = "beamline"

        def load(self):
            return SimpleNamespace(connect=lambda address, options: (address, options.pattern))

    def points(group, name="beamline"):
        assert group == "xscatter.sources"
        return EntryPoints([Point()] if name == "beamline" else [])

    monkeypatch.setattr(registry, "entry_points", points)
    assert open_source("beamline:visit42", SourceOptions("*.cbf")) == ("visit42", "*.cbf")
    with pytest.raises(UserError, match="known are beamline, folder, http, https, tiled"):
        open_source("nothing:here")


DUMMY = '''
import numpy as np

from xscatter.frames import Unreadable, from_array
from xscatter.sources.source import Batch, Item

SCHEME = "dummy"


def connect(address, options):
    return Dummy(address)


class Dummy:
    """Three items: one frame, two frames, and one that can be read at the second attempt."""

    def __init__(self, address):
        self.address, self.tried = address, 0

    def resume(self, memory):
        self.memory = memory

    def wait(self):
        names = [f"{self.address}/{n}" for n in range(3)]
        return Batch([Item(name, 1e12) for name in names if name not in self.memory], 0)

    def frames(self, item):
        number = int(item.name[-1])
        self.tried += number == 2
        if number == 2 and self.tried == 1:
            yield Unreadable(item.name, 0, f"{item.name}: is not there yet")
            return
        for index in range(2 if number == 1 else 1):
            counts = np.random.default_rng(number).poisson(9, (64, 64))
            yield from_array(counts, source=item.name, index=index)

    def done(self, item):
        return True

    def again(self, item):
        return True
'''


class Fixed:
    """A network that always answers the same."""

    inputs = ("image",)

    def logits(self, inputs):
        return np.tile([2.0, -2.0], (len(inputs["image"]), 1))


@pytest.fixture
def tagger():
    from xscatter.store.bundle import Bundle, BundledNetwork
    from xscatter.tagging import Tagger

    tags = ["ring", "halo"]
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], dict.fromkeys(tags, known))
    names = dict.fromkeys(tags, "A tag.")
    bundle = Bundle("fixed", names, size=64, transform={}, networks={"image": entry})
    return Tagger(bundle, {"image": Fixed()})


def test_a_new_source_is_one_new_file(tagger, tmp_path, monkeypatch):
    (tmp_path / "dummy.py").write_text(DUMMY)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "xscatter.sources.dummy", raising=False)
    lines = []
    for attempt in range(2):  # the second time, all is done
        source = open_source("dummy:scan")
        journal = Journal(tmp_path / "tags.csv", tagger.tags)
        options = FollowOptions(once=True)
        rows = [
            (tagged.source, tagged.index, tagged.tags)
            for some in follow(tagger, source, journal, options, report=lines.append)
            for tagged in some
        ]
        journal.close()
        wanted = [("scan/0", 0), ("scan/1", 0), ("scan/1", 1), ("scan/2", 0)]
        assert rows == ([(*frame, ("ring",)) for frame in wanted] if attempt == 0 else [])
    assert lines[0].startswith("watch: 4 frames tagged, 0 could not be read")
