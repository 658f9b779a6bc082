"""A verb by hand leaves the study beside its results, so that `verify` knows what belongs there."""

import pytest

from xscatter.cli import main
from xscatter.jobs import driver
from xscatter.study import load_study

TEXT = """name: s
simulate: {experiments: 2, images: 2, size: 48}
transform: {angular_orders: 4, radial_orders: 4}
"""


@pytest.fixture
def made(tmp_path):
    """A study file and the folder of its images."""
    study = tmp_path / "s.yaml"
    study.write_text(TEXT)
    assert main(["simulate", str(study), "-o", str(tmp_path / "x")]) == 0
    return study, tmp_path / "x"


def test_verify_knows_a_folder_that_simulate_made(made, capsys):
    study, folder = made
    assert load_study(folder / "study.yaml") == load_study(study)
    assert main(["verify", str(folder), "--quick"]) == 1
    text = capsys.readouterr().out
    assert "experiments" not in text.replace(str(folder / "experiments"), "experiments")
    assert "coefficients/00001.h5: missing" in text


def test_images_of_another_study_are_refused_and_left(made, capsys):
    import xscatter.commands.next  # noqa: F401 - a module with the name of a builtin

    study, folder = made
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    study.write_text(TEXT.replace("48", "64"))
    for verb in (
        ["simulate", "--experiments", "1"],
        ["transform"],
        ["pack"],
        ["train", "--view", "image"],
    ):
        assert main([verb[0], str(study), "-o", str(folder), *verb[1:]]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert str(folder) in error
    assert "simulate.size is 48 there, 64 here" in error
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_leaves_the_images_alone_is_written_anew(made, monkeypatch, capsys):
    study, folder = made
    study.write_text(
        TEXT.replace("radial_orders: 4", "radial_orders: 5").replace(
            "experiments: 2", "experiments: 3"
        )
    )
    with monkeypatch.context() as patch:
        patch.setattr(driver, "living", lambda *_: "process 7 on a node")
        assert main(["transform", str(study), "-o", str(folder)]) == 2
        assert "process 7 on a node" in capsys.readouterr().err
    assert main(["simulate", str(study), "-o", str(folder)]) == 0
    assert load_study(folder / "study.yaml") == load_study(study)


def test_a_job_of_the_workflow_leaves_its_study_alone(made):
    _, folder = made
    written = folder / "study.yaml"
    written.write_text(TEXT)  # the same, not resolved
    assert main(["transform", str(written), "-o", str(folder)]) == 0
    assert written.read_text() == TEXT


def test_nothing_is_written_where_no_results_are(tmp_path):
    study = tmp_path / "s.yaml"
    study.write_text(TEXT)
    for verb in (["transform"], ["pack"], ["train", "--view", "image"]):
        assert main([verb[0], str(study), "-o", str(tmp_path / "x"), *verb[1:]]) == 2
    assert not (tmp_path / "x").exists()
