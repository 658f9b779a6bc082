"""One bad frame, or one bad file, takes no other with it; nor does reading disturb a writer."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from xscatter.frames import Frame, Unreadable, find_center, from_array
from xscatter.frames.reading import read_each
from xscatter.sources.folder import Folder
from xscatter.store.bundle import Bundle, BundledNetwork
from xscatter.tagging import Tagger, prepare
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal

TAGS = ["ring", "halo"]


class Constant:
    inputs = ("image",)

    def logits(self, inputs):
        return np.tile([2.0, -2.0], (len(inputs["image"]), 1))


@pytest.fixture
def tagger():
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], dict.fromkeys(TAGS, known))
    names = dict.fromkeys(TAGS, "A tag.")
    bundle = Bundle("constant", names, size=64, transform={}, networks={"image": entry})
    return Tagger(bundle, {"image": Constant()})


def counts(shape=(64, 48), seed=1):
    return np.random.default_rng(seed).poisson(9, shape).astype(np.int32)


def test_a_dead_frame_costs_its_series_one_row(tagger, tmp_path):
    stack = np.stack([counts(seed=n) for n in range(5)])
    stack[2] = -1
    np.save(tmp_path / "a.npy", stack)
    rows = list(tagger.predict(tmp_path / "a.npy"))
    assert [row.index for row in rows] == [0, 1, 2, 3, 4]
    assert [row.failed for row in rows] == [False, False, True, False, False]
    assert "100% of its pixels are masked" in rows[2].note


def test_whatever_fails_in_one_frame_fails_for_it_alone(tagger, monkeypatch):
    make = prepare.prepare

    def failing(frame, size):
        if frame.index == 1:
            raise ZeroDivisionError("of a kind\nthat nobody thought of")
        return make(frame, size)

    monkeypatch.setattr("xscatter.tagging.tagger.prepare", failing)
    series = [from_array(counts(), source="a", index=n, center=(30, 20)) for n in range(3)]
    rows = list(tagger.predict(series))
    assert [row.failed for row in rows] == [False, True, False]
    assert rows[1].note == "a: frame 1: could not be prepared (of a kind that nobody thought of)"


def test_whatever_fails_in_the_network_fails_for_one_frame_alone(tagger, tmp_path):
    class Failing(Constant):
        def logits(self, inputs):
            if (inputs["image"].mean(axis=(1, 2)) > 20).any():
                raise RuntimeError("out of range")
            return super().logits(inputs)

    tagger._networks["image"] = Failing()
    np.save(tmp_path / "a.npy", np.stack([counts(), 5 * counts(), counts()]))
    rows = list(tagger.predict(tmp_path / "a.npy"))
    assert [row.failed for row in rows] == [False, True, False]
    assert rows[1].note.endswith("frame 1: could not be tagged (out of range)")
    assert [row.tags for row in rows] == [("ring",), (), ("ring",)]


def test_a_header_that_the_image_contradicts_is_reported_and_loses(tagger):
    y, x = np.mgrid[:200, :160]
    r = np.hypot(y - 90, x - 70)
    expected = 2 + 60 * np.exp(-(((r - 50) / 3) ** 2)) + 90 * np.exp(-r / 15)
    image = from_array(np.random.default_rng(3).poisson(expected), source="a")

    def tagged(frame):
        return next(tagger.predict(frame))

    wrong = tagged(image.with_center((30, 140), "header", 0.9))
    assert wrong.center_from == "estimate"
    assert np.hypot(wrong.center[0] - 90, wrong.center[1] - 70) < 2
    assert wrong.note.startswith("the image contradicts the beam centre (30, 140) of its header")
    # One that is not far off, one of the user, and one on a frame that tells nothing, stay.
    near = tagged(image.with_center((93, 72), "header", 0.9))
    assert (near.center, near.center_from, near.note) == ((93, 72), "header", "")
    assert tagged(image.with_center((30, 140), "user", 1.0)).center == (30, 140)
    flat = from_array(counts((200, 160)), source="b").with_center((30, 140), "header", 0.9)
    assert tagged(flat).center == (30, 140)


@pytest.mark.parametrize("shape", [(32, 2200), (3000, 33), (32, 32), (40, 700)])
def test_strips_have_tags_and_an_estimate(shape, tagger):
    frame = from_array(counts(shape))
    assert not next(tagger.predict(frame)).failed
    assert find_center(frame.counts, frame.mask).confidence < 0.5
    # A slope along the strip is a gradient everywhere.
    y, x = np.mgrid[: shape[0], : shape[1]]
    rings = 100 + 90 * np.cos(np.hypot(y - shape[0] / 2, x - shape[1] / 2) / 6)
    find_center(np.random.default_rng(2).poisson(rings))


def test_large_frames_are_taken_few_at_a_time():
    frame = from_array(counts((64, 64)))
    large = Frame(*(np.broadcast_to(a, (4096, 2048)) for a in (frame.counts[:1, :1],) * 3))
    assert len(prepare.taken(iter([large] * 9), 8)) == 2
    assert len(prepare.taken(iter([frame] * 9), 8)) == 8
    assert prepare.taken(iter([]), 8) == []


def test_watch_tags_all_scans_of_a_file_and_those_that_are_added(tagger, tmp_path):
    def write(scans):
        with h5py.File(tmp_path / "scans.h5", "w") as file:
            for scan in range(scans):
                file[f"{scan}.1/measurement/eiger"] = np.stack([counts(seed=scan)] * (scan + 1))

    def watched():
        journal = Journal(tmp_path / "out" / "tags.csv", TAGS)
        options = FollowOptions(patience=0.1, once=True)
        source = Folder(tmp_path, "*.h5", 0.01)
        rows = [row for rows in follow(tagger, source, journal, options) for row in rows]
        assert len(journal) == 1
        assert str(tmp_path / "scans.h5") in journal
        journal.close()
        return [(row.source.partition("::")[2], row.index) for row in rows]

    write(2)
    first, second = "/0.1/measurement/eiger", "/1.1/measurement/eiger"
    assert watched() == [(first, 0), (second, 0), (second, 1)]
    assert watched() == []
    write(3)
    assert watched() == [("/2.1/measurement/eiger", n) for n in range(3)]


WRITER = """
import sys, h5py, numpy as np
file = h5py.File("scan.h5", "w", libver="latest")
data = file.create_dataset("entry/data/data", (0, 64, 48), "i4", maxshape=(None, 64, 48),
                           chunks=(1, 64, 48))
