"""Files are whole or absent, and what is damaged is told."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from xscatter.core import apart, files, shards
from xscatter.core.errors import UserError


def make(path, value=7, **attributes):
    with shards.new_shard(path, study_hash="abc", **attributes) as file:
        data = np.full((5, 64, 64), value, "u2")
        file.create_dataset(
            "entry/data/counts", data=data, chunks=(1, 64, 64), **hdf5plugin.Bitshuffle()
        )
        file["entry/names"] = ["ring", "halo"]
        file["entry/data"].attrs["signal"] = "counts"


def test_whole_shard_has_no_problem_and_equal_content_gives_equal_bytes(tmp_path):
    make(tmp_path / "a.h5")
    make(tmp_path / "b.h5")
    assert shards.problem(tmp_path / "a.h5", study_hash="abc") is None
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    make(tmp_path / "c.h5", value=8)
    sums = [h5py.File(tmp_path / name)["/"].attrs["checksum"] for name in ("a.h5", "c.h5")]
    assert sums[0] != sums[1]


def test_every_kind_of_damage_is_named(tmp_path):
    path = tmp_path / "a.h5"
    assert shards.problem(path) == "missing"
    with pytest.raises(UserError, match=r"a\.h5: missing; check its name"), shards.open_shard(path):
        pass
    make(path)
    whole = path.read_bytes()
    assert "foreign" in shards.problem(path, study_hash="other")
    path.write_bytes(whole[: len(whole) // 2])
    assert "corrupt" in shards.problem(path)
    with pytest.raises(UserError, match=r"a\.h5: corrupt"), shards.open_shard(path):
        pass
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file["entry/data/counts"][2, 3, 4] = 9
    assert "checksum" in shards.problem(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        del file.attrs["complete"]
    assert "partial" in shards.problem(path)


def test_flipped_bytes_of_the_data_are_found(tmp_path):
    path = tmp_path / "a.h5"
    make(path)
    whole = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        chunk = file["entry/data/counts"].id.get_chunk_info(3)
    whole[chunk.byte_offset + chunk.size // 2] ^= 0xFF
    path.write_bytes(whole)
    assert "corrupt" in shards.problem(path)


@dataclass
class FlippedBit:
    """One bit of a file, flipped: what it says of itself, or else what is read."""

    content: bytes
    place: Path
    bit: int
    size = 0

    def run(self):
        damaged = bytearray(self.content)
        damaged[self.bit // 8] ^= 1 << self.bit % 8
        self.place.write_bytes(damaged)
        return self.bit, shards.problem(self.place) or values(self.place)

    def gave_up(self, why):
        return self.bit, f"corrupt: the library {why}"


def values(path):
    """Whatever can be read of a shard, as plain values."""
    read = {}

    def add(name, item):
        read[name] = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            read[name]["data"] = np.asarray(item[()]).tolist()

    with shards.read_file(path) as file:
        add("/", file["/"])
        file.visititems(add)
    for mark in ("checksum", "layout", "complete"):
        read["/"].pop(mark, None)
    return read


def test_a_flipped_bit_is_refused_or_changes_nothing_that_is_read(tmp_path):
    path = tmp_path / "a.h5"
    with shards.new_shard(path, study_hash="abc", experiment=3) as file:
        data = np.random.default_rng(0).poisson(3, (2, 16, 16)).astype("u4")
        data = file.create_dataset("counts", data=data, chunks=(1, 16, 16), **hdf5plugin.Zstd())
        data.attrs["saturation_value"] = 9
        mask = np.eye(16, dtype=bool)
        file.create_dataset("mask", data=mask, chunks=(16, 16), **hdf5plugin.Bitshuffle())
        file["detectability"] = np.linspace(0, 1, 20, dtype="f4")
        file["names"] = ["ring", "halo"]
    content, right = path.read_bytes(), values(path)
    # The descriptions of filters and chunks, where most harm is done, and bits of all the rest.
    places = [found.start() for found in re.finditer(rb"TREE\x01|bitshuffle|Zstandard", content)]
    assert len(places) >= 4
    near = {bit for place in places for bit in range(8 * (place - 24), 8 * (place + 64), 3)}
    far = np.random.default_rng(1).choice(8 * len(content), 600, replace=False)
    bits = sorted(near | set(map(int, far)))
    refused = 0
    for _, (bit, told) in apart.each([FlippedBit(content, tmp_path / "b.h5", b) for b in bits]):
        refused += isinstance(told, str)
        assert isinstance(told, str) or told == right, bit
    assert 100 < refused < len(bits)


def test_failed_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.complete_file(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_full_disk_and_forbidden_folder_are_one_line(tmp_path):
    if os.path.exists("/dev/full"):
        with (
            pytest.raises(UserError, match="no space left"),
            files.complete_file(tmp_path / "a") as part,
        ):
            part.symlink_to("/dev/full")
            with open(part, "w") as stream:
                stream.write("x" * 10)
    (tmp_path / "file").write_text("")
    with pytest.raises((UserError, OSError)):
        files.write_text(tmp_path / "file" / "below", "x")


def test_killed_writer_leaves_no_file_under_the_final_name(tmp_path):
    program = (
        "import sys, time\nfrom xscatter.core.shards import new_shard\n"
        "with new_shard(sys.argv[1]) as file:\n"
        "    file['a'] = list(range(1000)); file.flush()\n"
        "    print('writing', flush=True); time.sleep(60)\n"
    )
    path = tmp_path / "a.h5"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout.readline() == b"writing\n"
        time.sleep(0.1)
        writer.send_signal(signal.SIGKILL)
    assert not path.exists()
    make(path)
    assert shards.problem(path) is None


def test_a_disk_that_fills_up_ends_the_writer_with_one_line(tmp_path):
    """A limit on the size of a file stands for the disk, which may be full at any byte."""
    program = (
        "import resource, signal, sys\nimport hdf5plugin, numpy as np\n"
        "from xscatter.core.errors import UserError\nfrom xscatter.core.shards import new_shard\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "data = np.random.default_rng(1).integers(0, 60000, (20, 64, 64)).astype('u2')\n"
        "for limit in map(int, sys.argv[2:]):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        with new_shard(sys.argv[1], size=limit) as file:\n"
        "            group = file.create_group('entry')\n"
        "            options = {'chunks': (1, 64, 64), **hdf5plugin.Zstd()}\n"
        "            images = group.create_dataset('a', data.shape, 'u2', **options)\n"
        "            for number, image in enumerate(data):\n"
        "                images[number] = image\n"
        "            group['labels'] = np.zeros((20, 70))\n"
        "            group['names'] = [b'name'] * 70\n"
        "        print('written')\n"
        "    except UserError as error:\n        print(error)\n"
    )
    limits = [*range(1000, 180_000, 3517), 10**7]
    command = [sys.executable, "-c", program, str(tmp_path / "a.h5"), *map(str, limits)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == len(limits)
    assert lines[-1] == "written"
    assert all("no space left" in line for line in lines[:-1])
    assert os.listdir(tmp_path) == ["a.h5"]
    assert shards.problem(tmp_path / "a.h5") is None
