"""Training ends by itself, can be stopped at any moment, and goes on bit for bit."""

import csv
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import time

import numpy as np
import pytest

from toy_records import TAGS, write_records
from xscatter.core import files, lease, shards
from xscatter.core.errors import UserError
from xscatter.learn import checkpoint
from xscatter.store.paths import StudyPaths
from xscatter.study import parse_study
from xscatter.views import VIEWS, evaluated

KEYS = {
    "width": 0.25,
    "batch_size": 8,
    "learning_rate": 5e-3,
    "joint_learning_rate": 1e-3,
    "warmup_steps": 5,
    "patience": 2,
    "overfitting_patience": 3,
    "max_epochs": 3,
}


def toy_study(**keys):
    content = {
        "name": "toy",
        "seed": 5,
        "simulate": {"experiments": 12, "images": 20, "size": 32},
        "transform": {"angular_orders": 6, "radial_orders": 8},
        "pack": {"batches": 4, "test_batch": 3},
        "train": {**KEYS, **keys},
    }
    return parse_study(content)


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    write_records(folder, confidence=True)
    return folder


@pytest.fixture
def paths(batches, tmp_path):
    os.symlink(batches, tmp_path / "batches")
    return StudyPaths(tmp_path)


def train(paths, view, **options):
    from xscatter.learn.identity import open_records_of
    from xscatter.learn.train import train as run

    lines = []
    keys = {
        name: options.pop(name)
        for name in list(options)
        if name in type(toy_study().train).model_fields
    }
    study = toy_study(**keys)
    records = open_records_of(study, paths)
    return run(study, paths, records, view, say=lines.append, **options), lines


def products(paths, view):
    folder = paths.model(view)
    history = (folder / "history.csv").read_bytes()
    return json.loads((folder / "training.json").read_text())["weights_sha256"], history


