"""Shards of the simulator: layout, reproducibility, restart, refusal of bad input."""

import json

import h5py
import numpy as np
import pytest

from xscatter import tags
from xscatter.cli import main
from xscatter.core.files import file_sha256
from xscatter.core.shards import problem
from xscatter.simulate import Experiment, simulate_experiment, simulate_image
from xscatter.study import parse_study


def make_study(**simulate):
    return parse_study(
        {
            "name": "t",
            "seed": 5,
            "simulate": {"experiments": 6, "images": 3, "size": 64, **simulate},
        },
    )


def test_shard_is_whole_and_laid_out_as_documented(tmp_path):
    study = make_study()
    path = tmp_path / "00001.h5"
    simulate_experiment(study, 1, path)
    assert problem(path, study_hash=study.fingerprint("simulate"), experiment=1) is None
    with h5py.File(path) as file:
        counts = file["entry/data/counts"]
        assert counts.shape == (3, 64, 64)
        assert counts.chunks == (1, 64, 64)
        assert counts.dtype.kind == "u"
        mask = file["entry/instrument/detector/mask"][()]
        assert mask.dtype == bool
        largest = np.iinfo(counts.dtype).max
        for image in counts:
            assert np.array_equal(image == largest, mask)
            assert image[~mask].max() <= counts.attrs["saturation_value"] < largest
        names = [name.decode() for name in file["entry/tags/names"][()]]
        assert tuple(names) == tags.NAMES
        assert (
            file["entry/tags/labels"].shape
            == file["entry/tags/detectability"].shape
            == (3, len(names))
        )
        for key in ("wavelength", "distance", "pixel_size", "beam_center", "polarisation"):
            assert "units" in file["entry/instrument"][key].attrs


def test_same_seed_gives_the_same_bytes_in_any_order(tmp_path):
    study = make_study()
    for number in (0, 1):
        simulate_experiment(study, number, tmp_path / f"a{number}.h5")
    more = make_study(experiments=50)
    for number in (1, 0):
        simulate_experiment(more, number, tmp_path / f"b{number}.h5")
    assert file_sha256(tmp_path / "a0.h5") == file_sha256(tmp_path / "b0.h5")
    assert file_sha256(tmp_path / "a1.h5") == file_sha256(tmp_path / "b1.h5")
    assert file_sha256(tmp_path / "a0.h5") != file_sha256(tmp_path / "a1.h5")


def test_stored_parameters_regenerate_the_image(tmp_path):
    study = make_study()
    simulate_experiment(study, 2, tmp_path / "x.h5")
    experiment = Experiment(study, 2)
    out = np.empty((64, 64), np.uint32)
    with h5py.File(tmp_path / "x.h5") as file:
        for i, text in enumerate(file["entry/parameters"][()]):
            simulate_image(experiment, i, out, json.loads(text))
            assert np.array_equal(out, file["entry/data/counts"][i])


def test_command_skips_whole_shards_and_refuses_foreign_ones(tmp_path, capsys):
    (tmp_path / "s.yaml").write_text("name: s\nsimulate: {experiments: 2, images: 2, size: 48}\n")
    command = ["simulate", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "out")]
    assert main(command) == 0
    before = (tmp_path / "out/experiments/00001.h5").stat().st_mtime_ns
    assert main(command) == 0
    assert (tmp_path / "out/experiments/00001.h5").stat().st_mtime_ns == before
    (tmp_path / "s.yaml").write_text(
        "name: s\nseed: 8\nsimulate: {experiments: 2, images: 2, size: 48}\n"
    )
    assert main(command) == 2
    assert "another study (seed is 2017 there, 8 here)" in capsys.readouterr().err
    (tmp_path / "out/study.yaml").unlink()
    assert main(command) == 2
    assert "foreign" in capsys.readouterr().err
    assert not (tmp_path / "out/study.yaml").exists()
    assert (tmp_path / "out/experiments/00001.h5").stat().st_mtime_ns == before
    assert main([*command, "--experiments", "2"]) == 2


@pytest.mark.parametrize("number", range(6))
def test_coverage_of_the_disk_stays_above_the_least(number):
    study = make_study()
    experiment = Experiment(study, number)
    rows, cols = np.indices((64, 64))
    inside = (
        np.hypot(rows - experiment.geometry.center[0], cols - experiment.geometry.center[1])
        <= study.radius
    )
    covered = np.count_nonzero(inside & experiment.live) / (np.pi * study.radius**2)
    assert covered >= study.transform.minimum_coverage


@pytest.mark.parametrize(
    ("size", "sampling", "seed"), [(33, "resample", 1), (40, "extend", 2), (64, "resample", 2**62)]
)
def test_unusual_sizes_and_seeds_pass_without_a_warning(size, sampling, seed):
    content = {"size": size, "sampling": sampling, "experiments": 10_000, "images": 2}
    study = parse_study({"name": "t", "seed": seed, "simulate": content})
    frame = np.empty((size, size), np.uint32)
    for number in range(7000, 7080):
        experiment = Experiment(study, number)
        for image in (0, 1):
            done = simulate_image(experiment, image, frame)[1]
            assert np.isfinite(done.expected).all()
            assert frame[experiment.live].max() <= experiment.setup.detector.saturation


def test_the_digits_of_an_integrating_detector_saturate_not_its_photons():
    """A frame that is exposed far too long is full; a CCD has no count above that."""
    study = make_study(detectors=["ccd"], experiments=40)
    # Were photons cut at the saturation of the digits, a gain below 1 would never fill them.
    experiment = next(
        e for e in (Experiment(study, n) for n in range(40)) if e.setup.detector.gain < 0.9
    )
    flat = {"feature": "background", "share": 1.0, "parameters": {"flat": 1.0}}
    scene = {"photons": 1e13, "drift": [0.0, 0.0], "zingers": 0, "features": [flat]}
    out = np.empty((64, 64), np.uint32)
    labels = simulate_image(experiment, 0, out, scene)[2]
    assert out[experiment.live].max() == experiment.setup.detector.saturation
    assert (out[experiment.live] == experiment.setup.detector.saturation).mean() > 0.9
    assert labels[tags.INDEX["saturation"]] == 1
