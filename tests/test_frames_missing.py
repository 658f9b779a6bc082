"""Data that are missing or damaged are named, never read as zeros."""

import bz2
import contextlib
import gzip
import subprocess
import sys

import fabio
import h5py
import hdf5plugin
import numpy as np
import pytest
import tifffile
from PIL import Image

from xscatter import frames
from xscatter.core.errors import UserError
from xscatter.frames import lz4, lzw
from xscatter.frames.frame import Unreadable
from xscatter.frames.reading import read_each

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def stack():
    return np.random.default_rng(1).poisson(20, (4, 60, 45)).astype(np.uint16)


def check(path, stack, missing):
    """Every frame is right, but for the `missing` ones, whose reasons are returned."""
    reasons = {}
    for number, frame in enumerate(read_each(path)):
        if isinstance(frame, Unreadable):
            assert frame.index == number
            reasons[number] = frame.reason
        else:
            np.testing.assert_array_equal(frame.counts, stack[number])
    assert sorted(reasons) == sorted(missing)
    return [reasons[number] for number in sorted(missing)]


def test_a_virtual_dataset_names_the_files_that_are_missing(tmp_path, stack):
    for number in range(3):
        with h5py.File(tmp_path / f"part{number}.h5", "w") as file:
            data = file.create_dataset("data", (2, 60, 45), "u2", chunks=(1, 60, 45))
            data[0] = stack[number]
    path = tmp_path / "all.h5"
    layout = h5py.VirtualLayout((4, 60, 45), "u2")
    for number in range(3):
        source = h5py.VirtualSource(f"part{number}.h5", "data", (2, 60, 45))
        layout[number] = source[0]
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    # The fourth frame has no source at all.
    check(path, stack, [3])
    (tmp_path / "part1.h5").unlink()
    reason, _ = check(path, stack, [1, 3])
    assert "all.h5: frame 1: its data are in part1.h5, which is missing" in reason
    (tmp_path / "part2.h5").unlink()
    with h5py.File(tmp_path / "part2.h5", "w") as file:
        file.create_dataset("data", (2, 60, 45), "u2", chunks=(1, 60, 45))
    check(path, stack, [1, 2])  # and what follows


def test_sources_that_are_one_frame_or_grow(tmp_path, stack):
    path = tmp_path / "all.h5"
    layout = h5py.VirtualLayout((3, 60, 45), "u2")
    for number in range(3):
        with h5py.File(tmp_path / f"part{number}.h5", "w") as file:
            file["data"] = stack[number]
        layout[number] = h5py.VirtualSource(f"part{number}.h5", "data", (60, 45))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    check(path, stack, [])
    (tmp_path / "part1.h5").unlink()
    check(path, stack, [1])
    with h5py.File(tmp_path / "growing.h5", "w") as file:
        options = {"chunks": (1, 60, 45), "maxshape": (None, 60, 45)}
        file.create_dataset("data", (4, 60, 45), "u2", **options)[:2] = stack[:2]
    layout = h5py.VirtualLayout((4, 60, 45), "u2", maxshape=(None, 60, 45))
    source = h5py.VirtualSource("growing.h5", "data", (4, 60, 45), maxshape=(None, 60, 45))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    [reason] = check(path, stack, [2])
    assert "frames 2 to 3 of 4: never written" in reason
    (tmp_path / "growing.h5").unlink()
    with pytest.raises(UserError, match="holds no frames"):
        frames.read(path)


@pytest.mark.parametrize("layout", ["chunks", "small chunks", "contiguous", "compressed"])
def test_frames_that_were_never_written_are_no_zeros(layout, tmp_path, stack):
    options = {
        "chunks": {"chunks": (1, 60, 45)},
        "small chunks": {"chunks": (1, 30, 20)},
        "contiguous": {},
        "compressed": {"chunks": (1, 60, 45), **hdf5plugin.Bitshuffle()},
    }[layout]
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("entry/data/data", stack.shape, "u2", **options)
        if layout != "contiguous":
            data[0], data[2] = stack[0], stack[2]
    if layout == "contiguous":
        with pytest.raises(UserError, match="none of its 4 frames was written"):
            frames.read(path)
        return
    gap, end = check(path, stack, [1, 3])
    assert "frame 1: never written" in gap
    assert "frames 3 to 3 of 4: never written" in end
    if layout == "small chunks":
        with h5py.File(path, "a") as file:
            file["entry/data/data"][1, :30] = stack[1, :30]
        assert "a part of it was never written" in check(path, stack, [1, 3])[0]


