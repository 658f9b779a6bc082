import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from tolerances import sum_tolerance
from xscatter.cli import main
from xscatter.core import shards
from xscatter.core.errors import UserError
from xscatter.fourier_bessel import Plan
from xscatter.store.checks import coefficients_problem
from xscatter.study import parse_study
from xscatter.transform import ranks as processes
from xscatter.transform.files import NO_LIVE_PIXEL
from xscatter.transform.parallel import _tasks, transform_files

SIDE, IMAGES = 48, 37
MASKED = np.iinfo(np.uint32).max


def rounding(coefficients):
    """Return how far two float32 ways to the same coefficients may differ."""
    return sum_tolerance(SIDE) * np.abs(coefficients).max()


def make_study(images=IMAGES, **transform):
    keys = {"angular_orders": 6, "radial_orders": 7} | transform
    return parse_study(
        {
            "name": "t",
            "simulate": {"experiments": 3, "images": images, "size": SIDE},
            "transform": keys,
        }
    )


def write_shard(study, path, number, change=None, dtype=np.uint32):
    rng = np.random.default_rng(number)
    counts = rng.poisson(30.0, (study.simulate.images, SIDE, SIDE)).astype(dtype)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:23] = True
    if counts.dtype.kind == "u":
        counts[:, mask] = MASKED
    if change:
        change(counts)
    with shards.new_shard(
        path, study_hash=study.fingerprint("simulate"), experiment=number
    ) as file:
        data = file.create_dataset(
            "entry/data/counts", data=counts, chunks=(1, SIDE, SIDE), compression="lzf"
        )
        data.attrs["saturation_value"] = 10**6
        file["entry/instrument/detector/mask"] = mask
        file["entry/instrument/beam_center"] = np.array([20.5 + number, 23.0])
    return counts, mask


@pytest.fixture
def folder(tmp_path):
    study = make_study()
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study.model_dump()))
    for number in range(3):
        write_shard(study, tmp_path / f"experiments/{number:05d}.h5", number)
    return tmp_path


def pairs(folder, numbers=range(3)):
    return [
        (folder / f"experiments/{n:05d}.h5", folder / f"coefficients/{n:05d}.h5") for n in numbers
    ]


def coefficients(folder, number=0):
    with shards.open_shard(folder / f"coefficients/{number:05d}.h5") as file:
        return file["entry/coefficients"][()]


def run(folder, *options, ranks=0, program=None, timeout=120, **environment):
    """Run the command in processes of its own; returns (status, what it said)."""
    start = (
        [sys.executable, "-m", "xscatter"] if program is None else [sys.executable, str(program)]
    )
    launch = []
    if ranks:
        # The wheel of MPI may lie beside another interpreter than this one.
        libraries = [
            file.locate()
            for file in importlib.metadata.files("mpich")
            if file.name == "libmpi.so.12"
        ]
        environment["MPI4PY_LIBMPI"] = str(Path(libraries[0]).resolve())
        mpiexec = shutil.which("mpiexec") or str(Path(sys.executable).with_name("mpiexec"))
        launch = [mpiexec, "-n", str(ranks)]
    done = subprocess.run(
        [*launch, *start, "transform", str(folder / "study.yaml"), "-o", str(folder), *options],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | environment,
    )
    return done.returncode, done.stdout + done.stderr


def files(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "coefficients").iterdir())}


@pytest.mark.floats
@pytest.mark.parametrize("counts_transform", ["none", "log", "anscombe"])
def test_the_file_holds_the_expansion_of_the_transformed_counts(tmp_path, counts_transform):
    study = make_study(counts=counts_transform)
    counts, mask = write_shard(study, tmp_path / "experiments/00001.h5", 1)
    assert transform_files(study, pairs(tmp_path, [1])) == []
    n = counts.astype(float)
    values = {"none": n, "log": np.log1p(n), "anscombe": 2 * np.sqrt(n + 0.375)}[counts_transform]
    plan = Plan((SIDE, SIDE), (21.5, 23.0), SIDE, 6, 7)
    with (
        h5py.File(tmp_path / "coefficients/00001.h5") as file,
        h5py.File(tmp_path / "experiments/00001.h5") as origin,
    ):
        data = file["entry/coefficients"]
        expected = plan.forward(values, mask)
        np.testing.assert_allclose(data[()], expected, rtol=0, atol=rounding(expected))
        assert data.dtype == np.complex64
        assert data.attrs["counts_transform"] == counts_transform
        assert data.attrs["fill"] == "ring-mean"
        np.testing.assert_array_equal(data.attrs["beam_center"], [21.5, 23.0])
        assert file.attrs["source_checksum"] == origin.attrs["checksum"]
        y, x = np.indices((SIDE, SIDE))
        live = ((y - 21.5) ** 2 + (x - 23.0) ** 2 <= SIDE**2) & ~mask
        assert file["entry/masked_fraction"][3] == pytest.approx(
            1 - live.sum() / (np.pi * SIDE**2), abs=2e-3
        )
    own = (tmp_path / "coefficients/00001.h5", True, IMAGES, 1, study.fingerprint("transform"))
    assert coefficients_problem(*own, tmp_path / "experiments/00001.h5") is None


