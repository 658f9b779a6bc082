import h5py
import hdf5plugin
import numpy as np
import pytest

from test_transform import coefficients, files, make_study, pairs, run, write_shard
from xscatter.core import shards
from xscatter.transform import reading
from xscatter.transform.parallel import transform_files

N = 21
LZ4 = {"compression": hdf5plugin.Bitshuffle(cname="lz4")}
DIRECT = [
    LZ4,
    LZ4 | {"shape": (N, 33, 37)},
    LZ4 | {"dtype": np.uint16},
    LZ4 | {"dtype": np.float64},
]
THROUGH_HDF5 = [
    {"compression": hdf5plugin.Bitshuffle(cname="zstd")},
    LZ4 | {"shuffle": True},
    LZ4 | {"chunks": (2, 64, 48)},
    LZ4 | {"dtype": ">u4"},
    {"compression": "lzf"},
    {"chunks": None},
]


def store(path, shape=(N, 64, 48), dtype=np.uint32, **options):
    values = np.random.default_rng(0).poisson(3.0, shape).astype(dtype)
    with h5py.File(path, "w") as file:
        file.create_dataset("counts", data=values, **{"chunks": (1, *shape[1:])} | options)
    return values


@pytest.mark.parametrize(
    ("options", "direct"), [(o, True) for o in DIRECT] + [(o, False) for o in THROUGH_HDF5]
)
@pytest.mark.parametrize("megabytes", [1e-6, 0.05, 4])
def test_images_are_what_hdf5_reads(tmp_path, options, direct, megabytes, monkeypatch):
    monkeypatch.setattr(reading, "READ_BYTES", int(megabytes * 2**20))
    values = store(tmp_path / "images.h5", **options)
    with h5py.File(tmp_path / "images.h5") as file:
        images = reading.ImageReader(file["counts"])
        assert (len(images._chunks) == N) is direct
        # In order, then from where nothing was read ahead.
        for start, stop, until in [(0, 16, N), (16, N, N), (3, 4, 9), (5, 9, 9), (4, 20, 20)]:
            found = [image.copy() for image in images.each(start, stop, until)]
            np.testing.assert_array_equal(found, values[start:stop])
        images.close()


def test_without_the_function_of_the_filter_hdf5_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_unpack", lambda: None)
    values = store(tmp_path / "images.h5", **LZ4)
    with h5py.File(tmp_path / "images.h5") as file:
        images = reading.ImageReader(file["counts"])
        assert not images._chunks
        np.testing.assert_array_equal(
            [image.copy() for image in images.each(0, 16, N)], values[:16]
        )
        images.close()


def test_a_length_that_is_damaged_leads_nowhere(tmp_path):
    """Lengths stand before each image and block; HDF5's filter would follow them out of memory."""
    store(tmp_path / "images.h5", **LZ4)
    with h5py.File(tmp_path / "images.h5") as file:
        chunk = file["counts"].id.get_chunk_info(5)
    with open(tmp_path / "images.h5", "rb") as stream:
        stream.seek(chunk.byte_offset)
        whole = stream.read(chunk.size)
    second = 12 + 4 + int.from_bytes(whole[12:16], "big")
    for position in (0, 4, 7, 8, 10, 11, 12, 15, second, second + 3):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[position] = value
            if damaged == whole:
                continue
            with open(tmp_path / "images.h5", "r+b") as stream:
                stream.seek(chunk.byte_offset)
                stream.write(damaged)
            with h5py.File(tmp_path / "images.h5") as file:
                images = reading.ImageReader(file["counts"])
                with pytest.raises(OSError, match="chunk"):
                    list(images.each(5, 6, 6))
                images.close()


def compress_as_simulated(path):
    with h5py.File(path) as old, shards.new_shard(path.with_suffix(".new"), **marks(old)) as new:
        data = old["entry/data/counts"]
        new.create_dataset("entry/data/counts", data=data[()], chunks=data.chunks, **LZ4)
        for name in ("entry/instrument/detector/mask", "entry/instrument/beam_center"):
            new[name] = old[name][()]
    path.with_suffix(".new").replace(path)


def marks(file):
    return {key: value for key, value in file.attrs.items() if key not in ("checksum", "complete")}


@pytest.fixture
def folder(tmp_path):
    """Shards as the simulator compresses them, beside coefficients made from other compression."""
    study = make_study()
    (tmp_path / "study.yaml").write_text(study.model_dump_json())
    for number in range(3):
        write_shard(study, tmp_path / f"experiments/{number:05d}.h5", number)
    assert transform_files(study, pairs(tmp_path)) == []
    tmp_path.joinpath("coefficients").rename(tmp_path / "before")
    for number in range(3):
        compress_as_simulated(tmp_path / f"experiments/{number:05d}.h5")
    return tmp_path


@pytest.mark.floats
@pytest.mark.parametrize("ranks", [0, 3])
def test_compression_changes_no_coefficient(folder, ranks):
    status, said = run(folder, ranks=ranks)
    assert status == 0, said
    for number in range(3):
        with h5py.File(folder / f"before/{number:05d}.h5") as before:
            np.testing.assert_array_equal(
                coefficients(folder, number), before["entry/coefficients"][()]
            )


@pytest.mark.parametrize("ranks", [0, 2])
@pytest.mark.parametrize("where", ["length", "middle", "end of file"])
def test_a_damaged_chunk_is_named_and_the_others_are_finished(folder, ranks, where):
    path = folder / "experiments/00001.h5"
    with h5py.File(path) as file:
        chunk = file["entry/data/counts"].id.get_chunk_info(20)
    with open(path, "r+b") as stream:
        if where == "end of file":
            stream.truncate(chunk.byte_offset + 9)
        else:
            stream.seek(chunk.byte_offset + (13 if where == "length" else chunk.size // 2))
            stream.write(b"\xff\xff")
    status, said = run(folder, ranks=ranks)
    assert status == 2
    assert "experiments/00001.h5: " in said
    assert "corrupt" in said
    assert "Traceback" not in said
    assert sorted(files(folder)) == ["00000.h5", "00002.h5"]
