"""`xscatter view`: pictures of a shard, and what is refused."""

import h5py
import numpy as np
import pytest

from xscatter.cli import main
from xscatter.simulate import simulate_experiment
from xscatter.study import parse_study


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("view") / "00000.h5"
    study = parse_study({"name": "v", "simulate": {"experiments": 1, "images": 3, "size": 48}})
    simulate_experiment(study, 0, path)
    return path


@pytest.mark.parametrize("options", [[], ["--image", "1"]])
def test_png_lands_in_the_current_folder(shard, options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["view", str(shard), *options]) == 0
    name = capsys.readouterr().out.strip()
    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options", [["--image", "3"], ["--image", "-1"], ["--number", "0"], ["-o", "x.bmp"]]
)
def test_bad_arguments_are_refused_in_one_line(shard, options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["view", str(shard), *options]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_shard_is_refused(tmp_path, capsys):
    (tmp_path / "x.h5").write_text("no")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.zeros((2, 5, 5))
    for name, message in (
        ("x.h5", "not a file of xscatter"),
        ("other.h5", "not a file of xscatter"),
        ("", "is a folder"),
        ("none.h5", "missing"),
    ):
        assert main(["view", str(tmp_path / name)]) == 2
        assert f"{tmp_path / name}: {message}" in capsys.readouterr().err


def test_an_expansion_is_drawn_beside_its_image(tmp_path, monkeypatch, capsys):
    from xscatter.transform.parallel import transform_files

    keys = {"angular_orders": 6, "radial_orders": 7}
    study = parse_study(
        {"name": "v", "simulate": {"experiments": 1, "images": 2, "size": 48}, "transform": keys}
    )
    source, target = tmp_path / "experiments/00000.h5", tmp_path / "coefficients/00000.h5"
    simulate_experiment(study, 0, source)
    transform_files(study, [(source, target)])
    monkeypatch.chdir(tmp_path)
    assert main(["view", str(target), "--image", "1"]) == 0
    assert (tmp_path / "00000-1-expansion.png").read_bytes().startswith(b"\x89PNG")
    assert main(["view", str(target), "--image", "2"]) == 2
    source.unlink()
    assert main(["view", str(target)]) == 2
    assert "experiments" in capsys.readouterr().err
