import csv
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from xscatter import frames, tagging
from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.tagging import table

TAGS = ["ring", "halo", "blank"]
TRANSFORM = {
    "angular_orders": 4,
    "radial_orders": 6,
    "radius": 64.0,
    "boundary": "dirichlet",
    "fill": "ring-mean",
    "counts": "log",
    "tolerance": 1e-4,
    "minimum_coverage": 0.1,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Untrained networks of all views: what they say is arbitrary, but always the same."""
    import keras

    from xscatter.core import files
    from xscatter.networks import models as nets
    from xscatter.networks.load import weights_sha256
    from xscatter.scores.calibration import Calibration
    from xscatter.study import Train

    keras.utils.set_random_seed(1)
    train = Train(width=0.1)
    image, coefficient = (
        nets.image_network({"image": (64, 64)}, 3, train),
        nets.coefficient_network({"coefficients": (4, 6)}, 3, train),
    )
    folder = tmp_path_factory.mktemp("study") / "models"
    for view, net in {
        "image": image,
        "coefficient": coefficient,
        "joint": nets.joint_network({}, 3, train, branches=(image, coefficient)),
    }.items():
        (folder / view).mkdir(parents=True)
        net.save(folder / view / "model.keras")
        Calibration(TAGS, [1.0, 2.0, 1.0], [0.0, 0.5, -9.0], [0.0, 0.0, 0.5], 1.0).save(
            folder / view / "calibration.json"
        )
        facts = {"view": view, "tags": TAGS, "size": 64, "transform": TRANSFORM}
        facts |= {
            "weights_sha256": weights_sha256(net),
            "split": {"training": [0], "validation": [1]},
        }
        files.write_json(folder / view / "training.json", facts)
    return folder


def ring(center=(60, 70), shape=(128, 150), seed=1):
    y, x = np.mgrid[: shape[0], : shape[1]]
    r = np.hypot(y - center[0], x - center[1])
    expected = 1 + 60 * np.exp(-(((r - 40) / 3) ** 2)) + 90 * np.exp(-r / 12)
    return np.random.default_rng(seed).poisson(expected).astype(np.int32)


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(5):
        np.save(folder / f"{n}.npy", ring(seed=n))
    np.save(folder / "5.npy", np.zeros((90, 90), np.int32))
    (folder / "6.npy").write_bytes(b"half a file")
    np.save(folder / "7.npy", np.stack([ring(seed=9), ring(seed=10)]))
    return folder


def test_three_lines_of_python(models, files):
    tagger = tagging.Tagger.load(models)
    found = list(tagger.predict(sorted(files.iterdir())))
    views = ["joint"] * 5 + ["image", None, "joint", "joint"]
    hashes = {
        view: json.loads((models / view / "training.json").read_text())["weights_sha256"]
        for view in set(views) - {None}
    }
    assert [f.view for f in found] == views
    assert [f.model for f in found] == [view and hashes[view][:12] for view in views]
    assert found[0].center == pytest.approx((60, 70), abs=0.5)
    assert found[0].center_from == "estimate"
    assert "beam centre not known" in found[5].note
    assert found[6].failed
    assert "6.npy" in found[6].note
    assert [f.index for f in found[7:]] == [0, 1]
    for f in found[:6]:
        assert ((f.probability > 0) & (f.probability < 1)).all()
        assert set(f.tags) == {
            "ring",
            "halo",
        }  # their thresholds are 0, that of the third is out of reach
        assert [f.probability[TAGS.index(t)] for t in f.tags] == sorted(
            f.probability[:2], reverse=True
        )


def test_answers_do_not_depend_on_company_threads_or_the_way_in(models, files):
    tagger = tagging.Tagger.load(models.parent)
    names = sorted(files.iterdir())[:5]
    together = list(tagger.predict(names, threads=2))
    for name, answer in zip(names, together, strict=True):
        (alone,) = tagger.predict([frames.read(name)])
        np.testing.assert_allclose(alone.probability, answer.probability, atol=1e-5)
        assert alone.center == answer.center


def test_one_view_alone(models, files):
    names = [files / "0.npy", files / "5.npy"]
    only = tagging.Tagger.load(models / "coefficient")
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


def test_a_given_centre_that_is_of_no_use_is_named(models, files):
    (found,) = tagging.Tagger.load(models).predict([files / "0.npy"], center=(97200.0, 70.0))
    assert found.view == "image"
    assert "the beam centre given lies outside of the frame of 128x150; " in found.note
    assert found.note.endswith("too little of the frame lies about the beam centre (97200, 70)")
    inside = tagging.Tagger.load(models).predict([files / "0.npy"], center=(60.0, 70.0))
    assert "outside" not in next(iter(inside)).note


def test_a_frame_goes_the_way_of_the_records(models, tmp_path):
    """What the networks see of a frame of the model's size is what a record of it holds."""
    from xscatter.fourier_bessel import Plan
    from xscatter.records import code
    from xscatter.transform.counts import COUNTS

    counts = ring((30.5, 28), (64, 64))
    mask = np.zeros((64, 64), bool)
    mask[20:22] = True
    np.save(tmp_path / "a.npy", np.where(mask, -1, counts))
    tagger = tagging.Tagger.load(models)
    ready = tagger.ready(frames.read(tmp_path / "a.npy", center=(30.5, 28)))
    decoded, hidden = code.decode(code.encode(counts, mask))
    np.testing.assert_array_equal(ready.prepared.image, np.where(hidden, -1, decoded))
    wanted = Plan((64, 64), (30.5, 28), 64, 4, 6).forward(COUNTS["log"](counts), mask, "ring-mean")
    np.testing.assert_allclose(ready.coefficients, wanted, atol=2e-3 * np.abs(wanted).max())


def test_missing_and_mismatched_models_are_refused(models, tmp_path):
    with pytest.raises(UserError, match="holds no model"):
        tagging.Tagger.load(tmp_path)
    import shutil

    shutil.copytree(models, tmp_path / "models")
    path = tmp_path / "models" / "joint" / "training.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"size": 96}))
    with pytest.raises(UserError, match="other records than its neighbours"):
        tagging.Tagger.load(tmp_path / "models")
    for content, said in (
        ({"tags": []}, "no entry size, transform, weights"),
        (3, "damaged"),
        ([1], "damaged"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(UserError, match=rf"training\.json: .*{said}"):
            tagging.Tagger.load(tmp_path / "models")
    (tmp_path / "models" / "image" / "model.keras").write_bytes(b"nothing")
    path.write_text(json.dumps(facts))
    with pytest.raises(UserError, match=r"image/model\.keras"):
        tagging.Tagger.load(tmp_path / "models")


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
    assert page.count("<a href='#") == len(set(re.findall(r"<section id='([^']*)'", page))) == 4
    assert page.count("data:image/png;base64") == 4
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


def test_legend_says_how_often_a_tag_was_right_in_the_test_of_this_very_network(models, tmp_path):
    import shutil

    shutil.copytree(models, tmp_path / "models")
    tested = {
        "ring": {"threshold": 0.0, "precision": 0.25},
        "halo": {"threshold": 0.0, "precision": None},
    }
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "joint.json").write_text(json.dumps({"tags": tested}))
    tagger = tagging.Tagger.load(tmp_path / "models")
    rows = {row["tag"]: row for row in csv.DictReader(table.legend(tagger).splitlines())}
    assert list(rows) == TAGS
    assert [rows[tag]["right_in_test(joint)"] for tag in TAGS] == ["0.25", "", ""]
    assert {row["right_in_test(image)"] for row in rows.values()} == {""}
    assert [rows[tag]["threshold(joint)"] for tag in TAGS] == ["0.0", "0.0", "0.5"]
    assert "ring" in rows["ring"]["meaning"].lower()
    tested["ring"]["threshold"] = 0.1  # of an earlier training
    (tmp_path / "evaluation" / "joint.json").write_text(json.dumps({"tags": tested}))
    assert np.isnan(tagger.precision("joint")).all()


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
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "xscatter", *command], capture_output=True, text=True
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
        assert sorted(name for name, _ in watched(tmp_path / "tags.csv")) == [
            r"caf\xe9.npy",
            r"d\xe9.npy",
        ]


def test_the_newest_model_is_named(models, files, tmp_path, monkeypatch, capsys):
    import shutil

    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(files / "0.npy")]) == 2
    assert "no study has a trained model" in capsys.readouterr().err
    shutil.copytree(models, tmp_path / "results" / "demo" / "models")
    assert main(["predict", str(files / "0.npy")]) == 0
    assert "results/demo/models" in capsys.readouterr().err