if sys.argv[1] == "swmr":
    file.swmr_mode = True
for number in range(3):
    data.resize(number + 2, axis=0)  # one more than is written
    data[number] = number + np.arange(64 * 48).reshape(64, 48) % 50
    data.flush()
    file.flush()
    print(number, flush=True)
    sys.stdin.readline()
file.close()
"""


def start_writer(kind, folder):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, kind], cwd=folder, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip


def test_a_file_that_is_being_written_is_read_as_far_as_it_is(tmp_path):
    with start_writer("swmr", tmp_path) as writer:
        for number in range(3):
            assert writer.stdout.readline() == f"{number}\n"
            read = list(read_each(tmp_path / "scan.h5"))
            assert [frame.counts[0, 0] for frame in read[:-1]] == list(range(number + 1))
            assert "never written; the scan was stopped, or is still running" in read[-1].reason
            writer.stdin.write("\n")
            writer.stdin.flush()
    assert writer.returncode == 0


def test_reading_never_keeps_a_writer_out(tmp_path):
    """A file that is open for reading can be opened for writing by another process."""
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/data"] = np.stack([counts()] * 3)
    frames = read_each(path)
    assert isinstance(next(frames), Frame)  # the file is open now
    code = "import h5py, sys; h5py.File(sys.argv[1], 'r+').close()"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert isinstance(next(frames), Frame)


def test_a_file_that_nobody_may_read_yet_says_so(tmp_path):
    path = tmp_path / "scan.h5"
    with start_writer("alone", tmp_path) as writer:
        writer.stdout.readline()
        [frame] = read_each(path)
        assert isinstance(frame, Unreadable)
        assert "is being written, and can be read when its writer has closed it" in frame.reason
        writer.communicate("\n\n\n")
    assert writer.returncode == 0
