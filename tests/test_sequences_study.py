"""A small study from simulated sequences to a tagger that has a temporal network."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from toy_models import write_study
from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.learn.bundle import make_tagger
from xscatter.networks.run import SequenceNetwork
from xscatter.processes import NAMES
from xscatter.store.bundle import open_bundle, read_network
from xscatter.store.features import open_features
from xscatter.store.paths import StudyPaths

STUDY = """
name: toy
seed: 5
simulate: {size: 64, images: 4, experiments: 4}
transform: {angular_orders: 4, radial_orders: 6}
pack: {batches: 2, test_batch: 1}
sequence:
  sequences: 8
  frames: 16
  laws: [crystallisation, expansion]
  width: 0.1
  batch_size: 4
  max_epochs: 1
train: {width: 0.1}
"""


def xscatter(*words):
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    study = root / "toy.yaml"
    study.write_text(STUDY)
    paths = StudyPaths(root / "toy")
    write_study(paths.root)
    paths.study.unlink()  # the toy's own
    here = (study, "-o", paths.root)
    xscatter("simulate", *here, "--sequences", "0-7")
    make_tagger(paths.root, paths.embedder, ["image"], say=lambda _: None)
    files = [paths.sequence(n) for n in range(8)]
    xscatter("embed", *files, "--model", paths.embedder)
    xscatter("train", *here, "--view", "sequence")
    xscatter("test", *here, "--view", "sequence")
    xscatter("bundle", paths.root, "--view", "image", "sequence")
    return paths


def test_the_evaluation_has_the_network_and_what_it_is_compared_with(paths):
    figures = json.loads(paths.evaluation("sequence").read_text())
    assert {"network", "tags alone", "scan", "frame difference"} <= set(figures["methods"])
    assert figures["methods"]["network"]["mean_average_precision"] > 0
    assert "mean_average_precision" not in figures["methods"]["scan"]
    assert set(figures["each"]) == set(NAMES)
    with np.load(paths.scores("sequence")) as scores:
        assert len(scores["active"]) == figures["frames"] == 16 * figures["sequences"]


def test_a_process_that_trained_nothing_reads_the_network(paths):
    """Keras reads a layer only where its module was imported before."""
    read = "import sys, pathlib; from xscatter.networks.load import load_model; "
    read += "from xscatter.store.models import ModelFolder; "
    read += "print(load_model(ModelFolder(pathlib.Path(sys.argv[1]))).count_params())"
    command = [sys.executable, "-c", read, str(paths.model("sequence"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.floats
def test_the_tagger_answers_as_the_test_did(paths):
    folder, bundle = open_bundle(paths.root)
    assert set(bundle.sequence.networks) == {"image"}
    network = SequenceNetwork(read_network(folder, bundle.sequence))
    with np.load(paths.scores("sequence")) as scores:
        number, expected = int(scores["numbers"][0]), scores["active"][:16]
    with open_features(paths.features(number)) as file:
        assert file.columns == bundle.sequence.columns
        features = file.features
    state, rows = network.start(), []
    for row in features:
        logits, state = network.push(row[None], state)
        rows.append(logits[0, : len(NAMES)])
    scaled = np.array(rows) * bundle.sequence.column("slope") + bundle.sequence.column("offset")
    assert 1 / (1 + np.exp(-scaled)) == pytest.approx(expected, abs=1e-3)


def test_stale_and_missing_features_are_named(paths):
    from xscatter.learn.sequences import open_sequences_of
    from xscatter.study import load_study

    study = load_study(paths.root.parent / "toy.yaml")
    held = paths.features(3).read_bytes()
    paths.features(3).unlink()
    with pytest.raises(UserError, match=r"00003\.features\.h5: missing; run `xscatter embed"):
        open_sequences_of(study, paths)
    paths.features(3).write_bytes(paths.features(4).read_bytes())
    with pytest.raises(UserError, match=r"is not of 00003\.h5 as it is now"):
        open_sequences_of(study, paths)
    paths.features(3).write_bytes(held)


def flip(path, dataset):
    """Flip a bit of what a dataset holds; return the content as it was."""
    content = path.read_bytes()
    with h5py.File(path) as file:
        data = file[dataset]
        place = data.id.get_chunk_info(0).byte_offset + 40 if data.chunks else data.id.get_offset()
    damaged = bytearray(content)
    damaged[place + 1] ^= 1
    path.write_bytes(damaged)
    return content


def test_damaged_sequences_and_features_are_never_learnt_from(paths, tmp_path, capsys):
    from xscatter.learn.sequences import open_sequences_of
    from xscatter.study import load_study

    study = load_study(paths.root.parent / "toy.yaml")
    for path, dataset in (
        (paths.sequence(2), "entry/processes/progress"),
        (paths.sequence(2), "entry/data/counts"),
        (paths.features(2), "entry/features"),
    ):
        whole = flip(path, dataset)
        with pytest.raises(UserError, match=rf"{path.name}: corrupt: .* its checksum"):
            open_sequences_of(study, paths)
        if path == paths.sequence(2):
            assert main(["embed", str(path), "-o", str(tmp_path)]) == 2
            assert "does not match its checksum" in capsys.readouterr().err
        else:  # made again
            command = ["embed", str(paths.sequence(2)), "--model", str(paths.embedder)]
            assert main(command) == 0
            assert path.read_bytes() == whole
        path.write_bytes(whole)
    open_sequences_of(study, paths)