def watched(table):
    with open(table) as stream:
        return [
            (row["file"].rpartition("/")[2], int(row["frame"])) for row in csv.DictReader(stream)
        ]


def test_watch_tags_each_file_once_over_restarts(models, files, tmp_path, capsys):
    table = files / "tags.csv"  # in the folder itself, where it must not be taken for a frame
    command = [
        "watch",
        str(files),
        "--model",
        str(models),
        "-o",
        str(table),
        "--once",
        "--settle",
        "0.05",
    ]
    command += ["--patience", "0.2"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "watch: 8 frames tagged, 1 could not be read" in told.err
    assert "6.npy: cannot be read" in told.out
    first = watched(table)
    assert sorted(first) == sorted([(f"{n}.npy", 0) for n in range(8)] + [("7.npy", 1)])
    np.save(files / "8.npy", ring(seed=20))
    assert main(command) == 0
    assert watched(table) == [*first, ("8.npy", 0)]
    # A crash in the middle of a line: the file of that line is tagged again, no other one.
    content = table.read_bytes()
    table.write_bytes(content[:-7])
    assert main(command) == 0
    assert watched(table) == [*first, ("8.npy", 0)]
    assert "a second" in capsys.readouterr().err


def test_watch_refuses_the_table_of_another_model(models, files, tmp_path, capsys):
    table = tmp_path / "tags.csv"
    table.write_text("file,frame\n")
    assert main(["watch", str(files), "--model", str(models), "-o", str(table), "--once"]) == 2
    assert "this model's tags" in capsys.readouterr().err
    assert (
        main(["watch", str(tmp_path / "none"), "--model", str(models), "-o", str(table), "--once"])
        == 2
    )


def test_watch_waits_for_files_that_are_being_written(models, tmp_path):
    from xscatter.tagging.watching import Folder

    folder = tmp_path / "in"
    folder.mkdir()
    look = Folder(folder, "*.npy", settle=0.3)
    (folder / "a.npy").write_bytes(b"x" * 10)
    (folder / ".hidden.npy").write_bytes(b"x")
    (folder / "b.txt").write_bytes(b"x")
    assert look.waiting(set()) == ([], 1)
    time.sleep(0.2)
    with open(folder / "a.npy", "ab") as stream:
        stream.write(b"y" * 10)
    assert look.waiting(set()) == ([], 1)
    time.sleep(0.2)
    assert look.waiting(set()) == ([], 1)
    time.sleep(0.2)
    assert look.waiting(set()) == ([str(folder / "a.npy")], 0)
    assert look.waiting({str(folder / "a.npy")}) == ([], 0)


def test_watch_learns_how_long_writers_pause(tmp_path):
    from xscatter.tagging.watching import Folder

    path, look = tmp_path / "a.npy", Folder(tmp_path, settle=0.1)
    path.write_bytes(b"x" * 10)
    look.waiting(set())
    time.sleep(0.3)
    path.write_bytes(b"x" * 20)
    assert look.waiting(set()) == ([], 1)
    time.sleep(0.4)  # longer than `settle`, but it has paused nearly as long before
    assert look.waiting(set()) == ([], 1)
    time.sleep(0.4)
    assert look.waiting(set()) == ([str(path)], 0)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_watch_leaves_alone_what_somebody_has_open_for_writing(tmp_path):
    from xscatter.tagging.watching import Folder

    path, look = tmp_path / "a.npy", Folder(tmp_path, settle=0.05)
    program = "import sys, time; f = open(sys.argv[1], 'wb'); f.write(b'x' * 99); f.flush(); print(flush=True); input()"
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    writer.stdout.readline()
    look.waiting(set())
    time.sleep(0.3)
    assert look.waiting(set()) == ([], 1)
    writer.communicate("\n")
    assert look.waiting(set()) == ([str(path)], 0)


def test_a_file_that_grows_while_or_after_it_is_tagged_gives_each_frame_once(models, tmp_path):
    from xscatter.tagging.watching import Folder, Table, follow

    tagger, path = tagging.Tagger.load(models), tmp_path / "stack.npy"
    stack = np.stack([ring(shape=(64, 64), center=(30, 30), seed=n) for n in range(5)])
    np.save(path, stack[:2])
    folder, found = Folder(tmp_path, settle=0.05), Table(tmp_path / "out" / "tags.csv", tagger.tags)
    honest = tagger.tag
    grown = []

    def slow(batch, view=None):
        if not grown:  # while it is tagged for the first time
            grown.append(True)
            time.sleep(0.01)
            np.save(path, stack[:3])
        return honest(batch, view)

    tagger.tag = slow
    for _ in follow(tagger, folder, found, once=True):
        pass
    assert [number for _, number in watched(found.path)] == [0, 1, 2]
    np.save(path, stack)
    for _ in follow(tagger, folder, found, once=True):
        pass
    found.close()
    assert [number for _, number in watched(found.path)] == [0, 1, 2, 3, 4]
    # A file that was given up as bad and is mended later, by another process.
    bad = tmp_path / "bad.npy"
    bad.write_bytes(b"nothing")
    for content in (None, None, stack[:1]):
        if content is not None:
            time.sleep(0.05)
            np.save(bad, content)
        found = Table(found.path, tagger.tags)
        for _ in follow(tagger, Folder(tmp_path, settle=0.05), found, once=True, patience=0.1):
            pass
        found.close()
    with open(found.path) as stream:
        rows = [row for row in csv.DictReader(stream) if row["file"] == str(bad)]
    assert [row["center_from"] for row in rows] == ["", "estimate"]


def test_two_watchers_never_add_to_one_table(models, files, tmp_path, capsys):
    from xscatter.tagging.watching import Table

    table = tmp_path / "tags.csv"
    first = Table(table, TAGS)
    command = [
        "watch",
        str(files),
        "--model",
        str(models),
        "-o",
        str(table),
        "--once",
        "--settle",
        "0.05",
    ]
    assert main(command) == 2
    assert "another watch adds to it" in capsys.readouterr().err
    first.close()
    assert main([*command, "--patience", "0.1"]) == 0


def test_watch_killed_at_any_moment_neither_skips_nor_repeats(models, tmp_path):
    folder, table = tmp_path / "in", tmp_path / "tags.csv"
    folder.mkdir()
    for n in range(40):
        np.save(folder / f"{n:02d}.npy", ring(shape=(64, 64), center=(30, 30), seed=n))
    command = [
        sys.executable,
        "-m",
        "xscatter",
        "watch",
        str(folder),
        "--model",
        str(models),
        "-o",
        str(table),
    ]
    command += ["--settle", "0.05"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not table.exists() or table.stat().st_size < 200:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    running.stdout.close()
    subprocess.run([*command, "--once"], check=True, capture_output=True)
    assert sorted(watched(table)) == [(f"{n:02d}.npy", 0) for n in range(40)]


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
    found = list(tagging.Tagger.load(models).predict(names))
    assert len(found) >= len(names)
    assert not any(f.failed or f.view is None for f in found)
