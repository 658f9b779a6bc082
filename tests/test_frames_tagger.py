import csv
import hashlib
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tolerances import sum_tolerance
from toy_models import PRECISIONS, TAGS, TRANSFORM, ring, watched, write_frames, write_tagger
from xscatter import frames, tagging
from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.store.bundle import Bundle, BundledNetwork
from xscatter.tagging import table


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    study = tmp_path_factory.mktemp("study")
    write_tagger(study)
    return study / "models"


@pytest.fixture
def files(tmp_path):
    write_frames(tmp_path / "frames")
    return tmp_path / "frames"


def test_three_lines_of_python(models, files):
    tagger = tagging.Tagger.load(models)
    answers = list(tagger.predict(sorted(files.iterdir())))
    views = ["joint"] * 5 + ["image", None, "joint", "joint"]
    hashes = {
        view: hashlib.sha256((models.parent / "tagger" / f"{view}.onnx").read_bytes()).hexdigest()
        for view in set(views) - {None}
    }
    assert [f.view for f in answers] == views
    assert [f.model for f in answers] == [view and hashes[view][:12] for view in views]
    assert answers[0].center == pytest.approx((60, 70), abs=0.5)
    assert answers[0].center_from == "estimate"
    assert "beam centre not known" in answers[5].note
    assert answers[6].failed
    assert "6.npy" in answers[6].note
    assert [f.index for f in answers[7:]] == [0, 1]
    for f in answers[:6]:
        assert ((f.probability > 0) & (f.probability < 1)).all()
        assert set(f.tags) == {
            "ring",
            "halo",
        }  # their thresholds are 0, that of the third is out of reach
        assert [f.probability[TAGS.index(t)] for t in f.tags] == sorted(
            f.probability[:2], reverse=True
        )


@pytest.mark.floats
def test_answers_do_not_depend_on_company_threads_or_the_way_in(models, files):
    tagger = tagging.Tagger.load(models.parent)
    names = sorted(files.iterdir())[:5]
    together = list(tagger.predict(names, threads=2))
    for name, answer in zip(names, together, strict=True):
        (alone,) = tagger.predict([frames.read(name)])
        # A quarter of the logits' difference; no sum of these networks has 10,000 terms.
        tolerance = sum_tolerance(10_000) / 4
        np.testing.assert_allclose(alone.probability, answer.probability, rtol=0, atol=tolerance)
        assert alone.center == answer.center


def test_one_view_alone(models, files, tmp_path):
    names = [files / "0.npy", files / "5.npy"]
    study, alone = models.parent, tmp_path / "alone"
    assert main(["bundle", str(study), "-o", str(alone), "--view", "coefficient"]) == 0
    only = tagging.Tagger.load(alone)
    assert only.views == ["coefficient"]
    known, unknown = only.predict(names)
    assert known.view == "coefficient"
    assert unknown.view is None
    assert "beam centre not known" in unknown.note
    assert np.isnan(unknown.probability).all()
    assert [f.view for f in tagging.Tagger.load(models).predict(names, view="image")] == [
        "image",
        "image",
    ]
    with pytest.raises(UserError, match="holds no joint network"):
        list(only.predict(names, view="joint"))


class Recorder:
    """A network that keeps what it is given."""

    inputs = ("image", "coefficients", "center_confidence")

    def __init__(self):
        self.given = []

    def logits(self, inputs):
        self.given.append(inputs)
        return np.zeros((len(inputs["image"]), 1))


def test_a_network_that_is_told_how_sure_the_centre_is_answers_for_every_frame(files):
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("joint.onnx", "0" * 64, [], {"ring": known})
    network = Recorder()
    bundle = Bundle("told", {"ring": "A ring."}, 64, TRANSFORM, {"joint": entry})
    tagger = tagging.Tagger(bundle, {"joint": network})
    sure, blank = tagger.predict([files / "0.npy", files / "5.npy"])
    assert (sure.view, blank.view) == ("joint", "joint")
    assert sure.note == ""
    assert blank.note.startswith("mostly by the image: beam centre not known")
    (given,) = network.given
    assert given["center_confidence"] == pytest.approx([sure.confidence, blank.confidence])
    assert given["coefficients"].shape == (2, 4, 6)
    (nowhere,) = tagger.predict([files / "0.npy"], center=(97200.0, 70.0))
    assert "too little of the frame surrounds the beam centre" in nowhere.note
    assert network.given[-1]["center_confidence"] == 0
    assert not network.given[-1]["coefficients"].any()


def test_a_given_centre_that_is_of_no_use_is_named(models, files):
    (tagged,) = tagging.Tagger.load(models).predict([files / "0.npy"], center=(97200.0, 70.0))
    assert tagged.view == "image"
    assert "the beam centre given is outside the frame of 128x150; " in tagged.note
    assert tagged.note.endswith("too little of the frame surrounds the beam centre (97200, 70)")
    inside = tagging.Tagger.load(models).predict([files / "0.npy"], center=(60.0, 70.0))
    assert "outside" not in next(iter(inside)).note


