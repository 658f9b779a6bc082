"""The folder of a tagger: how it is made from a study, and what is refused."""

import json
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from toy_models import PRECISIONS, TAGS, THRESHOLDS, ring, write_evaluation, write_study
from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.core.files import complete_folder, file_sha256
from xscatter.frames import from_array
from xscatter.pretrained import FOLDER as SHIPPED
from xscatter.store.bundle import FORMAT, open_bundle
from xscatter.store.paths import StudyPaths
from xscatter.study import PHYSICS, load_study
from xscatter.tagging import Tagger


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with its tagger."""
    folder = tmp_path_factory.mktemp("results") / "toy"
    write_study(folder)
    assert main(["bundle", str(folder)]) == 0
    return folder


@pytest.fixture
def tagger(study, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(study / "tagger", tmp_path / "tagger")


def refused(folder, words, capsys):
    """One line, exit status 2, and no table."""
    frame = folder.parent / "frame.npy"
    np.save(frame, ring())
    out = folder.parent / "tags"
    assert main(["predict", str(frame), "--model", str(folder), "-o", str(out)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert words in error
    assert not out.exists()


def test_the_folder_holds_all_that_a_contract_names(study):
    folder = study / "tagger"
    content = json.loads((folder / "tagger.json").read_text())
    assert (content["format"], content["name"], content["size"]) == (1, "toy", 64)
    assert list(content["tags"]) == TAGS
    assert content["tags"]["ring"].startswith("A ring")
    assert content["transform"]["angular_orders"] == 4
    assert set(content["networks"]) == {"image", "joint"}
    for view, network in content["networks"].items():
        assert network["file"] == f"{view}.onnx"
        assert network["sha256"] == file_sha256(folder / network["file"])
        assert [network["tags"][tag]["threshold"] for tag in TAGS] == list(THRESHOLDS)
        assert [network["tags"][tag]["precision"] for tag in TAGS] == list(PRECISIONS)
        assert [network["tags"][tag]["slope"] for tag in TAGS] == [1.0, 2.0, 1.0]
        assert [network["tags"][tag]["offset"] for tag in TAGS] == [0.0, 0.5, -9.0]
        assert [network["tags"][tag]["prevalence"] for tag in TAGS] == [0.5] * 3
        assert network["scores"]["mean_average_precision"] == 1.0
    facts = content["facts"]
    assert facts["seed"] == 2017
    assert facts["study_hash"] == load_study(folder / "study.yaml").fingerprint("train")
    assert facts["training"]["experiments"] == 2
    card = (folder / "card.md").read_text()
    for network in content["networks"].values():
        assert network["sha256"] in card
    assert "What it cannot do" in card
    assert "| ring | 0.500 | 1.000 |" in card


def test_the_same_study_gives_the_same_folder(study, tmp_path, capsys):
    assert main(["bundle", str(study), "-o", str(tmp_path / "again")]) == 0
    assert f"in {tmp_path / 'again'}" in capsys.readouterr().out
    for path in (study / "tagger").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_tagger_is_found_by_its_folder_the_study_and_its_models(study, tagger):
    for folder in (study, study / "models", study / "tagger", tagger):
        loaded = Tagger.load(folder)
        assert (loaded.name, loaded.tags) == ("toy", TAGS)
        assert set(loaded.views) == {"image", "joint"}


def test_the_shipped_tagger_is_small_and_its_card_names_its_networks():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 20e6
    _, bundle = open_bundle(SHIPPED)
    assert {"image", "joint"} <= bundle.networks.keys()
    card = (SHIPPED / "card.md").read_text()
    for network in bundle.networks.values():
        assert file_sha256(SHIPPED / network.file) == network.sha256
        assert network.sha256 in card
    assert (bundle.facts["physics"] or 0) <= PHYSICS
    (tagged,) = Tagger.load().predict(from_array(ring(), center=(60, 70)))
    assert tagged.view == "joint"
    assert tagged.model == bundle.networks["joint"].sha256[:12]


def test_a_changed_network_is_never_loaded(tagger, monkeypatch, capsys):
    path, load = tagger / "joint.onnx", onnxruntime.InferenceSession
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # one bit of a weight: it is a network still
    path.write_bytes(content)
    load(bytes(content))

    def watched(given, *options):
        assert given != content
        return load(given, *options)

    monkeypatch.setattr("onnxruntime.InferenceSession", watched)
    refused(tagger, "joint.onnx: has another SHA-256 than tagger.json says", capsys)


def damage(tagger, **entries):
    path = tagger / "tagger.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_a_newer_format_is_refused(tagger, capsys):
    damage(tagger, format=FORMAT + 1)
    refused(tagger, f"is of format {FORMAT + 1}, and this xscatter reads up to {FORMAT}", capsys)


@pytest.mark.parametrize(
    "entries",
    [{"networks": {}}, {"networks": 3}, {"tags": {"ring": ""}}, {"size": None, "more": 1}],
    ids=str,
)
def test_a_description_that_makes_no_sense_is_refused(tagger, entries, capsys):
    damage(tagger, **entries)
    refused(tagger, "tagger.json: damaged", capsys)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_a_damaged_description_is_refused(tagger, content, capsys):
    (tagger / "tagger.json").write_text(content)
    refused(tagger, "tagger.json: damaged", capsys)


def test_a_missing_network_is_named(tagger, capsys):
    (tagger / "image.onnx").unlink()
    refused(tagger, "image.onnx: cannot be read (No such file or directory)", capsys)


def test_a_file_that_is_no_network_is_refused(tagger, capsys):
    path = tagger / "image.onnx"
    path.write_bytes(b"nothing")
    networks = json.loads((tagger / "tagger.json").read_text())["networks"]
    networks["image"]["sha256"] = file_sha256(path)
    damage(tagger, networks=networks)
    refused(tagger, "image.onnx: not a network in ONNX", capsys)


def test_a_study_without_a_tagger_is_told_the_command(study, tmp_path, capsys):
    copy = tmp_path / "toy"
    shutil.copytree(study, copy, ignore=shutil.ignore_patterns("tagger"))
    for folder in (copy, copy / "models"):
        refused(folder, f"make it with `xscatter bundle {copy}`", capsys)
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no tagger", capsys)
    refused(tmp_path / "none", "holds no tagger", capsys)


def bundled(study, words, capsys, *options):
    assert main(["bundle", str(study), *options]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert words in error


def test_what_cannot_be_bundled_is_said_in_one_line(study, tmp_path, capsys):
    copy = tmp_path / "toy"
    shutil.copytree(study, copy)
    paths = StudyPaths(copy)
    before = (paths.tagger / "tagger.json").read_bytes()
    scores = dict(zip(TAGS, [(0.1, None)] * 3, strict=True))
    write_evaluation(paths.evaluation("joint"), scores)
    bundled(copy, "joint.json: is of an earlier training", capsys)
    paths.evaluation("joint").unlink()
    bundled(copy, "joint.json: missing; score the view with `xscatter test`", capsys)
    facts = copy / "models/image/training.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"size": 96}))
    bundled(copy, "was trained on other records than its neighbours", capsys)
    (copy / "models/image/model.keras").unlink()
    bundled(copy, "model.keras: missing", capsys, "--view", "image")
    shutil.rmtree(copy / "models")
    bundled(copy, "has no trained network", capsys)
    bundled(tmp_path / "nowhere", "no such folder", capsys)
    assert (paths.tagger / "tagger.json").read_bytes() == before


@pytest.mark.parametrize("package", ["tensorflow", "tf2onnx"])
def test_a_tagger_cannot_be_made_without_what_training_needs(study, tmp_path, package):
    code = "import sys; from xscatter.cli import main; sys.modules[sys.argv.pop(1)] = None; "
    code += "sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, package, "bundle", str(study), "-o", str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    # TensorFlow's libraries may log a line of their own on a busy machine.
    log = re.compile(r"WARNING: All log messages before absl|I\d{4} [\d:.]+ ")
    (line,) = [line for line in done.stderr.splitlines() if not log.match(line)]
    assert line.startswith(f"xscatter bundle: {package} is not installed; ")
    assert not (tmp_path / "a").exists()


def test_a_folder_of_something_else_is_left_alone(study, tmp_path, capsys):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "a.npy").write_text("precious")
    words = "holds something else than a tagger"
    bundled(study, words, capsys, "-o", str(tmp_path / "frames"), "--view", "image")
    assert [path.name for path in (tmp_path / "frames").iterdir()] == ["a.npy"]


def test_a_folder_appears_when_it_is_complete(tmp_path):
    folder = tmp_path / "tagger"
    for content in ("one", "two"):
        with complete_folder(folder) as part:
            (part / content).write_text(content)
            assert not (folder / content).exists()
        assert [path.name for path in folder.iterdir()] == [content]
    with pytest.raises(RuntimeError), complete_folder(folder) as part:
        (part / "three").write_text("half of")
        raise RuntimeError
    assert [path.name for path in folder.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [folder]
    killed = """
import os, pathlib, signal, sys
from xscatter.core.files import complete_folder
with complete_folder(sys.argv[1]) as part:
    (part / "three").write_text("half of")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", killed, str(folder)])
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in folder.iterdir()] == ["two"]
    with complete_folder(folder) as part:
        (part / "three").write_text("all of")
    assert [path.name for path in folder.iterdir()] == ["three"]
    (tmp_path / "file").touch()
    with pytest.raises(UserError), complete_folder(tmp_path / "file" / "tagger"):
        pytest.fail("there is no such folder")
