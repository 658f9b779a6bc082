"""verify finds what is missing, partial, corrupt or foreign, and deletes exactly that."""

import hashlib
import json
import os
import shutil
import time
import zipfile

import numpy as np
import pytest

from xscatter.cli import main
from xscatter.core import files, shards
from xscatter.store import marks
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.store.verify import delete_bad, verify
from xscatter.study import dump_study, parse_study
from xscatter.views import VIEWS, evaluated

STUDY = parse_study(
    {
        "name": "small",
        "simulate": {"experiments": 10, "images": 3, "size": 32},
        "pack": {"batches": 2, "test_batch": 1},
    }
)

SHA256 = hashlib.sha256(b"network").hexdigest()


@pytest.fixture
def paths(whole, tmp_path):
    """A copy of a study that is whole."""
    return StudyPaths(shutil.copytree(whole, tmp_path / "small"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a study that is whole."""
    paths = StudyPaths(tmp_path_factory.mktemp("whole") / "small")
    files.write_text(paths.study, dump_study(STUDY))
    for number in range(10):
        write_experiment(paths, number)
        write_coefficients(paths, number)
    batches = []
    for number in range(2):
        content = os.urandom(80)
        paths.batches.mkdir(exist_ok=True)
        paths.batch(number).write_bytes(content)
        sha256 = files.file_sha256(paths.batch(number))
        marks.write_mark(paths.batch(number), "content", sha256)
        batches.append(
            {"file": paths.batch(number).name, "records": 4, "sha256": sha256, "experiments": []}
        )
    manifest = {"fields": [], "record_length": 20, "batches": batches}
    files.write_json(paths.records, manifest, sealed=True)
    files.write_json(paths.assignment, {"seed": 123456789}, sealed=True)
    models = [ModelFolder(paths.model(view)) for view in VIEWS]
    for path in [model.network for model in models] + [paths.scores(v) for v in evaluated()]:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.complete_file(path, sealed=True) as part, zipfile.ZipFile(part, "w") as archive:
            archive.writestr("part", b"x" * 1000)
    for model in models:
        files.write_json(model.training, {"legs": 2, "step": 123456789}, sealed=True)
        files.write_json(model.calibration, {"slope": [1.23456789]}, sealed=True)
        files.write_json(paths.leg(model.view, 1), {"view": "", "converged": True}, sealed=True)
        for path in (model.history, model.timings):
            files.write_text(path, "epoch\n123456789\n", sealed=True)
        with shards.new_shard(checkpoint(paths, model.view), fingerprint="f" * 16) as file:
            file["facts"] = np.arange(5000)
    for view in evaluated():
        scores = {"mean_average_precision": 0.123456789}
        files.write_json(paths.evaluation(view), scores, sealed=True)
    files.write_text(paths.report, f"<html>{'x' * 900}</html>\n", sealed=True)
    networks = [{"file": f"{view}.onnx", "sha256": SHA256} for view in VIEWS]
    description = {"format": 1, "networks": dict(zip(VIEWS, networks, strict=True))}
    files.write_json(paths.tagger / "tagger.json", description, sealed=True)
    for name in ("card.md", "study.yaml"):
        files.write_text(paths.tagger / name, "name: small\n", sealed=True)
    for view in VIEWS:
        (paths.tagger / f"{view}.onnx").write_bytes(b"network")
    log = paths.log("simulate", "00003")
    log.parent.mkdir(parents=True)
    log.write_text("log")
    return paths.root


def checkpoint(paths, view):
    return paths.training(view) / ("f" * 16) / "state-000000007.h5"


def write_experiment(paths, number, images=3, study_hash=None):
    study_hash = study_hash or STUDY.fingerprint("simulate")
    with shards.new_shard(
        paths.experiment(number), study_hash=study_hash, experiment=number
    ) as file:
        file["entry/data/counts"] = np.full((images, 32, 32), number, "u2")
        file["entry/tags/labels"] = np.zeros((images, 5), "u1")


def write_coefficients(paths, number):
    with shards.open_shard(paths.experiment(number)) as file:
        source = file.attrs["checksum"]
    facts = {
        "study_hash": STUDY.fingerprint("transform"),
        "experiment": number,
        "source_checksum": source,
    }
    with shards.new_shard(paths.coefficients(number), **facts) as file:
        file["entry/coefficients"] = np.zeros((3, 4, 4), "c8")


def flip(path, where=0.5):
    """Change one byte in the data of a file."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 0xFF
    path.write_bytes(content)


def flip_digit(path):
    """Change one digit of a text that stays readable."""
    text = path.read_text()
    path.write_text(text.replace("456", "457"))
    assert path.read_text() != text


def test_a_whole_study_has_nothing_wrong(paths, capsys):
    assert main(["verify", str(paths.root)]) == 0
    assert "every file is complete" in capsys.readouterr().out


DAMAGE = {
    "missing": lambda paths: paths.experiment(3).unlink(),
    "truncated": lambda paths: os.truncate(paths.experiment(3), 3000),
    "flipped": lambda paths: flip(paths.experiment(3)),
    "fewer images": lambda paths: write_experiment(paths, 3, images=2),
    "another study": lambda paths: write_experiment(paths, 3, study_hash="0" * 16),
    "no HDF5": lambda paths: paths.experiment(3).write_text("<html>quota exceeded</html>"),
    "empty": lambda paths: paths.experiment(3).write_text(""),
}


@pytest.mark.parametrize(
    ("damage", "kind"),
    list(
        zip(
            DAMAGE,
            ["missing", "corrupt", "corrupt", "partial", "foreign", "corrupt", "corrupt"],
            strict=True,
        )
    ),
)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_damaged_shard_is_found_and_deleted(paths, damage, kind, processes, capsys):
    DAMAGE[damage](paths)
    others = {path for path in paths.root.rglob("*") if path.is_file()} - {paths.experiment(3)}
    assert main(["verify", str(paths.root), "--jobs", str(processes)]) == 1
    told = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith(str(paths.experiment(3)))
    ]
    assert kind in told[0]
    assert str(paths.log("simulate", "00003")) in told[0]
    assert main(["verify", str(paths.root), "--delete-bad"]) == 0
    assert not paths.experiment(3).exists()
    gone = {path for path in others if not path.exists()}
    # A shard with other content makes its coefficients foreign.
    assert gone <= {paths.coefficients(3)}


@pytest.mark.parametrize(
    ("path", "damage", "kind"),
    [
        (lambda paths: paths.coefficients(5), lambda path: os.truncate(path, 500), "corrupt"),
        (lambda paths: paths.batch(1), lambda path: os.truncate(path, 79), "partial"),
        (lambda paths: paths.batch(0), flip, "corrupt"),
        (lambda paths: paths.batch(0), lambda path: path.unlink(), "missing"),
        (lambda paths: paths.records, lambda path: path.write_text("{"), "corrupt"),
        (lambda paths: paths.records, lambda path: path.write_text("{}"), "corrupt"),
        (lambda paths: paths.model("joint") / "model.keras", flip, "corrupt"),
        (
            lambda paths: paths.model("image") / "training.json",
            lambda path: path.unlink(),
            "missing",
        ),
        (
            lambda paths: paths.model("image") / "history.csv",
            lambda path: path.write_text("epoch\n1"),
            "corrupt",
        ),
        (
            lambda paths: paths.model("image") / "history.csv",
            lambda path: (files.seal_of(path).unlink(), path.write_text("epoch\n1")),
            "partial",
        ),
        (lambda paths: paths.model("joint") / "timings.csv", flip_digit, "corrupt"),
        (lambda paths: paths.model("joint") / "training.json", flip_digit, "corrupt"),
        (lambda paths: paths.model("joint") / "calibration.json", flip_digit, "corrupt"),
        (lambda paths: paths.leg("joint", 1), lambda path: path.unlink(), "missing"),
        (lambda paths: paths.leg("joint", 1), lambda path: os.truncate(path, 9), "corrupt"),
        (lambda paths: checkpoint(paths, "joint"), flip, "corrupt"),
        (lambda paths: checkpoint(paths, "joint"), lambda path: os.truncate(path, 9), "corrupt"),
        (lambda paths: paths.evaluation("mean"), flip_digit, "corrupt"),
        (lambda paths: paths.assignment, flip_digit, "corrupt"),
        (lambda paths: paths.report, flip, "corrupt"),
        (lambda paths: paths.tagger / "card.md", flip, "corrupt"),
        (lambda paths: paths.tagger / "study.yaml", lambda path: path.unlink(), "missing"),
        (lambda paths: paths.batch(0), lambda path: marks.mark_of(path).unlink(), "partial"),
        (
            lambda paths: paths.batch(0),
            lambda path: os.truncate(marks.mark_of(path), 9),
            "partial",
        ),
        (lambda paths: paths.scores("mean"), lambda path: os.truncate(path, 100), "corrupt"),
        (lambda paths: paths.report, lambda path: path.write_text("<html>"), "corrupt"),
        (lambda paths: paths.tagger / "joint.onnx", flip, "corrupt"),
        (lambda paths: paths.tagger / "image.onnx", lambda path: path.unlink(), "missing"),
        (lambda paths: paths.tagger / "tagger.json", lambda path: path.write_text("{"), "corrupt"),
    ],
)
def test_every_kind_of_file_is_checked(paths, path, damage, kind):
    damage(path(paths))
    assert [(finding.path, finding.kind) for finding in verify(paths.root)] == [(path(paths), kind)]


def test_coefficients_of_another_version_of_their_experiment_are_foreign(paths):
    with shards.new_shard(
        paths.experiment(2), study_hash=STUDY.fingerprint("simulate"), experiment=2
    ) as file:
        file["entry/data/counts"] = np.ones((3, 32, 32), "u2")
        file["entry/tags/labels"] = np.zeros((3, 5), "u1")
    assert [(finding.path, finding.kind) for finding in verify(paths.root)] == [
        (paths.coefficients(2), "foreign")
    ]


def test_strangers_are_named_but_not_what_a_job_still_writes(paths):
    stranger = paths.experiment(10)
    stranger.write_bytes(paths.experiment(9).read_bytes())
    fresh = paths.experiment(0).with_name(".00000.h5.77.part")
    fresh.write_text("")
    killed = paths.root / ".tagger.78.part"  # a folder
    killed.mkdir()
    os.utime(killed, (time.time() - 1e6,) * 2)
    left = [
        name.with_name(f".{name.name}.78.part")
        for name in (paths.experiment(1), paths.batch(0), paths.report)
    ]
    for old in left:
        old.write_text("")
        os.utime(old, (time.time() - 1e6,) * 2)
    findings = verify(paths.root)
    assert {finding.path for finding in findings} == {stranger, killed, *left}
    delete_bad(findings)
    assert stranger.exists()
    assert fresh.exists()
    assert not any(path.exists() for path in (killed, *left))


def test_a_folder_that_is_no_study_is_refused(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "nothing")]) == 2
    assert main(["verify", str(tmp_path)]) == 2
    assert "study.yaml" in capsys.readouterr().err


def test_quick_looks_at_marks_and_sizes_only(paths):
    flip(paths.batch(0))
    assert verify(paths.root, deep=False) == []
    os.truncate(paths.batch(0), 10)
    assert json.dumps([finding.kind for finding in verify(paths.root, deep=False)]) == '["partial"]'


def test_many_missing_files_without_a_log_are_one_line(paths, capsys):
    for number in range(10):
        if number != 7:
            paths.coefficients(number).unlink()
    shutil.rmtree(paths.root / "logs", ignore_errors=True)
    assert main(["verify", str(paths.root)]) == 1
    told = capsys.readouterr().out.splitlines()
    folder = paths.coefficients(0).parent
    assert told[0] == f"{folder}: missing: 9 files, without a log: 00000-00006, 00008-00009"
    assert len(told) == 2
    assert told[1].endswith(
        "9 missing: run snakemake again with the --configfile of the study to make them"
    )
