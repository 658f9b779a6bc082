"""The temporal network: what it may know, what it learns from, and that its training resumes."""

import time

import numpy as np
import pytest

from xscatter import processes
from xscatter.learn.sequences import LearntSequence, SequenceSource
from xscatter.learn.tracks import (
    ONSET,
    UNKNOWN,
    FeatureColumns,
    Track,
    changed,
    reversed_in_time,
    summed,
    thinned,
    with_gap,
    zoomed,
)
from xscatter.sequences.features import columns
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import parse_study

P, K = len(processes.NAMES), len(processes.FAMILIES)
SIZES = columns(3)
F = sum(SIZES.values())
GROUPS = FeatureColumns(SIZES)
CRYSTALLISATION, MELTING = processes.INDEX["crystallisation"], processes.INDEX["melting"]


def track(frames=40, process=CRYSTALLISATION, begin=10, end=30, seed=0):
    """Features in which ring 20 of the profile grows while the process goes on."""
    random = np.random.default_rng(seed)
    x = np.clip((np.arange(frames) - begin) / max(end - begin, 1), 0, 1)
    features = random.normal(0, 0.02, (frames, F)).astype(np.float32)
    features[:, GROUPS["profile"]] += 1.0
    features[:, 20] += 2 * (x if process != MELTING else 1 - x)
    features[:, GROUPS["log total"]] += 10
    features[1:, GROUPS["log step"]] = 2.0
    features[:, GROUPS["change z"]] = 3.0
    active, progress = np.zeros((frames, P), bool), np.full((frames, P), np.nan, np.float32)
    present = np.zeros(P, bool)
    if process is not None:
        active[begin:end, process], progress[:, process], present[process] = True, x, True
    return Track(features, active, present, progress)


def test_targets_say_what_goes_on_what_began_and_how_far_it_is():
    targets = track().targets
    assert targets.shape == (40, 3 * P + K)
    active, onset, progress = (targets[:, k * P + CRYSTALLISATION] for k in range(3))
    assert np.flatnonzero(active == 1).tolist() == list(range(10, 30))
    assert np.flatnonzero(onset == 1).tolist() == list(range(10, 10 + ONSET))
    assert (progress[:10] == UNKNOWN).all()
    assert progress[20] == pytest.approx(0.5)
    family = targets[:, 3 * P + processes.FAMILIES.index("order")]
    assert (family == active).all()
    assert (targets[:, MELTING] == 0).all()


def test_what_goes_on_at_the_first_frame_did_not_begin_there():
    targets = track(begin=0, end=20).targets
    assert targets[0, CRYSTALLISATION] == 1
    assert not targets[:, P + CRYSTALLISATION].any()


def test_a_part_that_shows_too_little_of_a_process_is_not_judged():
    part = track().at(np.arange(10, 14)).targets
    assert (part[:, CRYSTALLISATION] == UNKNOWN).all()
    assert (part[:, 3 * P + processes.FAMILIES.index("order")] == UNKNOWN).all()
    assert (part[:, MELTING] == 0).all()


def test_backwards_a_crystallisation_is_a_melting():
    there = track(begin=10, end=30)
    back = reversed_in_time(there, GROUPS)
    assert np.flatnonzero(back.active[:, MELTING]).tolist() == list(range(10, 30))
    assert not back.active[:, CRYSTALLISATION].any()
    assert back.present[MELTING]
    assert not back.present[CRYSTALLISATION]
    x = back.progress[:, MELTING]
    assert np.all(np.diff(x) >= 0)
    assert (x[0], x[-1]) == (0, 1)
    assert np.isnan(back.progress[:, CRYSTALLISATION]).all()
    assert np.array_equal(back.features[:, 20], there.features[::-1, 20])
    # The scan would have compared with other frames, and time runs as before.
    assert not back.features[:, GROUPS["change z"]].any()
    assert back.features[0, GROUPS["log step"]] == 0
    assert (back.features[1:, GROUPS["log step"]] == 2).all()


@pytest.mark.parametrize("name", ["nucleation and growth", "beam damage", "aggregation"])
def test_growth_and_damage_have_no_reverse(name):
    assert reversed_in_time(track(process=processes.INDEX[name]), GROUPS) is None
    hidden = track()
    hidden.present[processes.INDEX[name]] = True  # too weak to be labelled
    assert reversed_in_time(hidden, GROUPS) is None


def test_nothing_backwards_is_nothing_and_a_lost_beam_stays_one():
    assert not reversed_in_time(track(process=None), GROUPS).active.any()
    lost = processes.INDEX["beam lost"]
    there = track(process=lost, begin=10, end=14)
    back = reversed_in_time(there, GROUPS)
    assert np.flatnonzero(back.active[:, lost]).tolist() == [26, 27, 28, 29]
    assert back.progress[28, lost] == there.progress[11, lost]


def test_every_second_frame_is_the_same_process_faster():
    fast = thinned(track(), 2, GROUPS)
    assert len(fast) == 20
    assert np.flatnonzero(fast.active[:, CRYSTALLISATION]).tolist() == list(range(5, 15))
    assert fast.features[1:, GROUPS["log step"]] == pytest.approx(2 + np.log(2), rel=1e-5)


def test_a_detector_further_away_sees_all_rings_further_out():
    there = track()
    far = zoomed(there, 1.25, GROUPS)
    x = there.features[-1, 20] - there.features[-1, 10]
    assert x > 1.5
    # The middle of bin 20 is at radius 20.5.
    assert np.argmax(far.features[-1, GROUPS["profile"]]) == pytest.approx(20.5 * 1.25 - 0.5, abs=1)
    z = GROUPS["change z"]
    assert np.array_equal(far.features[:, z], there.features[:, z])
    assert np.array_equal(zoomed(there, 1.0, GROUPS).features, there.features)
    assert np.array_equal(far.active, there.active)