@pytest.mark.floats
def test_a_frame_goes_the_way_of_the_records(models, tmp_path):
    """What the networks see of a frame of the model's size is what a record of it holds."""
    from xscatter.fourier_bessel import Plan
    from xscatter.records import code
    from xscatter.transform.counts import COUNTS_TRANSFORMS

    counts = ring((30.5, 28), (64, 64))
    mask = np.zeros((64, 64), bool)
    mask[20:22] = True
    np.save(tmp_path / "a.npy", np.where(mask, -1, counts))
    tagger = tagging.Tagger.load(models)
    ready = tagger.ready(frames.read(tmp_path / "a.npy", center=(30.5, 28)))
    decoded, hidden = code.decode(code.encode(counts, mask))
    np.testing.assert_array_equal(ready.inputs["image"], np.where(hidden, -1, decoded))
    wanted = Plan((64, 64), (30.5, 28), 64, 4, 6).forward(
        COUNTS_TRANSFORMS["log"](counts), mask, "ring-mean"
    )
    np.testing.assert_allclose(
        ready.inputs["coefficients"], wanted, atol=2e-3 * np.abs(wanted).max()
    )


def test_predict_writes_both_tables_and_the_page(models, files, tmp_path, capsys):
    out = tmp_path / "out"
    for n in range(1, 5):
        (files / f"{n}.npy").unlink()
    command = ["predict", str(files), "--model", str(models), "-o", str(out), "--html"]
    (tmp_path / "nothing").mkdir()
    assert (
        main(["predict", str(tmp_path / "nothing"), *command[1:]]) == 1
    )  # 6.npy cannot be read, all others are tagged
    error = capsys.readouterr().err
    assert "6.npy" in error
    assert "nothing: no file in it" in error
    with open(out / "tags.csv") as stream:
        rows = list(csv.DictReader(stream))
    items = json.loads((out / "tags.json").read_text())
    assert len(rows) == len(items) == 5
    assert rows[0]["tags"].split(";") == items[0]["tags"]
    assert float(rows[0]["p(ring)"]) == items[0]["probability"]["ring"]
    assert items[2]["view"] is None
    assert items[2]["probability"]["ring"] is None
    page = (out / "tags.html").read_text()
    assert page.count("<section") == 5
    assert page.count("<a href='#") == len(set(re.findall(r"<section id='([^']*)'", page))) == 5
    assert page.count("<img alt='frame' src='data:image/png;base64") == 4
    assert "http" not in page
    before = (out / "tags.csv").read_bytes()
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err
    (files / "6.npy").unlink()
    assert main([*command[:-1], "--force"]) == 0
    kept = [line for line in before.splitlines() if b"6.npy" not in line]
    assert (out / "tags.csv").read_bytes().splitlines() == kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["none.npy"], "none.npy: there is no such file"),
        (["6.npy", "none.npy"], "none of the 2 files can be read"),
        (["0.npy", "--mask", "none.npy"], "none.npy"),
        (["0.npy", "--poni", "none.poni"], "none.poni"),
        (["0.npy", "--center", "nan", "3"], "center"),
    ],
)
def test_predict_looks_at_its_input_before_it_loads_a_network(
    options, words, files, tmp_path, monkeypatch, capsys
):
    def never(*_):
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(tagging.Tagger, "load", never)
    monkeypatch.chdir(files)
    assert main(["predict", *options, "--model", "models", "-o", str(tmp_path / "bad")]) == 2
    error = capsys.readouterr().err
    assert words in error.splitlines()[-1]
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("out", ["0.npy", "0.npy/tags"])
def test_predict_looks_at_its_output_before_it_loads_a_network(out, files, monkeypatch, capsys):
    monkeypatch.setattr(tagging.Tagger, "load", lambda *_: pytest.fail("the network was loaded"))
    assert main(["predict", str(files / "1.npy"), "-o", str(files / out), "--model", "models"]) == 2
    assert f"{out}: cannot be written to" in capsys.readouterr().err


def test_legend_says_what_a_tag_means_and_how_often_it_was_right_in_the_test(models):
    tagger = tagging.Tagger.load(models)
    rows = {row["tag"]: row for row in csv.DictReader(table.legend(tagger).splitlines())}
    assert list(rows) == TAGS
    for view in ("image", "joint"):
        told = [rows[tag][f"precision_on_test({view})"] for tag in TAGS]
        assert [float(p) if p else None for p in told] == list(PRECISIONS)
    assert [rows[tag]["threshold(joint)"] for tag in TAGS] == ["0.0", "0.0", "0.5"]
    assert "ring" in rows["ring"]["meaning"].lower()