def read_rows(paths, view):
    return list(csv.DictReader((paths.model(view) / "history.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def whole(batches, tmp_path_factory):
    """Three views trained and tested without a pause."""
    from xscatter.learn.test import evaluate

    folder = tmp_path_factory.mktemp("whole")
    os.symlink(batches, folder / "batches")
    paths = StudyPaths(folder)
    for view in VIEWS:
        assert train(paths, view)[0]
    for view in evaluated():
        evaluate(toy_study(), paths, view, say=lambda _: None)
    return paths


def test_three_views_learn_and_write_what_they_should(whole):
    for view in VIEWS:
        names = {path.name for path in whole.model(view).iterdir() if path.name[0] != "."}
        files = {
            "model.keras",
            "calibration.json",
            "history.csv",
            "timings.csv",
            "training.json",
            "tensorboard",
        }
        assert names == files
        rows = read_rows(whole, view)
        assert 1 <= len(rows) <= 3
        assert rows[-1]["decision"] == "stop"
    for view in evaluated():
        found = json.loads(whole.evaluation(view).read_text())
        assert found["mean_average_precision"] > 1.3 * found["mean_prevalence"]
        assert found["tags_without_positives"] == ["never"]
        with np.load(whole.scores(view)) as scores:
            assert scores["scores"].shape == scores["labels"].shape == (60, len(TAGS))
            assert set(scores["source"][:, 0]) == {3, 7, 11}


def test_the_figures_are_those_of_the_saved_scores(whole):
    from sklearn.metrics import average_precision_score

    found = json.loads(whole.evaluation("joint").read_text())
    with np.load(whole.scores("joint")) as saved:
        each = [
            average_precision_score(saved["labels"][:, t], saved["scores"][:, t]) for t in range(3)
        ]
    assert found["mean_average_precision"] == pytest.approx(np.mean(each), abs=1e-12)


def test_the_baseline_is_the_mean_of_the_logits(whole):
    logits = {
        view: np.load(whole.scores(view))["logits"] for view in ("image", "coefficient", "mean")
    }
    assert np.allclose(logits["mean"], (logits["image"] + logits["coefficient"]) / 2, atol=1e-6)


def test_the_joint_network_starts_at_the_mean_of_the_logits_and_trusts_no_unknown_centre(
    whole, batches
):
    from xscatter import records
    from xscatter.learn import data
    from xscatter.networks import models
    from xscatter.networks.load import load_model
    from xscatter.store.models import ModelFolder

    subset = data.all_records(records.open_records(batches), [0])
    branches = [load_model(ModelFolder(whole.model(view))) for view in ("image", "coefficient")]
    joint = models.joint_network(
        {"center_confidence": ()}, len(TAGS), toy_study().train, branches=branches
    )
    inputs = subset.inputs(VIEWS["joint"], slice(None))
    certain, unknown = (
        {**inputs, "center_confidence": np.full(len(subset), c, np.float32)} for c in (1, 0)
    )
    single = [branch({name: inputs[name] for name in branch.input}).numpy() for branch in branches]
    assert np.allclose(joint(certain).numpy(), (single[0] + single[1]) / 2, atol=1e-5)
    assert np.allclose(joint(unknown).numpy(), single[0], atol=1e-5)
    # Once trained, it still does not look at coefficients about a centre that is unknown.
    trained = load_model(ModelFolder(whole.model("joint")))
    without = {**unknown, "coefficients": np.zeros_like(inputs["coefficients"])}
    assert np.allclose(trained(unknown).numpy(), trained(without).numpy(), atol=1e-5)
    assert not np.allclose(trained(certain).numpy(), trained(unknown).numpy(), atol=1e-2)


def test_tensorboard_shows_what_the_history_holds(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    rows = read_rows(whole, "image")
    events = EventAccumulator(
        str(whole.model("image") / "tensorboard"), size_guidance={"tensors": 0}
    ).Reload()
    names = set(events.Tags()["tensors"])
    assert {
        "average_precision/ring",
        "learning_rate",
        "images_per_second",
        "loss/training",
        "examples",
    } <= names
    shown = [event.step for event in events.Tensors("loss/training")]
    assert shown == [int(row["step"]) for row in rows]


class Clock:
    """A clock that each look at it moves on by a second."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1.0
        return self.now


def test_legs_end_with_the_weights_of_one_run(paths, whole, monkeypatch):
    import xscatter.learn.train as module

    legs, clock = 0, Clock()
    monkeypatch.setattr(module, "time", clock)
    while not train(paths, "image", deadline=clock.now + 15)[0]:
        legs += 1
    assert 3 <= legs <= 10
    assert products(paths, "image") == products(whole, "image")


def test_once_converged_it_has_nothing_to_do(whole, monkeypatch):
    before = (whole.model("image") / "model.keras").stat().st_mtime_ns
    done, lines = train(whole, "image")
    assert done
    assert "nothing to do" in lines[-1]
    assert (whole.model("image") / "model.keras").stat().st_mtime_ns == before


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def checkpoint_folder(paths, view):
    return next(paths.training(view).iterdir())


def test_a_damaged_state_is_named_and_the_one_before_it_used(paths, whole):
    train(paths, "coefficient", deadline=time.monotonic() + 0.2)
    train(paths, "coefficient", deadline=time.monotonic())
    last, before = checkpoint.files(checkpoint_folder(paths, "coefficient"))
    damage(last)
    done, lines = train(paths, "coefficient")
    assert done
    assert any(str(last) in line and "not used" in line for line in lines)
    assert any(f"resumes at step {int(before.stem[-9:])}" in line for line in lines)
    assert products(paths, "coefficient") == products(whole, "coefficient")


def test_states_that_are_all_damaged_or_foreign_are_set_aside_and_made_again(paths, whole):
    train(paths, "coefficient", deadline=time.monotonic() + 0.2)
    train(paths, "coefficient", deadline=time.monotonic())
    folder = checkpoint_folder(paths, "coefficient")
    checkpoint.save(folder, "another", 777, {"model": [np.zeros(3)]}, {}, keep=3)
    bad = checkpoint.files(folder)
    for path in bad[1:]:
        damage(path)
    done, lines = train(paths, "coefficient")
    assert done
    assert any("no checkpoint can be used: the training starts again" in line for line in lines)
    assert all(any(str(path) in line for line in lines) for path in bad)
    assert products(paths, "coefficient") == products(whole, "coefficient")
    assert {path.name for path in folder.glob("damaged-*")} == {f"damaged-{p.name}" for p in bad}


def test_a_state_of_another_version_is_refused_in_one_line(paths):
    train(paths, "coefficient", deadline=time.monotonic())
    folder = checkpoint_folder(paths, "coefficient")
    arrays, facts = checkpoint.read(checkpoint.files(folder)[0])
    newer = facts | {"rule": facts["rule"] | {"unknown": 1}}
    for one, two in (({**arrays, "model": arrays["model"][:-1]}, facts), (arrays, newer)):
        checkpoint.save(folder, folder.name, facts["step"], one, two, keep=2)
        with pytest.raises(UserError, match="is of another version of xscatter"):
            train(paths, "coefficient")


def test_other_settings_start_anew_and_leave_the_first_checkpoint(paths):
    train(paths, "coefficient", deadline=time.monotonic())
    _, lines = train(paths, "coefficient", batch_size=20, deadline=time.monotonic())
    assert any("starts" in line for line in lines)
    assert len(list(paths.training("coefficient").iterdir())) == 2


@pytest.fixture
def grown(batches, tmp_path):
    """The same batches, and three more of other experiments."""
    other = tmp_path / "grown"
    extra = tmp_path / "extra"
    write_records(extra, experiments=30, batches=3, seed=9, first=100, confidence=True)
    shutil.copytree(batches, other / "batches")
    manifest = json.loads((other / "batches/records.json").read_text())
    for n, batch in enumerate(json.loads((extra / "records.json").read_text())["batches"]):
        name = f"batch-{4 + n}.bin"
        shutil.copy(extra / batch["file"], other / "batches" / name)
        manifest["batches"].append({**batch, "file": name})
    (other / "batches/records.json").write_text(json.dumps(manifest))
    return StudyPaths(other)


def test_with_new_data_the_error_falls_from_where_it_was(whole, grown):
    shutil.copytree(whole.training("image"), grown.training("image"))
    old = [float(row["training_loss"]) for row in read_rows(whole, "image")]
    done, lines = train(grown, "image", carry_on=True)
    assert done
    assert any("with 3 new batches, 6 in all" in line for line in lines)
    new = [float(row["training_loss"]) for row in read_rows(grown, "image")]
    assert new[: len(old)] == old
    assert min(new[len(old) :]) < old[-1]
    assert max(new[len(old) :]) < 0.8 * old[0]  # not one epoch begins where the first did
    split = json.loads((grown.model("image") / "training.json").read_text())["split"]
    before = json.loads((whole.model("image") / "training.json").read_text())["split"]
    assert set(before["validation"]) < set(split["validation"])
    assert set(before["training"]) < set(split["training"])
    assert not {3, 7, 11} & set(split["training"] + split["validation"])


def test_a_damaged_parent_is_named_and_the_one_before_it_used(whole, grown):
    shutil.copytree(whole.training("coefficient"), grown.training("coefficient"))
    last, before = checkpoint.files(checkpoint_folder(grown, "coefficient"))
    damage(last)
    _, lines = train(grown, "coefficient", carry_on=True, deadline=time.monotonic())
    assert any(str(last) in line and "not used" in line for line in lines)
    assert any(
        f"from the weights of step {int(before.stem[-9:])} with 3 new batches" in line
        for line in lines
    )


def test_without_continue_new_data_start_anew(whole, grown):
    shutil.copytree(whole.training("coefficient"), grown.training("coefficient"))
    _, lines = train(grown, "coefficient", deadline=time.monotonic())
    assert any("starts" in line for line in lines)


def write_field(folder, batch, row, name, values):
    """Overwrite the begin of a field of one record, as if it had been packed so."""
    manifest = json.loads((folder / "records.json").read_text())
    offset = {f["name"]: f["offset"] for f in manifest["fields"]}[name]
    path = folder / f"batch-{batch}.bin"
    with open(path, "rb+") as stream:
        stream.seek(row * manifest["record_length"] + offset)
        stream.write(values.tobytes())
    manifest["batches"][batch]["sha256"] = files.file_sha256(path)
    (folder / "records.json").write_text(json.dumps(manifest))


def test_a_loss_that_is_not_a_number_stops_and_names_the_records(batches, tmp_path):
    shutil.copytree(batches, tmp_path / "batches")
    write_field(tmp_path / "batches", 0, 33, "coefficients", np.float32([np.nan]))
    with pytest.raises(
        UserError, match=r"the loss is nan at step \d+.*\(experiment, image\): .*\(\d+, \d+\)"
    ):
        train(StudyPaths(tmp_path), "coefficient", checkpoint_minutes=0.0)
    kept = checkpoint.files(next(StudyPaths(tmp_path).training("coefficient").iterdir()))
    assert kept
    arrays, _ = checkpoint.read(kept[0])
    assert all(np.isfinite(values).all() for values in arrays["model"])


def validation(folder):
    from xscatter import records
    from xscatter.learn import data

    study = toy_study()
    return data.split(records.open_records(folder), study.seed, study.train.validation_fraction)[1]


def test_an_answer_that_is_not_a_number_names_the_record(batches, tmp_path):
    shutil.copytree(batches, tmp_path / "batches")
    part = validation(batches)
    write_field(tmp_path / "batches", *part.where[5], "coefficients", np.float32([np.nan]))
    experiment, image = part.field("source")[5]
    with pytest.raises(
        UserError, match=rf"hold values that are no numbers; .*: \({experiment}, {image}\)"
    ):
        train(StudyPaths(tmp_path), "coefficient")


def test_validation_without_a_positive_keeps_the_last_weights_rather_than_the_first(
    batches, tmp_path
):
    shutil.copytree(batches, tmp_path / "batches")
    for place in validation(batches).where:
        write_field(tmp_path / "batches", *place, "tags", np.zeros(len(TAGS), np.uint8))
    paths = StudyPaths(tmp_path)
    assert train(paths, "coefficient")[0]
    facts = json.loads((paths.model("coefficient") / "training.json").read_text())
    assert facts["best_epoch"] == 0
    arrays, saved = checkpoint.read(checkpoint.files(checkpoint_folder(paths, "coefficient"))[0])
    assert saved["step"] == facts["step"]
    assert all(map(np.array_equal, arrays["best"], arrays["averages"]))


def test_batches_of_other_settings_are_refused(batches, tmp_path):
    shutil.copytree(batches, tmp_path / "batches")
    path = tmp_path / "batches/records.json"
    manifest = json.loads(path.read_text())
    for name, value in (("counts", "log"), ("radius", 16.0)):
        path.write_text(json.dumps(manifest | {"transform": {name: value}}))
        with pytest.raises(
            UserError, match=rf"packed with another transform\.{name} than the study's"
        ):
            train(StudyPaths(tmp_path), "coefficient")


@pytest.fixture
def copied(whole, tmp_path):
    """A copy of the three trained views, to damage."""
    shutil.copytree(whole.root / "models", tmp_path / "models")
    os.symlink(whole.root / "batches", tmp_path / "batches")
    return StudyPaths(tmp_path)


def refused(paths, view):
    from xscatter.learn.test import evaluate

    with pytest.raises(UserError) as caught:
        evaluate(toy_study(), paths, view, say=lambda _: None)
    return str(caught.value)


def test_a_model_that_has_seen_the_test_batch_is_refused(copied):
    path = copied.model("image") / "training.json"
    facts = json.loads(path.read_text())
    facts["split"]["validation"].append(7)  # an experiment of the test batch
    path.write_text(json.dumps(facts))
    for view in ("image", "mean"):
        assert "was trained on experiment 7, which is in the test batch now" in refused(
            copied, view
        )
    with pytest.raises(UserError, match="which is in the test batch now"):
        train(copied, "joint")


def test_a_damaged_model_or_one_of_other_weights_is_refused(copied, whole):
    for content in (b"nothing", (copied.model("joint") / "model.keras").read_bytes()):
        (copied.model("image") / "model.keras").write_bytes(content)
        assert "delete it and train --view image again" in refused(copied, "image")
    for content in ("[1]", "{}", "nothing"):
        (copied.model("coefficient") / "training.json").write_text(content)
        assert "train --view coefficient again" in refused(copied, "coefficient")
    # What the lines say to do mends it.
    (copied.model("image") / "model.keras").unlink()
    for view in ("image", "coefficient"):
        shutil.copytree(whole.training(view), copied.training(view))
        assert train(copied, view)[0]
        assert products(copied, view) == products(whole, view)


def test_a_kill_while_the_model_is_written_leaves_none_that_is_half_old(copied, whole, monkeypatch):
    shutil.copytree(whole.training("image"), copied.training("image"))
    (copied.model("image") / "history.csv").unlink()  # so that it is written again
    complete_file = files.complete_file

    def full(path, sealed=False):
        if str(path).endswith("model.keras"):
            raise UserError("no space left")
        return complete_file(path, sealed)

    with monkeypatch.context() as patch:
        patch.setattr("xscatter.learn.export.complete_file", full)
        with pytest.raises(UserError, match="no space left"):
            train(copied, "image")
    assert "missing" in refused(copied, "image")
    assert train(copied, "image")[0]
    assert products(copied, "image") == products(whole, "image")


def test_batches_of_another_size_are_refused(batches, tmp_path):
    os.symlink(batches, tmp_path / "batches")
    study = parse_study(
        {**toy_study().model_dump(), "simulate": {"experiments": 12, "images": 20, "size": 64}}
    )
    from xscatter.learn.identity import open_records_of

    with pytest.raises(
        UserError, match=r"image has the shape \(32, 32\), the study needs \(64, 64\)"
    ):
        open_records_of(study, StudyPaths(tmp_path))


def test_a_damaged_batch_is_never_trained_on(batches, tmp_path):
    shutil.copytree(batches, tmp_path / "batches")
    paths = StudyPaths(tmp_path)
    content = bytearray(paths.batch(0).read_bytes())
    content[9] ^= 1
    paths.batch(0).write_bytes(content)
    with pytest.raises(UserError, match=r"batch-0\.bin: does not match its sha256"):
        train(paths, "image")
    assert not paths.model("image").exists()


def test_a_wrong_study_does_not_claim_the_folder(batches, tmp_path):
    from xscatter.cli import main
    from xscatter.study import dump_study

    shutil.copytree(batches, tmp_path / "results/batches")
    wrong = parse_study(
        {**toy_study().model_dump(), "simulate": {"experiments": 12, "images": 20, "size": 64}}
    )
    (tmp_path / "wrong.yaml").write_text(dump_study(wrong))
    assert (
        main(
            [
                "train",
                str(tmp_path / "wrong.yaml"),
                "--view",
                "image",
                "-o",
                str(tmp_path / "results"),
            ]
        )
        == 2
    )
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["batches"]


def test_joint_before_its_branches_is_refused(paths):
    with pytest.raises(UserError, match="train --view image before --view joint"):
        train(paths, "joint")


def test_labels_without_a_positive_are_refused(tmp_path):
    write_records(tmp_path / "batches", labels=False)
    with pytest.raises(UserError, match="no tag is true"):
        train(StudyPaths(tmp_path), "image")


def test_no_space_for_a_state_is_one_line_and_keeps_the_last(paths, monkeypatch):
    train(paths, "coefficient", deadline=time.monotonic())
    before = checkpoint.files(checkpoint_folder(paths, "coefficient"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards.os, "fsync", full)
    with pytest.raises(UserError, match="no space left"):
        train(paths, "coefficient")
    assert checkpoint.files(checkpoint_folder(paths, "coefficient")) == before
    assert not list(checkpoint_folder(paths, "coefficient").glob(".*"))


def die_at(owner, name, passing=1, after=False, wanted=lambda *_: True):
    """Let this process be killed before, or `after`, the `passing`-th call of a function."""
    original, count = getattr(owner, name), itertools.count(1)

    def replacement(*given, **options):
        last = wanted(*given) and next(count) == passing
        if last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **options)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, replacement)


# A checkpoint after each of twelve steps: most of the time goes into writing them to the disk.
SHORT = {"max_epochs": 2, "steps_per_epoch": 6, "schedule": "cosine", "view_dropout": 0.25}


def die(place):
    """Prepare the death of this process; a new checkpoint is written after every step."""
    from xscatter.learn.board import Board
    from xscatter.learn.learner import Learner

    named = lambda text: lambda _, path: text in str(path)  # noqa: E731
    if place == "in a step before the first checkpoint":
        die_at(Learner, "step", after=True)
    elif place == "while a checkpoint is written":
        die_at(os, "replace", 2, wanted=named("state-"))
    elif place == "with a checkpoint just written":
        die_at(checkpoint, "save", 3, after=True)
    elif place == "at the end of an epoch, before its line":
        die_at(Board, "add")
    elif place == "while the model is written":
        die_at(os, "replace", wanted=named("model.keras"))
    elif place == "between the model and its facts":
        die_at(os, "replace", wanted=named("training.json"))
    elif place == "before past checkpoints go":
        die_at(checkpoint, "tidy")
    else:
        assert place is None


def life(folder, log, views, place=None):
    """One process's attempt at the trainings of `views`, until they end or it is killed."""
    with open(log, "a") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    from xscatter.learn.identity import open_records_of
    from xscatter.learn.train import train as run

    die(place)
    study, paths = toy_study(checkpoint_minutes=0.0, **SHORT), StudyPaths(folder)
    for view in views:
        records = open_records_of(study, paths)
        run(study, paths, records, view, say=lambda line: print(line, flush=True))


def start_life(paths, views, place=None):
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload(["tensorflow", "keras", "sklearn.metrics", "h5py"])
    process = start.Process(target=life, args=(paths.root, paths.root / "log", views, place))
    process.start()
    return process


def newest_state(paths, view):
    states = paths.root.glob(f".training/{view}/*/state-*")
    return max((path.name for path in states), default="")


def kill_soon_after_a_checkpoint(paths, view, seconds):
    """Kill a training from outside, at any moment of its steps."""
    before, patience = newest_state(paths, view), time.monotonic() + 120
    process = start_life(paths, [view])
    while newest_state(paths, view) == before and time.monotonic() < patience:
        process.join(0.002)
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, (paths.root / "log").read_text()[-2000:]


@pytest.fixture
def undisturbed(batches, tmp_path):
    found = StudyPaths(tmp_path / "undisturbed")
    found.root.mkdir()
    os.symlink(batches, found.batches)
    return found


def test_killed_at_every_telling_place_it_ends_bit_for_bit_alike(paths, undisturbed):
    from xscatter.learn.test import evaluate

    # The undisturbed run has a process of its own: in this one, tests may have set other threads.
    # Image and coefficient trainings, which know nothing of each other, share its time.
    views = list(VIEWS)
    quiet = start_life(undisturbed, views)
    log, chance = paths.root / "log", random.Random(11)
    kill_soon_after_a_checkpoint(paths, "coefficient", chance.uniform(0, 0.1))
    resumed = start_life(paths, ["coefficient"])
    for place, step in (
        ("in a step before the first checkpoint", 0),
        ("while a checkpoint is written", 1),
        ("with a checkpoint just written", 4),
        ("at the end of an epoch, before its line", 6),
        ("while the model is written", 12),
        ("between the model and its facts", 12),
        ("before past checkpoints go", 12),
    ):
        process = start_life(paths, ["image"], place)
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"{place}: {log.read_text()[-2000:]}"
        assert newest_state(paths, "image") == (f"state-{step:09d}.h5" if step else ""), place
    process = start_life(paths, ["image"])
    process.join()
    assert process.exitcode == 0, log.read_text()[-2000:]
    resumed.join()
    assert resumed.exitcode == 0, log.read_text()[-2000:]
    kill_soon_after_a_checkpoint(paths, "joint", chance.uniform(0, 0.1))
    process = start_life(paths, ["joint"])
    process.join()
    assert process.exitcode == 0, log.read_text()[-2000:]
    assert log.read_text().count("resumes at step") >= 7
    quiet.join()
    assert quiet.exitcode == 0, (undisturbed.root / "log").read_text()[-2000:]
    for view in views:
        assert products(paths, view) == products(undisturbed, view)
    for one in (paths, undisturbed):
        evaluate(toy_study(**SHORT), one, "image", say=lambda _: None)
    with np.load(paths.scores("image")) as ours, np.load(undisturbed.scores("image")) as theirs:
        assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)


def in_a_fresh_process(target, *arguments):
    """Run where TensorFlow has not started yet."""
    process = multiprocessing.get_context("forkserver").Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def on_two_devices(folder, legs):
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    for _ in range(legs - 1):
        assert not train(StudyPaths(folder), "image", devices=2, deadline=0.0)[0]
    assert train(StudyPaths(folder), "image", devices=2)[0]


def test_two_devices_share_each_batch_and_resume(paths, undisturbed):
    in_a_fresh_process(on_two_devices, undisturbed.root, 1)
    in_a_fresh_process(on_two_devices, paths.root, 3)
    assert products(paths, "image") == products(undisturbed, "image")
    rows = read_rows(paths, "image")
    assert float(rows[-1]["training_loss"]) < 0.8 * float(rows[0]["training_loss"])


def test_a_gpu_that_tensorflow_does_not_find_is_said(paths, monkeypatch):
    from xscatter.learn.learner import unused_gpu

    for value in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert unused_gpu() is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert "CUDA_VISIBLE_DEVICES is 0" in unused_gpu()
    monkeypatch.setenv("SLURM_JOB_GPUS", "0,1")
    lines = train(paths, "coefficient", deadline=0.0)[1]
    assert any("trains on the CPU, though SLURM_JOB_GPUS is 0,1" in line for line in lines)


def test_devices_that_are_not_there_are_refused(paths):
    with pytest.raises(UserError, match="5 asked for, 1 CPU found"):
        train(paths, "coefficient", devices=5)


@pytest.mark.parametrize(
    "keys", [{"precision": "mixed_bfloat16"}, {"precision": "mixed_float16"}, {"xla": True}]
)
def test_number_formats_and_xla_learn_alike(paths, whole, keys):
    assert train(paths, "coefficient", **keys)[0]
    losses = [float(row["training_loss"]) for row in read_rows(paths, "coefficient")]
    expected = [float(row["training_loss"]) for row in read_rows(whole, "coefficient")]
    assert losses == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(
    "keys", [{"loss": "asymmetric"}, {"max_positive_weight": 3.0}, {"optimizer": "momentum"}]
)
def test_other_losses_and_optimizers_learn(paths, keys):
    assert train(paths, "coefficient", **keys)[0]
    rows = read_rows(paths, "coefficient")
    assert float(rows[-1]["training_loss"]) < 0.9 * float(rows[0]["training_loss"])


def test_a_view_that_another_process_trains_is_refused(paths):
    held = lease.take(paths.training("image") / ".lease.json")
    with pytest.raises(UserError, match=f"process {os.getpid()} on .* trains this view; wait"):
        train(paths, "image")
    held.release()


def test_past_states_go_when_a_training_is_finished_and_parents_stay(tmp_path):
    def saved(name, settings, batches, age):
        facts = {"settings": settings, "batches": batches}
        checkpoint.save(tmp_path / name, name, 1, {"model": [np.zeros(2)]}, facts, keep=2)
        moment = time.time() - age
        os.utime(checkpoint.files(tmp_path / name)[0], (moment, moment))

    saved("smaller", "s", ["a"], 1)
    saved("now", "s", ["a", "b"], 0)
    saved("other branches", "s", ["b", "a"], 5)
    saved("grown, not finished", "s", ["a", "b", "c"], 900)
    saved("elsewhere", "s", ["a", "d"], 901)
    for name, age in (("t", 10), ("u", 20), ("v", 30), ("w", 40)):
        saved(name, name, ["a"], age)
    said = []
    checkpoint.tidy(tmp_path, "now", said.append)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"now", "grown, not finished", "elsewhere", "t", "u"}
    assert len(said) == 4
    checkpoint.tidy(tmp_path, "none", said.append)
    assert {path.name for path in tmp_path.iterdir()} == left


def test_damaged_checkpoints_never_push_good_ones_out(tmp_path):
    folder, said = tmp_path / "f", []
    for step in (5, 10):
        checkpoint.save(folder, "f", step, {"model": [np.arange(9000.0)]}, {"step": step}, keep=2)
    damage(folder / "state-000000010.h5")
    assert checkpoint.newest(folder, "f", said.append).facts == {"step": 5}
    for step in (6, 7):
        checkpoint.save(folder, "f", step, {"model": [np.arange(9000.0)]}, {"step": step}, keep=2)
    assert [path.name[6:15] for path in checkpoint.files(folder)] == ["000000007", "000000006"]
    for path in checkpoint.files(folder):
        damage(path)
    assert checkpoint.newest(folder, "f", said.append) is None
    assert not checkpoint.files(folder)
    assert "the training starts again" in said[-1]
    assert len(list(folder.glob("damaged-*"))) == 3