def test_summed_frames_have_twice_the_light_and_the_mean_pattern():
    there, both = track(), summed(track(), 2, GROUPS)
    assert len(both) == 20
    mean = there.features[:2, GROUPS["profile"]].mean(axis=0)
    assert both.features[0, GROUPS["profile"]] == pytest.approx(mean, rel=1e-5)
    total = there.features[:2, GROUPS["log total"]].mean() + np.log(2)
    assert both.features[0, GROUPS["log total"]] == pytest.approx([total], rel=1e-5)


def test_a_gap_leaves_frames_out_and_says_how_long_it_is():
    there = track()
    gap = with_gap(there, 15, 4, GROUPS)
    assert len(gap) == 36
    assert np.array_equal(gap.progress[15], there.progress[19], equal_nan=True)
    assert gap.features[15, GROUPS["log step"]] == pytest.approx([2 + np.log(5)], rel=1e-5)


def test_a_draw_depends_on_its_stream_alone_and_keeps_to_the_window():
    for seed in range(40):
        one, other = (changed(track(), 32, np.random.default_rng(seed), GROUPS) for _ in range(2))
        assert np.array_equal(one.features, other.features)
        assert 8 <= len(one) <= 32
        assert np.isfinite(one.features).all()
        assert np.isfinite(one.targets).all()


@pytest.fixture(scope="module")
def network():
    import keras

    from xscatter.networks.sequence import sequence_network
    from xscatter.study import Train

    keras.utils.set_random_seed(3)
    return sequence_network({"features": (None, F)}, P, Train(width=0.3), profile=64, orders=3)


def test_a_later_frame_changes_no_earlier_answer(network):
    features = np.stack([track(seed=1).features] * 2)
    features[1, 25:] = np.random.default_rng(2).gamma(2.0, size=(15, F))
    first, second = network({"features": features}, training=False).numpy()
    assert np.array_equal(first[:25], second[:25])
    assert np.abs(first[25:] - second[25:]).max() > 0.01


@pytest.mark.floats
def test_onnx_frame_by_frame_gives_what_keras_gives_at_once(network):
    from xscatter.networks.export import to_onnx_stream
    from xscatter.networks.run import SequenceNetwork

    content = to_onnx_stream(network)
    assert content == to_onnx_stream(network)
    features = track(seed=4).features
    expected = network({"features": features[None]}, training=False).numpy()[0]
    streamed = SequenceNetwork(content)
    state, rows = streamed.start(), []
    for first, last in [*((n, n + 1) for n in range(10)), (10, 25), (25, 40)]:
        logits, state = streamed.push(features[first:last], state)
        rows.append(logits)
    assert np.abs(np.concatenate(rows) - expected).max() < 1e-3
    with pytest.raises(ValueError, match="not a network"):
        SequenceNetwork(b"nothing")


STUDY = {
    "name": "toy",
    "simulate": {"size": 64},
    "sequence": {"sequences": 24, "frames": 40, "width": 0.2, "max_epochs": 1, "batch_size": 4},
    "pack": {"batches": 4, "test_batch": 3},
}


def source(study, number=24):
    sequences = []
    for n in range(number):
        process = (CRYSTALLISATION, MELTING, None)[n % 3]
        one = track(process=process, seed=n)
        labels = one.active.any(axis=0).astype(np.uint8)
        d = np.where(labels, 50.0, 0.0).astype(np.float32)
        spans = np.zeros(0)
        sequences.append(LearntSequence(n, one, labels, d, d, spans, f"content {n}"))
    return SequenceSource(sequences, SIZES, {"joint": "0" * 64}, study)


def run(folder, deadline=None, **keys):
    from xscatter.learn.train import train

    study = parse_study({**STUDY, "sequence": {**STUDY["sequence"], **keys}})
    lines = []
    ended = train(study, StudyPaths(folder), source(study), "sequence", deadline, say=lines.append)
    return ended, lines


def products(folder):
    model = ModelFolder(StudyPaths(folder).model("sequence"))
    return model.facts("weights_sha256")["weights_sha256"], model.history.read_bytes()


def test_a_training_that_was_stopped_at_any_step_ends_with_the_same_bytes(tmp_path):
    assert run(tmp_path / "whole")[0]
    for _ in range(2):  # a step each
        assert not run(tmp_path / "legs", deadline=time.monotonic())[0]
    assert run(tmp_path / "legs")[0]
    assert products(tmp_path / "legs") == products(tmp_path / "whole")
    (line,) = run(tmp_path / "legs")[1]
    assert line == "sequence: converged already (max_epochs, 1, is reached); nothing to do"


def test_test_validation_and_training_sequences_are_apart_and_stay(tmp_path):
    study = parse_study(STUDY)
    one = source(study)
    training, validation = (set(part.numbers()) for part in one.split(study))
    assert len(one.tested) == 6
    assert training | validation | set(one.tested) == set(range(24))
    assert len(training) + len(validation) + 6 == 24
    grown = source(study, 40)
    known = {"training": sorted(training), "validation": sorted(validation)}
    later, held = (set(part.numbers()) for part in grown.split(study, known))
    assert training <= later
    assert validation <= held
    assert set(one.tested) <= set(grown.tested)