def test_tags_and_their_evidence_need_nothing_of_the_training(files, tmp_path):
    code = """
import sys
for name in ("tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "snakemake", "mpi4py"):
    sys.modules[name] = None  # as if it were not installed
from xscatter.cli import main
sys.exit(main(sys.argv[1:]))
"""
    command = ["predict", str(files / "0.npy"), "-o", str(tmp_path / "tags"), "--html"]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{files / '0.npy'} [0]: " in done.stdout
    assert "data:image/png;base64" in (tmp_path / "tags" / "tags.html").read_text()


def test_names_that_are_not_utf_8(models, tmp_path):
    folder, odd = tmp_path / "in", os.fsdecode(b"caf\xe9.npy")
    folder.mkdir()
    np.save(folder / odd, ring())
    try:
        (folder / odd).stat()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (folder / os.fsdecode(b"d\xe9.npy")).write_bytes(b"no frame")
    command = [
        "predict",
        str(folder),
        "--model",
        str(models),
        "-o",
        str(tmp_path / "out"),
        "--html",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "xscatter", *command], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert r"d\udce9.npy" in done.stderr
    for kind in ("csv", "json", "html"):
        assert (
            "caf\\xe9.npy".replace("\\", "\\\\" if kind == "json" else "\\")
            in (tmp_path / f"out/tags.{kind}").read_text()
        )
    command = [
        "watch",
        str(folder),
        "--model",
        str(models),
        "-o",
        str(tmp_path / "tags.csv"),
        "--once",
    ]
    command += ["--settle", "0.05", "--patience", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "xscatter", *command], capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    names = [r"caf\xe9.npy", r"d\xe9.npy"]
    assert sorted(name for name, _ in watched(tmp_path / "tags.csv")) == names
    assert main(command) == 0
    assert sorted(name for name, _ in watched(tmp_path / "tags.csv")) == names


def test_the_tagger_in_use_is_named(models, files, tmp_path, capsys):
    frame, out = str(files / "0.npy"), ["-o", str(tmp_path / "tags"), "--force"]
    assert main(["predict", frame, *out]) == 0
    shipped = tagging.Tagger.load()
    assert f"uses the shipped tagger ({shipped.name})" in capsys.readouterr().err
    with open(tmp_path / "tags/tags.csv") as stream:
        assert f"p({shipped.tags[0]})" in stream.readline()
    assert main(["predict", frame, *out, "--model", str(models.parent)]) == 0
    assert f"uses the tagger toy in {models.parent / 'tagger'}" in capsys.readouterr().err
    command = ["watch", str(files), "--once", "--patience", "0", "-o", str(tmp_path / "w.csv")]
    assert main(command) == 0
    assert f"xscatter watch: uses the shipped tagger ({shipped.name})" in capsys.readouterr().err


@pytest.mark.skipif(
    "XSCATTER_REAL_FRAMES" not in os.environ,
    reason="XSCATTER_REAL_FRAMES names no folder of frames",
)
def test_every_real_frame_is_tagged(models):
    from xscatter.commands.predict import listed

    names = [
        name
        for name in listed([os.environ["XSCATTER_REAL_FRAMES"]])
        if not name.endswith((".md", ".csv"))
    ]
    answers = list(tagging.Tagger.load(models).predict(names))
    assert len(answers) >= len(names)
    assert not any(f.failed or f.view is None for f in answers)


class Constant:
    """A network whose logits are always the same."""

    inputs = ("image",)

    def logits(self, inputs):
        return np.tile([1.0, 0.8, 1.5, -3.0], (len(inputs["image"]), 1))


def test_exclusive_tags_are_one_answer_and_a_trusted_centre_decides_whether_the_beam_is_there():
    from xscatter.store.bundle import Bundle, BundledNetwork

    tags = ["circular beamstop", "linear beamstop", "beam off image", "ring"]
    known = dict(slope=1, offset=0, threshold=0.2, precision=None, prevalence=0.5)
    entry = BundledNetwork(
        "image.onnx", "0" * 64, ["image"], {tag: known for tag in tags}, exclusive=[tags[:3]]
    )
    bundle = Bundle("constant", {tag: "" for tag in tags}, 64, TRANSFORM, {"image": entry})
    tagger = tagging.Tagger(bundle, {"image": Constant()})
    frame = frames.from_array(ring())
    unsure, inside, outside = tagger.predict(
        [
            frame.with_center((60.0, 70.0), "estimate", 0.6),
            frame.with_center((60.0, 70.0), "user", 1.0),
            frame.with_center((-5.0, 70.0), "user", 1.0),
        ]
    )
    e = np.exp([1.0, 0.8, 1.5])
    np.testing.assert_allclose(unsure.probability[:3], e / (1 + e.sum()))
    assert unsure.tags == ("beam off image",)
    np.testing.assert_allclose(inside.probability[:3], [*(e[:2] / (1 + e[:2].sum())), 0])
    assert inside.tags == ("circular beamstop",)
    np.testing.assert_allclose(outside.probability[:3], [0, 0, 1])
    assert outside.tags == ("beam off image",)