def test_same_bytes_for_any_number_of_ranks(folder):
    assert main(["transform", str(folder / "study.yaml"), "-o", str(folder)]) == 0
    alone = files(folder)
    assert len(alone) == 3
    for ranks in (2, 3):
        shutil.rmtree(folder / "coefficients")
        status, said = run(folder, ranks=ranks)
        assert status == 0, said
        assert files(folder) == alone


@pytest.fixture
def one_shard(tmp_path):
    """A study of one shard that ranks must share, with messages too large to be sent unasked."""
    study = make_study(150, angular_orders=40, radial_orders=40)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study.model_dump()))
    write_shard(study, tmp_path / "experiments/00000.h5", 0)
    return tmp_path


def test_ranks_share_one_shard(one_shard):
    command = ["transform", str(one_shard / "study.yaml"), "-o", str(one_shard)]
    assert main([*command, "--experiments", "0"]) == 0
    alone = files(one_shard)
    shutil.rmtree(one_shard / "coefficients")
    status, said = run(one_shard, "--experiments", "0", ranks=3)
    assert status == 0, said
    assert files(one_shard) == alone


def test_what_is_sent_for_a_shard_that_was_given_up_holds_no_one(one_shard):
    flip_byte_of_an_image(one_shard / "experiments/00000.h5")
    status, said = run(one_shard, "--experiments", "0", ranks=3, timeout=60)
    assert status == 2
    assert "experiments/00000.h5: corrupt" in said
    assert files(one_shard) == {}


def test_whole_files_stay_and_changed_shards_are_done_again(folder):
    assert main(["transform", str(folder / "study.yaml"), "-o", str(folder)]) == 0
    before = {path: path.stat().st_mtime_ns for path in (folder / "coefficients").iterdir()}
    study = make_study()
    write_shard(study, folder / "experiments/00001.h5", 1, lambda counts: counts[3].fill(7))
    (folder / "coefficients/00002.h5").write_bytes(b"cut off")
    assert transform_files(study, pairs(folder)) == []
    after = {path: path.stat().st_mtime_ns for path in (folder / "coefficients").iterdir()}
    assert [path.stem for path in sorted(after) if after[path] != before[path]] == [
        "00001",
        "00002",
    ]


def flip_byte_of_an_image(path):
    with h5py.File(path) as file:
        chunk = file["entry/data/counts"].id.get_chunk_info(5)
    with open(path, "r+b") as stream:
        stream.seek(chunk.byte_offset + chunk.size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))


def cut_off(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip_byte_of_an_image, cut_off, Path.unlink])
@pytest.mark.parametrize("ranks", [0, 2])
def test_a_damaged_shard_is_named_and_the_others_are_finished(folder, damage, ranks):
    damage(folder / "experiments/00001.h5")
    status, said = run(folder, ranks=ranks)
    assert status == 2
    assert "experiments/00001.h5" in said
    assert "Traceback" not in said
    assert sorted(files(folder)) == ["00000.h5", "00002.h5"]


def test_an_image_without_live_pixels_is_nan_flagged_and_named(folder, capsys):
    study = make_study()
    write_shard(study, folder / "experiments/00001.h5", 1, lambda counts: counts[4].fill(MASKED))
    assert main(["transform", str(folder / "study.yaml"), "-o", str(folder)]) == 2
    assert "00001.h5: no live pixel in the disk of image 4;" in capsys.readouterr().err
    found = coefficients(folder, 1)
    assert np.isnan(found[4]).all()
    assert np.isfinite(np.delete(found, 4, 0)).all()
    with h5py.File(folder / "coefficients/00001.h5") as file:
        assert np.flatnonzero(file["entry/flags"][()] & NO_LIVE_PIXEL).tolist() == [4]
        assert file["entry/masked_fraction"][4] == 1
    assert sorted(files(folder)) == ["00000.h5", "00001.h5", "00002.h5"]