def test_a_damaged_chunk_costs_its_frame_and_no_process(tmp_path):
    """Each damage is read in a process of its own, which a bad decoder would end."""
    random = np.random.default_rng(2)
    stack = random.poisson(3, (2, 128, 128)).astype(np.int32)
    for name, options in (("b", hdf5plugin.Bitshuffle(cname="lz4")), ("l", hdf5plugin.LZ4())):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            data = file.create_dataset(
                "entry/data/data", data=stack, chunks=(1, 128, 128), **options
            )
            info = data.id.get_chunk_info(1)
        whole = (tmp_path / f"{name}.h5").read_bytes()
        check(tmp_path / f"{name}.h5", stack, [])
        for n in range(12):
            damaged = bytearray(whole)
            begin = info.byte_offset + int(random.integers(12, info.size - 64))
            damaged[begin : begin + 40] = random.bytes(40)
            (tmp_path / f"{name}{n}.h5").write_bytes(damaged)
    code = """
import glob
from xscatter.frames.reading import read_each
for name in sorted(glob.glob("*[bl][0-9]*.h5")):
    print(name, [getattr(frame, "reason", "read")[-100:] for frame in read_each(name)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 24
    assert all("['read', " in line for line in lines)
    assert sum("its compressed data are damaged" in line for line in lines) > 12


@pytest.mark.parametrize("cname", ["lz4", "zstd"])
def test_sound_chunks_are_called_so(cname, tmp_path):
    random = np.random.default_rng(3)
    for shape in ((64, 64), (61, 37), (5, 3)):  # with and without a rest of a block
        for kind in ("u1", "u2", "i4", "f8"):
            data = random.poisson(0.5, shape).astype(kind)
            for options in (hdf5plugin.Bitshuffle(cname=cname), hdf5plugin.LZ4()):
                with h5py.File(tmp_path / "a.h5", "w") as file:
                    made = file.create_dataset("d", data=data, chunks=shape, **options)
                    number, _, values, _ = made.id.get_create_plist().get_filter(0)
                    _, chunk = made.id.read_direct_chunk((0, 0))
                assert lz4.is_sound(number, values, chunk, data.nbytes)
                assert not lz4.is_sound(number, values, chunk[:-1], data.nbytes)
                assert not lz4.is_sound(number, values, chunk, data.nbytes + 1)


KINDS = {
    "plain": {},
    "tiles": {"tile": (32, 32)},
    "deflate": {"compression": "zlib"},
    "predicted": {"compression": "zlib", "predictor": True},
    "large": {"bigtiff": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_all_pages_of_tiff_are_read_and_lost_ones_named(kind, tmp_path, stack):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=KINDS[kind].get("bigtiff", False)) as file:
        for image in stack:
            options = {key: value for key, value in KINDS[kind].items() if key != "bigtiff"}
            file.write(image, contiguous=False, metadata=None, **options)
    check(path, stack, [])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    reasons = [frame.reason for frame in read_each(path) if isinstance(frame, Unreadable)]
    assert reasons
    assert all("the file ends before its data does" in reason for reason in reasons)
    good = [frame for frame in read_each(path) if not isinstance(frame, Unreadable)]
    for number, frame in enumerate(good):
        np.testing.assert_array_equal(frame.counts, stack[number])


@pytest.mark.parametrize("kind", ["float16", ">u2", "float32", "int32"])
def test_types_and_stacks_of_other_programs(kind, tmp_path, stack):
    data = stack.astype(kind)
    imagej = kind in ("float32", ">u2")
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=imagej, photometric="minisblack")
    check(tmp_path / "a.tif", stack, [])
    tifffile.imwrite(tmp_path / "one.tif", data[0])
    np.testing.assert_array_equal(frames.read(tmp_path / "one.tif").counts, stack[0])
    rgb = np.stack([stack[0]] * 3)
    tifffile.imwrite(tmp_path / "grey.tif", rgb, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(frames.read(tmp_path / "grey.tif").counts, stack[0])
    rgb[1] += 1
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb", planarconfig="separate")
    with pytest.raises(UserError, match="colour picture"):
        frames.read(tmp_path / "rgb.tif")


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_lzw_is_undone_and_damage_is_an_error(kind, tmp_path):
    random = np.random.default_rng(4)
    y, x = np.mgrid[:300, :170]
    stack = random.poisson(30 * np.exp(-np.hypot(y - 100, x - 80) / 50), (3, 300, 170)).astype(kind)
    pages = [Image.fromarray(image) for image in stack]
    path = tmp_path / "a.tif"
    for predictor in (1, 2):
        pages[0].save(
            path, save_all=True, append_images=pages[1:], compression="tiff_lzw",
            tiffinfo={317: predictor},
        )  # fmt: skip
        check(path, stack, [])
    with tifffile.TiffFile(path) as file:
        begin, size = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    whole = path.read_bytes()
    packed = whole[begin : begin + size]
    with pytest.raises(ValueError, match="LZW"):
        lzw.decoded(packed[: size // 2], stack[1].nbytes)
    for _ in range(200):
        damaged = bytearray(packed)
        damaged[random.integers(size)] = random.integers(256)
        with contextlib.suppress(ValueError):
            assert len(lzw.decoded(bytes(damaged), stack[1].nbytes)) == stack[1].nbytes


def test_check_sums_of_packed_files_are_checked(tmp_path, stack):
    fabio.edfimage.EdfImage(data=stack[0].astype(np.int32)).write(str(tmp_path / "a.edf"))
    whole = (tmp_path / "a.edf").read_bytes()
    for name, packed in (("a.edf.gz", gzip.compress(whole)), ("a.edf.bz2", bz2.compress(whole))):
        damaged = bytearray(packed)
        damaged[-6 if name.endswith("gz") else len(packed) // 2] ^= 255
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(UserError, match=name):
            frames.read(tmp_path / name)


def test_an_edf_without_its_type_is_not_read_as_another(tmp_path, stack):
    path = tmp_path / "a.edf"
    fabio.edfimage.EdfImage(data=stack[0].astype(np.int32)).write(str(path))
    path.write_bytes(path.read_bytes().replace(b"DataType", b"DataTyqe"))
    with pytest.raises(UserError, match="another type or size"):
        frames.read(path)


def test_the_check_sum_of_a_cbf_is_checked(tmp_path, stack):
    path = tmp_path / "a.cbf"
    fabio.cbfimage.CbfImage(data=stack[0].astype(np.int32)).write(str(path))
    whole = bytearray(path.read_bytes())
    np.testing.assert_array_equal(frames.read(path).counts, stack[0])
    whole[whole.index(b"\x0c\x1a\x04\xd5") + 200] ^= 3
    path.write_bytes(whole)
    with pytest.raises(UserError, match="check sum is not that of its data"):
        frames.read(path)


def test_an_image_plate_that_was_cut_short_is_called_so(tmp_path):
    data = np.random.default_rng(5).poisson(30, (1200, 1200)).astype(np.uint32)
    image = fabio.mar345image.Mar345Image(data=data)
    image.byteorder = fabio.fabioutils.ENDIANNESS.LITTLE
    path = tmp_path / "plate.mar1200"
    image.write(str(path))
    np.testing.assert_array_equal(frames.read(path).counts, data)
    whole = path.read_bytes()
    for cut in (300, len(whole) // 2, len(whole) - 6000):
        path.write_bytes(whole[:-cut])
        with pytest.raises(UserError, match="ends before its data does"):
            frames.read(path)


def test_a_kappa_ccd_file_that_was_cut_short_is_called_so(tmp_path, stack):
    header = (
        b"No\r\nDate = 2001\r\nX dimension = 45\r\nY dimension = 60\r\nNumber of readouts = 2\r\n"
        b"Binned mode\r\nData type = u16\r\nSource = X\r\nEXposure time = 1 s\r\n"
    )
    path = tmp_path / "a.kcd"
    path.write_bytes(header + b"\x80\xff\n" + 2 * stack[0].tobytes())
    np.testing.assert_array_equal(frames.read(path).counts, 2 * stack[0].astype(int))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="ends before its data does"):
        frames.read(path)


@pytest.mark.parametrize("frames_a_chunk", [2, 4])
def test_frames_that_share_a_chunk_share_its_damage(frames_a_chunk, tmp_path, stack):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "entry/data/data", data=stack, chunks=(frames_a_chunk, 60, 45),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )  # fmt: skip
        info = data.id.get_chunk_info(0)
    check(path, stack, [])
    whole = bytearray(path.read_bytes())
    whole[info.byte_offset : info.byte_offset + 40] = bytes(40)
    path.write_bytes(whole)
    check(path, stack, range(frames_a_chunk))


def test_a_heap_of_texts_that_was_blotted_out_is_refused(tmp_path):
    """HDF5 itself would step through it for ever."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_group("entry/data")
        data.attrs["signal"] = "data"
        data["data"] = np.ones((3, 40, 50), np.uint16)
    assert len(list(frames.read_all(path))) == 3
    content = bytearray(path.read_bytes())
    begin = content.index(b"GCOL")
    content[begin + 16 : begin + 600] = bytes(584)
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged, or still being written"):
        frames.read(path)
