import bz2
import gzip
import os
from pathlib import Path

import fabio
import h5py
import numpy as np
import pytest
from scipy import ndimage

from xscatter import frames
from xscatter.core.errors import UserError
from xscatter.frames.reading import read_each
from xscatter.frames.regions import region_at, rim_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def counts():
    data = np.random.default_rng(1).poisson(20, (60, 45)).astype(np.int32)
    data[30:33] = -1
    data[5, 5] = -2
    return data


def expect(frame, counts, bad):
    assert frame.counts.shape == counts.shape
    np.testing.assert_array_equal(frame.mask, bad)
    np.testing.assert_array_equal(frame.counts, np.where(bad, 0, counts))


KINDS = ["tif", "cbf", "edf", "npy", "h5", "edf.gz", "cbf.bz2", "npy.gz", "h5.bz2"]


def written(kind, counts, folder):
    """A file of this kind, packed or not."""
    inner = kind.split(".")[0]
    path = folder / f"frame.{inner}"
    if inner == "npy":
        np.save(path, counts)
    elif inner == "h5":
        with h5py.File(path, "w") as file:
            file["some/where"] = counts
    else:
        makers = {
            "tif": fabio.tifimage.TifImage,
            "cbf": fabio.cbfimage.CbfImage,
            "edf": fabio.edfimage.EdfImage,
        }
        makers[inner](data=counts).write(str(path))
    if "." in kind:
        packer = {"gz": gzip.compress, "bz2": bz2.compress}[kind.split(".")[1]]
        packed = folder / f"frame.{kind}"
        packed.write_bytes(packer(path.read_bytes()))
        path = packed
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_formats_give_the_same_counts_and_mask(kind, counts, tmp_path):
    expect(frames.read(written(kind, counts, tmp_path)), counts, counts < 0)


