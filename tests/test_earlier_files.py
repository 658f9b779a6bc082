"""Networks and checkpoints of an earlier version are still read; see `data/README.md`."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xscatter.core import shards
from xscatter.learn import checkpoint
from xscatter.learn.progress import Progress
from xscatter.networks.export import to_onnx
from xscatter.networks.load import load_model
from xscatter.networks.run import Network
from xscatter.store.models import ModelFolder

EARLIER = Path(__file__).parent / "data" / "earlier"


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state-000000006.h5"
    path.write_bytes(gzip.decompress((EARLIER / f"{path.name}.gz").read_bytes()))
    return path


def test_a_network_is_loaded_with_the_weights_that_its_facts_name():
    folder = ModelFolder(EARLIER / "image")
    with zipfile.ZipFile(folder.network) as archive:
        assert b"xscatter>" in archive.read("config.json")  # layers of ours, by their names
    network = Network(to_onnx(load_model(folder)))  # which compares the hash of the weights
    assert network.inputs == ("image",)
    facts = folder.facts()
    assert (facts["epochs"], facts["best_epoch"]) == (2, 1)
    images = np.random.default_rng(0).poisson(3.0, (2, 32, 32)).astype(np.float32)
    logits = network.logits({"image": images})
    assert logits.shape == (2, len(facts["tags"]))
    assert np.isfinite(logits).all()


def test_a_checkpoint_is_whole_and_its_facts_are_those_of_a_training(state):
    assert shards.problem(state, deep=True, fingerprint="bfa8bc10c3403255") is None
    arrays, facts = checkpoint.read(state)
    assert {"model", "best"} <= arrays.keys()
    progress = Progress.of(facts)
    assert progress.step == 6
    assert [row["epoch"] for row in progress.history] == [1, 2]
    assert [row["epoch"] for row in progress.timings] == [1, 2]
    assert (progress.rule.epoch, progress.rule.best_epoch) == (2, 1)
    assert progress.rule.converged