@pytest.mark.floats
def test_pixels_that_are_not_finite_count_as_masked(tmp_path, capsys):
    def spoil(counts):
        counts[2, 5:8, 5:8] = np.nan
        counts[2, 9, 9] = np.inf

    study = make_study()
    counts, mask = write_shard(study, tmp_path / "experiments/00000.h5", 0, spoil, np.float32)
    assert transform_files(study, pairs(tmp_path, [0])) == []
    assert "10 pixels of 1 images are NaN or infinite" in capsys.readouterr().out
    plan = Plan((SIDE, SIDE), (20.5, 23.0), SIDE, 6, 7)
    expected = plan.forward(2 * np.sqrt(counts + 0.375), mask)
    np.testing.assert_allclose(coefficients(tmp_path), expected, rtol=0, atol=rounding(expected))
    with h5py.File(tmp_path / "coefficients/00000.h5") as file:
        assert file["entry/not_finite"][()].tolist() == [0, 0, 10] + [0] * (IMAGES - 3)


def test_a_beam_centre_out_of_reach_is_named(folder):
    with h5py.File(folder / "experiments/00002.h5", "r+") as file:
        file["entry/instrument/beam_center"][()] = 500.0
    (problem,) = transform_files(make_study(), pairs(folder))
    assert "00002.h5" in problem
    assert "of the disk" in problem
    assert sorted(files(folder)) == ["00000.h5", "00001.h5"]


def test_experiments_out_of_range(folder, capsys):
    assert main(["transform", str(folder / "study.yaml"), "--experiments", "1-7"]) == 2
    assert "there is no experiment 3" in capsys.readouterr().err


BREAK = """
import os, signal, sys, time
from xscatter.cli import main
from xscatter.transform.files import ShardTransformer
if os.environ["PMI_RANK"] == "1":
    def transform(self, *rest):
        time.sleep(0.5)
        {what}
else:
    usual, calls = ShardTransformer.transform, []
    def transform(self, job, *rest):
        if len(calls) > 3:
            time.sleep(600)
        calls.append(job)
        return usual(self, job, *rest)
ShardTransformer.transform = transform
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "raise ArithmeticError('seven is not four')",
            "rank 1: ArithmeticError: seven is not four",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", ""),  # what is said is up to mpiexec
    ],
)
def test_a_rank_that_fails_ends_the_job(folder, what, words):
    program = folder / "broken.py"
    program.write_text(BREAK.format(what=what))
    status, said = run(folder, ranks=2, program=program, timeout=60)
    assert status != 0
    assert words.lower() in said.lower()
    for path in (folder / "coefficients").glob("*.h5"):
        assert shards.problem(path) is None
    assert run(folder, ranks=2)[0] == 0
    assert sorted(name for name in files(folder) if not name.startswith(".")) == [
        "00000.h5",
        "00001.h5",
        "00002.h5",
    ]


def test_without_mpi_one_process_works_and_says_so(folder):
    (folder / "mpi4py.py").write_text("raise ImportError('no such module')")
    status, said = run(folder, PYTHONPATH=str(folder), PMI_RANK="0")
    assert status == 0
    assert "one process does all the work" in said
    assert run(folder, PYTHONPATH=str(folder), PMI_RANK="1")[0] == 0
    assert len(files(folder)) == 3


def test_the_command_imports_no_tensorflow(folder):
    code = (
        "import sys; from xscatter.cli import main; status = main(sys.argv[1:]);"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules); sys.exit(status)"
    )
    program = folder / "look.py"
    program.write_text(code)
    status, said = run(folder, program=program)
    assert status == 0, said
    assert len(files(folder)) == 3


def test_tasks_cover_every_image_once():
    for images in ([1], [16, 17], [1000, 3, 250], [37] * 40):
        for size in (1, 2, 7, 64):
            tasks = _tasks(images, size)
            seen = [(job, image) for job, start, stop in tasks for image in range(start, stop)]
            assert seen == [
                (job, image) for job, count in enumerate(images) for image in range(count)
            ]
            assert all(start % 16 == 0 for _, start, _ in tasks)


@pytest.mark.parametrize("rank", [None, "0"])
def test_processes_that_do_not_know_of_each_other_are_refused(monkeypatch, rank):
    """As srun without the right --mpi starts them: each would do all the work."""
    for name in (*processes._RANK, *processes._SIZE, "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    if rank:
        pytest.importorskip("mpi4py")
        monkeypatch.setenv("PMI_RANK", rank)
        monkeypatch.setattr(processes, "Ranks", lambda mpi: processes.Alone())
    assert processes.world().size == 1
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(UserError, match="2 processes were started, but MPI sees one"):
        processes.world()
    monkeypatch.setenv("SLURM_PROCID", "1")
    with pytest.raises(SystemExit):
        processes.world()
