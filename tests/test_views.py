"""A fourth view is one entry of the table of views."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import toy_report
from toy_models import ring
from toy_records import TAGS, write_records
from xscatter import open_records, views
from xscatter.commands import train as train_command
from xscatter.core.errors import UserError
from xscatter.frames import from_array
from xscatter.learn.bundle import make_tagger
from xscatter.learn.data import RecordSource
from xscatter.networks.run import Network
from xscatter.report import write_report
from xscatter.store.paths import StudyPaths
from xscatter.study import dump_study, parse_study
from xscatter.study.networks import millions_of_weights
from xscatter.tagging import Tagger

ROOT = Path(__file__).parent.parent
ENTRY = """
from xscatter import views

views.VIEWS["polar"] = views.View(
    "polar",
    ("coefficients",),
    "xscatter.networks.models:coefficient_network",
    seed_key=3,
    keys=frozenset({"coefficient_network", "coefficient_input", "learning_rate"}),
)
"""


@pytest.fixture
def study(monkeypatch):
    monkeypatch.setitem(views.VIEWS, "polar", None)  # the end of the test takes it away
    exec(ENTRY)
    content = {
        "name": "toy",
        "simulate": {"experiments": 12, "images": 20, "size": 32},
        "transform": {"angular_orders": 6, "radial_orders": 8},
        "pack": {"batches": 4, "test_batch": 3},
        "train": {"width": 0.25, "batch_size": 8, "steps_per_epoch": 4, "max_epochs": 1},
    }
    return parse_study(content)


def test_a_fourth_view_trains_is_tested_and_loaded(study, tmp_path):
    from xscatter.learn.test import evaluate
    from xscatter.learn.train import train

    paths = StudyPaths(tmp_path / "toy")
    write_records(paths.batches)
    index = json.loads(paths.records.read_text())
    transform = study.transform.model_dump(mode="json") | {"radius": study.radius}
    paths.records.write_text(json.dumps(index | {"transform": transform}))
    records = RecordSource(open_records(paths.batches))
    assert train(study, paths, records, "polar", say=lambda _: None)
    evaluation = evaluate(study, paths, "polar", say=lambda _: None)
    assert (evaluation.view, list(evaluation.tags)) == ("polar", TAGS)
    paths.study.write_text(dump_study(study))
    make_tagger(paths.root, say=lambda _: None)
    network = Network((paths.tagger / "polar.onnx").read_bytes())
    assert network.inputs == ("coefficients",)
    tested = open_records(paths.batches).batches[3]
    logits = network.logits({"coefficients": tested["coefficients"]})
    with np.load(paths.scores("polar")) as saved:
        np.testing.assert_allclose(logits, saved["logits"], atol=1e-4)
    tagger = Tagger.load(tmp_path / "toy")
    frame = from_array(ring(), center=(60, 70))
    (tagged,) = tagger.predict(frame)
    assert tagged.view == "polar"
    assert ((tagged.probability > 0) & (tagged.probability < 1)).all()


def test_a_fourth_view_is_in_the_report(study, tmp_path):
    paths = StudyPaths(tmp_path / "small")
    toy_report.write_results(paths)
    write_report(toy_report.STUDY, paths)
    page = paths.report.read_text()
    assert page.count('<th scope="col" class="number">polar</th>') == 1
    paths.report.unlink()
    paths.evaluation("polar").unlink()
    with pytest.raises(UserError, match=r"polar\.json"):
        write_report(toy_report.STUDY, paths)


def test_a_fourth_view_has_rules_of_the_workflow(tmp_path):
    """The entry is made where the workflow's own process sees it."""
    (tmp_path / "sitecustomize.py").write_text(ENTRY)
    folders = [tmp_path, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-n"]
    command += ["-d", str(tmp_path), "--configfile", str(ROOT / "config" / "demo.yaml")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train the polar network" in done.stdout + done.stderr
    assert "test the polar network" in done.stdout + done.stderr


def test_a_fourth_view_is_known_to_the_study_the_plan_and_the_command(study):
    assert "coefficient_network" in study.train.decides("polar")
    assert "image_network" not in study.train.decides("polar")
    weights = millions_of_weights(study.train, 32)
    assert weights["polar"] == weights["coefficient"]
    import argparse

    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    assert parser.parse_args(["study.yaml", "--view", "polar"]).view == "polar"


def test_views_have_random_streams_of_their_own():
    keys = [view.seed_key for view in views.VIEWS.values()]
    assert len(set(keys)) == len(keys)
    assert [views.VIEWS[name].seed_key for name in ("image", "coefficient", "joint")] == [0, 1, 2]
