"""Which dataset of an HDF5 file is read: the one that is meant, or none."""

import h5py
import numpy as np
import pytest

from xscatter import frames
from xscatter.core.errors import UserError
from xscatter.frames.reading import read_each


@pytest.fixture
def counts():
    return np.random.default_rng(1).poisson(20, (60, 45)).astype(np.uint16)


def test_a_link_of_the_signal_that_leads_nowhere_is_named(counts, tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs["signal"] = "data"
        group["data"] = h5py.ExternalLink("elsewhere.h5", "/entry/data/data")
        file["entry/instrument/trim"] = counts
    with pytest.raises(UserError, match=r"scan\.h5: its frames are in elsewhere\.h5::/entry"):
        frames.read(path)
    with h5py.File(path, "a") as file:
        del file["entry/data"].attrs["signal"], file["entry/instrument/trim"]
    with pytest.raises(UserError, match=r"links to elsewhere\.h5::/entry/data/data"):
        frames.read(path)


def test_all_scans_of_a_file_are_read_and_named(counts, tmp_path):
    path = tmp_path / "scans.h5"
    with h5py.File(path, "w") as file:
        for scan, length in ((1, 1), (2, 3)):
            file[f"{scan}.1/measurement/eiger"] = np.stack([counts + scan] * length)
            file[f"{scan}.1/measurement/positions"] = np.zeros((9, 40))
    with h5py.File(path, "a") as file:  # a scan that was stopped before its first frame
        file.create_dataset("3.1/measurement/eiger", (4, 60, 45), "u2", chunks=(1, 60, 45))
    *read, stopped = read_each(path)
    assert (stopped.source, stopped.index) == (f"{path}::/3.1/measurement/eiger", 0)
    assert "none of its 4 frames was written" in stopped.reason
    names = [f"{path}::/{scan}.1/measurement/eiger" for scan in (1, 2)]
    assert [(f.source, f.index, f.frames) for f in read] == [
        (names[0], 0, 1), (names[1], 0, 3), (names[1], 1, 3), (names[1], 2, 3),
    ]  # fmt: skip
    assert read[3].counts[0, 0] == counts[0, 0] + 2
    np.testing.assert_array_equal(frames.read(path, 1).counts, counts + 2)


def test_two_detectors_are_refused_with_their_names(counts, tmp_path):
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file["entry/measurement/eiger"] = np.stack([counts] * 9)
        file["entry/measurement/pilatus"] = counts[None]
    with pytest.raises(
        UserError,
        match=r"two\.h5::PATH; frames are in /entry/measurement/eiger, /entry/measurement/pilatus",
    ):
        frames.read(path)
    assert frames.read(f"{path}::/entry/measurement/pilatus").frames == 1


def test_darks_flats_and_masks_are_no_frames_beside_frames(counts, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/dark"] = np.stack([counts] * 3)
        file["entry/data/flat_field"] = np.stack([counts] * 3)
        file["entry/instrument/detector/detectorSpecific/trim"] = np.zeros((100, 100))
        file["entry/data/image"] = counts[None] + 5
    np.testing.assert_array_equal(frames.read(path).counts, counts + 5)
    with h5py.File(path, "w") as file:  # nothing else
        file["entry/data/dark"] = np.stack([counts] * 3)
    assert frames.read(path).frames == 3


def test_old_and_new_marks_of_the_signal(counts, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/other"] = np.stack([counts] * 3)
        file["entry/data/image"] = counts[None] + 5
        file["entry/data/image"].attrs["signal"] = 1
    np.testing.assert_array_equal(frames.read(path).counts, counts + 5)
    with h5py.File(path, "w") as file:  # a maker's signal that names the first part of many
        group = file.create_group("entry/data")
        group.attrs["signal"] = "data_000001"
        group["data_000001"], group["data_000002"] = counts[None], counts[None] + 1
    assert [frame.frames for frame in frames.read_all(path)] == [2, 2]


def test_the_only_stack_of_a_detector_is_meant(counts, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["entry/detector/sum"] = counts
        file["entry/detector/frames"] = np.stack([counts] * 2)
        file["entry/other/frames"] = np.stack([counts] * 5)
        file["entry/detector"].attrs["NX_class"] = "NXdetector"
    assert frames.read(path).frames == 2


def test_tables_of_curves_are_no_frames(counts, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["entry/integrated/I"] = np.random.default_rng(2).random((50, 40))
        file["entry/integrated/q"] = np.linspace(0, 1, 40)
        file["entry/mca"] = np.zeros((50, 64))
        file["entry/mca"].attrs["interpretation"] = "spectrum"
    with pytest.raises(UserError, match="not clear which dataset"):
        frames.read(path)
    with h5py.File(path, "a") as file:
        file["entry/image"] = counts
    np.testing.assert_array_equal(frames.read(path).counts, counts)


def test_a_file_with_a_block_of_its_user(counts, tmp_path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["entry/data/image"] = counts
    with open(path, "r+b") as file:
        file.write(b"written by a beamline")
    np.testing.assert_array_equal(frames.read(path).counts, counts)