@pytest.mark.parametrize("part", [0.3, 0.95])
@pytest.mark.parametrize("kind", KINDS)
def test_half_copied_files_are_called_so(kind, part, tmp_path):
    path = written(
        kind, np.random.default_rng(1).poisson(20, (300, 200)).astype(np.int32), tmp_path
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(
        UserError, match="ends before its data does; it is truncated or still being written"
    ):
        frames.read(path)


def test_pilatus_header_tells_geometry_and_cutoff(tmp_path, counts):
    header = (
        "# Pixel_size 172e-6 m x 172e-6 m\r\n# Count_cutoff 35 counts\r\n# Wavelength 1.2 A\r\n"
    )
    header += "# Detector_distance 0.5 m\r\n# Beam_xy (20.50, 31.25) pixels\r\n"
    image = fabio.cbfimage.CbfImage(data=counts, header={"_array_data.header_contents": header})
    path = tmp_path / "pilatus.cbf"
    image.write(str(path))
    frame = frames.read(path)
    assert frame.center == (31.25, 20.5)
    assert frame.center_from == "header"
    assert frame.geometry.wavelength == pytest.approx(1.2e-10)
    assert frame.geometry.distance == 0.5
    np.testing.assert_array_equal(frame.saturated, counts >= 35)


def test_image_plates_have_counts_above_16_bits_and_geometry(tmp_path):
    data = np.random.default_rng(3).poisson(30, (1200, 1200)).astype(np.uint32)
    data[5, 7:9], data[600, 601:603] = 120_000, 70_000  # two of a kind: a single one would be hot
    image = fabio.mar345image.Mar345Image(data=data)
    image.byteorder = fabio.fabioutils.ENDIANNESS.LITTLE  # its writer forgets to say so
    path = tmp_path / "plate.mar1200"
    image.write(str(path))
    content = bytearray(path.read_bytes())
    content[24:40] = np.array([150, 150, 1_541_800, 250_500], "<i4").tobytes()  # µm, µm, 1e-6 Å, µm
    content[60:64] = bytes(4)  # 2 theta
    center = b"CENTER         X 610.500  Y 588.250"
    place = content.index(b"REMARK")
    content[place : place + len(center)] = center
    path.write_bytes(content)
    frame = frames.read(path)
    np.testing.assert_array_equal(frame.counts, data)
    assert not frame.mask.any()
    assert (frame.center, frame.center_from) == ((588.25, 610.5), "header")
    geometry = frame.geometry
    assert (geometry.wavelength, geometry.distance, geometry.pixel_size) == pytest.approx(
        (1.5418e-10, 0.2505, 150e-6)
    )


def test_unsigned_and_float_marks(tmp_path):
    data = np.random.default_rng(2).poisson(9, (40, 50)).astype(np.uint32)
    data[3] = 2**32 - 1
    np.save(tmp_path / "a.npy", data)
    assert frames.read(tmp_path / "a.npy").mask[3].all()
    floats = data.astype(np.float64) / 7 + 0.01
    floats[3], floats[4, :9] = np.nan, np.inf
    np.save(tmp_path / "b.npy", floats)
    frame = frames.read(tmp_path / "b.npy")
    assert frame.mask.sum() == 50 + 9
    assert np.isfinite(frame.counts).all()
    floats[3:5] = -2.0
    np.save(tmp_path / "c.npy", floats)
    assert frames.read(tmp_path / "c.npy").mask.sum() == 100


def test_negative_noise_is_not_masked_but_gaps_of_zeros_are(tmp_path):
    random = np.random.default_rng(3)
    np.save(tmp_path / "a.npy", random.normal(0.5, 1, (64, 64)))
    assert not frames.read(tmp_path / "a.npy").mask.any()
    data = random.poisson(8, (64, 64)).astype(np.int32)
    data[20:24] = 0
    np.save(tmp_path / "b.npy", data)
    frame = frames.read(tmp_path / "b.npy")
    assert frame.mask[20:24].all()
    assert frame.mask.sum() == 4 * 64
    sparse = random.poisson(0.001, (64, 64)).astype(np.int32)  # empty rows by chance
    np.save(tmp_path / "c.npy", sparse)
    assert not frames.read(tmp_path / "c.npy").mask.any()


def test_sixteen_bit_full_is_a_gap_only_in_lines(tmp_path):
    data = np.random.default_rng(4).poisson(8, (64, 64)).astype(np.uint16)
    data[10, 10:12] = 65535  # two of a kind: a single one would be hot
    np.save(tmp_path / "a.npy", data)
    frame = frames.read(tmp_path / "a.npy")
    assert not frame.mask.any()
    assert frame.saturated.sum() == 2
    data[:, 30:33] = 65535
    np.save(tmp_path / "b.npy", data)
    assert frames.read(tmp_path / "b.npy").mask[:, 30:33].all()


def test_single_hot_pixels_are_masked_when_a_frame_is_read(tmp_path):
    data = np.random.default_rng(5).poisson(8, (64, 64)).astype(np.int32)
    data[0, 0], data[20, 30], data[40, 40:42] = 50_000, 10**6, 10**6
    np.save(tmp_path / "a.npy", data)
    frame = frames.read(tmp_path / "a.npy")
    assert np.argwhere(frame.mask).tolist() == [[0, 0], [20, 30]]
    np.testing.assert_array_equal(frame.hot, frame.mask)


def test_nexus_signal_mask_geometry_and_stack(tmp_path, counts):
    path = tmp_path / "scan.nxs"
    stack = np.stack([counts, counts + 1, counts + 2]).clip(0).astype(np.uint32)
    with h5py.File(path, "w") as file:
        data = file.create_group("entry/data")
        data.attrs["signal"] = "data"
        data["data"] = stack
        file["entry/other"] = np.zeros((200, 200))
        detector = file.create_group("entry/instrument/detector")
        detector["pixel_mask"] = (counts < 0).astype(np.uint32)
        detector["beam_center_x"], detector["beam_center_y"] = 11.0, 22.0
        detector["distance"] = 250.0
        detector["distance"].attrs["units"] = "mm"
    series = list(frames.read_all(path))
    assert [frame.index for frame in series] == [0, 1, 2]
    np.testing.assert_array_equal(series[2].counts, np.where(counts < 0, 0, stack[2]))
    assert series[0].center == (22.0, 11.0)
    assert series[0].geometry.distance == pytest.approx(0.25)
    assert series[0].frames == 3
    assert frames.read(f"{path}::/entry/other").shape == (200, 200)
    with pytest.raises(UserError, match=r"::/nowhere: there is no such dataset"):
        frames.read(f"{path}::/nowhere")
    with pytest.raises(UserError, match="holds 3 frames, there is no number 3"):
        frames.read(path, 3)


def test_nexus_default_chooses_among_several_signals(tmp_path, counts):
    path = tmp_path / "scans.nxs"
    with h5py.File(path, "w") as file:
        for number in (1, 2):
            data = file.create_group(f"scan{number}/data")
            data.attrs["signal"] = "frame"
            data["frame"] = counts.clip(0).astype(np.uint32) + number
        file["scan1/data/other"] = file["scan2/data/other"] = np.zeros((64, 64))
    scans = list(frames.read_all(path))
    assert [frame.source for frame in scans] == [f"{path}::/scan{n}/data/frame" for n in (1, 2)]
    np.testing.assert_array_equal(scans[1].counts, counts.clip(0) + 2)
    with h5py.File(path, "a") as file:
        file.attrs["default"], file["scan2"].attrs["default"] = "scan2", "data"
    np.testing.assert_array_equal(frames.read(path).counts, counts.clip(0) + 2)
    with h5py.File(path, "a") as file:  # leads to no frames: as if there were none
        file["scan2"].attrs["default"] = "spectrum"
        del file["scan1"]
    np.testing.assert_array_equal(frames.read(path).counts, counts.clip(0) + 2)


def test_one_of_several_unmarked_datasets_is_never_chosen_at_random(tmp_path, counts):
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = counts.clip(0), counts.clip(0) + 1
        file["alias"] = file["a"]
    with pytest.raises(UserError, match=r"frames are in /a, /b"):
        frames.read(path)
    with h5py.File(path, "a") as file:
        del file["b"]
    np.testing.assert_array_equal(frames.read(path).counts, counts.clip(0))


def test_eiger_master_follows_its_links_and_names_a_missing_one(tmp_path, counts):
    for number in (1, 2):
        with h5py.File(tmp_path / f"s_data_{number}.h5", "w") as file:
            file["entry/data/data"] = np.stack([counts, counts]).clip(0).astype(np.uint32) + number
    master = tmp_path / "s_master.h5"
    with h5py.File(master, "w") as file:
        group = file.create_group("entry/data")
        for number in (1, 2):
            group[f"data_{number:06d}"] = h5py.ExternalLink(
                f"s_data_{number}.h5", "/entry/data/data"
            )
    series = list(frames.read_all(master))
    assert len(series) == 4
    assert series[3].counts[0, 0] == counts[0, 0] + 2
    (tmp_path / "s_data_2.h5").unlink()
    *first, last = read_each(master)
    assert [frame.index for frame in first] == [0, 1]
    assert last.reason.startswith(f"{master}: links to data_000002, which is missing")
    with pytest.raises(UserError, match=r"s_master\.h5: .*data_000002.*missing"):
        list(frames.read_all(master))
    (tmp_path / "s_data_1.h5").unlink()
    with pytest.raises(UserError, match=r"s_master\.h5: .*data_000001.*missing"):
        frames.read(master)


def test_eiger_tells_its_cutoff_beside_the_detector(tmp_path, counts):
    stack = np.stack([counts, counts]).clip(0).astype(np.uint32)
    path = tmp_path / "a_master.h5"
    with h5py.File(path, "w") as file:
        file["entry/data/data_000001"] = stack
        file["entry/instrument/detector/detectorSpecific/countrate_correction_count_cutoff"] = 30
    np.testing.assert_array_equal(frames.read(path, 1).saturated, stack[1] >= 30)


def test_no_frames_and_no_usable_pixel_are_errors(tmp_path):
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["data"] = np.zeros((0, 64, 64))
    with pytest.raises(UserError, match=r"none\.h5: holds no frames"):
        list(frames.read_all(tmp_path / "none.h5"))
    np.save(tmp_path / "nan.npy", np.full((64, 64), np.nan))
    with pytest.raises(UserError, match=r"nan\.npy: 100% .* marks or NaN"):
        frames.read(tmp_path / "nan.npy")


def test_mask_file_and_user_center(tmp_path, counts):
    mask = np.zeros(counts.shape, np.uint8)
    mask[:, :4] = 1
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "a.npy", counts)
    frame = frames.read(tmp_path / "a.npy", mask=tmp_path / "mask.npy", center=(3, 4))
    np.testing.assert_array_equal(frame.mask, (counts < 0) | (mask > 0))
    assert (frame.center, frame.center_from, frame.confidence) == ((3.0, 4.0), "user", 1.0)
    with pytest.raises(UserError, match=r"its mask 45x60; turn it"):
        frames.read(tmp_path / "a.npy", mask=mask.T)
    np.save(tmp_path / "masks.npy", np.stack([mask, mask]))
    with pytest.raises(UserError, match=r"masks\.npy: holds 2 frames"):
        frames.read(tmp_path / "a.npy", mask=tmp_path / "masks.npy")
    with pytest.raises(UserError, match="mask inverted"):
        frames.read(tmp_path / "a.npy", mask=np.ones_like(mask))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.tif", b""),
        ("words.tif", b"hello, this is no image at all, but long enough to be looked at" * 9),
        ("words.cbf", b"###CBF: VERSION 1.5\r\nnothing follows"),
        ("broken.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 500),
        ("none.h5", b"not hdf5 at all"),
        (
            "broken.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (99, 99), }",
        ),
        ("broken.edf.gz", b"\x1f\x8bnonsense"),
        ("unknown.xyz", b"\x00\x01\x02" * 200),
    ],
)
def test_bad_files_are_one_error_that_names_them(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name.replace(".", r"\.")) as error:
        frames.read(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["tif", "cbf", "edf", "npy", "h5"])
def test_half_written_files_are_errors(kind, counts, tmp_path):
    counts = np.tile(counts, (5, 5))
    path = tmp_path / f"frame.{kind}"
    if kind == "npy":
        np.save(path, counts)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file["data"] = counts
    else:
        makers = {
            "tif": fabio.tifimage.TifImage,
            "cbf": fabio.cbfimage.CbfImage,
            "edf": fabio.edfimage.EdfImage,
        }
        makers[kind](data=counts).write(str(path))
    for size in (
        path.stat().st_size // 2,
        500,
        300,
        100,
        10,
    ):  # a CBF that ends in its header once kept fabio busy
        os.truncate(path, size)
        with pytest.raises(UserError, match=rf"frame\.{kind}"):
            frames.read(path)


def test_missing_folder_colour_and_tiny(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        frames.read(tmp_path / "nothing.tif")
    with pytest.raises(UserError, match="is a folder"):
        frames.read(tmp_path)
    with pytest.raises(UserError, match=r"scan\.h5::: names no dataset"):
        frames.read(f"{tmp_path / 'scan.h5'}::")
    np.save(tmp_path / "tiny.npy", np.zeros((5, 5)))
    with pytest.raises(UserError, match="5x5 pixels"):
        frames.read(tmp_path / "tiny.npy")
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    with pytest.raises(UserError, match=r"text\.npy: holds an array"):
        frames.read(tmp_path / "text.npy")


@pytest.mark.skipif(
    "XSCATTER_REAL_FRAMES" not in os.environ,
    reason="XSCATTER_REAL_FRAMES names no folder of frames",
)
def test_every_real_frame_is_read():
    folder = Path(os.environ["XSCATTER_REAL_FRAMES"])
    names = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix not in (".md", ".csv")
    ]
    assert names
    for path in names:
        frame = frames.read(path)
        assert frame.counts[frame.mask & ~frame.hot].sum() == 0
        assert frame.mask.mean() < 0.6


def test_corners_beyond_a_window_are_masked_and_those_of_dim_noise_are_not():
    random = np.random.default_rng(6)
    y, x = np.mgrid[:200, :180]
    radius = np.hypot(y - 100, x - 90)
    inside = radius < 110
    window = np.where(inside, random.poisson(20, radius.shape), 0)
    frame = frames.from_array(window.astype(np.int32))
    np.testing.assert_array_equal(frame.mask, ndimage.label(window == 0)[0] > 0)
    assert frame.mask[~inside].all()
    dim = random.poisson(np.where(radius < 60, 30, 0.9)).astype(np.int32)
    assert not frames.from_array(dim).mask.any()
    # Digits of a detector that makes ten of a photon: zeros between photons are counts.
    digits = 10 * random.poisson(0.7, (400, 400)).astype(np.int32)
    assert not frames.from_array(digits).mask.any()


def test_regions_and_rims_are_those_of_labels_and_dilations():
    mask = np.kron(np.random.default_rng(7).random((14, 16)) < 0.6, np.ones((5, 7))) > 0
    labels, _ = ndimage.label(mask)
    for row, col in ((0, 0), (0, 111), (69, 0), (35, 50)):
        if mask[row, col]:
            region = region_at(mask, row, col)
            np.testing.assert_array_equal(region, labels == labels[row, col])
            dilated = ndimage.binary_dilation(region, iterations=3)
            np.testing.assert_array_equal(rim_of(region, 3), dilated & ~region)


def test_a_mask_file_that_changes_is_read_again(tmp_path, counts):
    np.save(tmp_path / "a.npy", counts)
    np.save(tmp_path / "mask.npy", counts < -1)
    assert (
        frames.read(tmp_path / "a.npy", mask=tmp_path / "mask.npy").mask.sum() == (counts < 0).sum()
    )
    np.save(tmp_path / "mask.npy", np.arange(counts.size).reshape(counts.shape) < 45)
    os.utime(tmp_path / "mask.npy", ns=(1, 1))
    assert frames.read(tmp_path / "a.npy", mask=tmp_path / "mask.npy").mask[0].all()
