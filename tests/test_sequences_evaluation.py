"""Segments from probabilities, and the figures of a test on sequences, on hand-made cases."""

import json

import numpy as np
import pytest

from xscatter import processes
from xscatter.scores.processes import Segment
from xscatter.scores.sequence_evaluation import (
    Method,
    SequenceScores,
    SequenceTruth,
    describe_sequences,
    evaluate_method,
)
from xscatter.scores.tracks import ONSET, segments_of

P, K = len(processes.NAMES), len(processes.FAMILIES)
MELTING, BEAM_LOST = processes.INDEX["melting"], processes.INDEX["beam lost"]


def test_segments_are_runs_above_the_threshold_with_short_doubts_bridged():
    active, onset = np.zeros((40, P)), np.zeros((40, P))
    active[12:20, MELTING] = active[22:30, MELTING] = 0.8
    active[15, MELTING] = 0.9
    onset[12:17, MELTING] = 1.0  # it began within the last frames until frame 16
    (one,) = segments_of(3, active, onset, np.full(P, 0.5))
    assert (one.sequence, one.process, one.end, one.score) == (3, MELTING, 30, 0.9)
    assert one.begin == 16 - ONSET + 1
    assert one.low <= one.begin <= one.high
    active[20:22, MELTING] = 0.1
    active[19, MELTING] = 0.1
    assert len(segments_of(3, active, onset, np.full(P, 0.5))) == 2
    assert segments_of(0, active, onset, np.full(P, 0.95)) == []


def test_what_goes_on_at_the_first_frame_begins_there():
    active = np.zeros((20, P))
    active[:9, MELTING] = 1.0
    (one,) = segments_of(0, active, np.zeros((20, P)), np.full(P, 0.5))
    assert (one.begin, one.low, one.high, one.end) == (0, 0, 0, 9)


def toy():
    """Four sequences of 30 frames: melting strong, melting weak, beam lost, nothing."""
    labels, d = np.zeros((4, P), np.uint8), np.zeros((4, P), np.float32)
    labels[0, MELTING] = labels[1, MELTING] = labels[2, BEAM_LOST] = 1
    d[0, MELTING], d[1, MELTING], d[2, BEAM_LOST] = 100.0, 10.0, 50.0
    true = [
        Segment(0, MELTING, 10, 20, seen=12),
        Segment(1, MELTING, 5, 25, seen=15),
        Segment(2, BEAM_LOST, 8, 12, seen=8),
    ]
    quiet = np.array([False, False, True, True])
    return SequenceTruth(labels, d, true, quiet, ["none", "none", "beam lost", "none"])


def answers(strong=0.9, weak=0.6, null=0.1):
    scores = [np.full((30, P), null) for _ in range(4)]
    scores[0][14:20, MELTING] = strong
    scores[1][16:25, MELTING] = weak
    scores[2][8:12, BEAM_LOST] = 0.8
    return scores


def test_a_perfect_method_is_perfect_and_one_without_names_has_no_precision_of_names():
    named = evaluate_method(Method(answers()), toy())
    assert named["mean_average_precision"] == pytest.approx(1.0)
    assert named["processes_that_occur"] == 2
    assert named["by_detectability"] == {"8-16": 1.0, "16-64": 1.0, "64-": 1.0}
    assert named["change"]["average_precision"] == 1.0
    assert named["alarm"]["null_frames"] == 60
    assert named["alarm"]["reported"] == 1.0
    assert named["alarm"]["mean_delay"] == pytest.approx((2 + 1) / 2)
    assert named["alarm"]["strong"]["number"] == 1
    blind = Method([score.max(axis=1) for score in answers()])
    plain = evaluate_method(blind, toy())
    assert "mean_average_precision" not in plain
    # The lost beam is above the weak melting, and is nothing of the sample.
    assert plain["change"]["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_false_name_is_no_report():
    wrong = answers()
    for score in wrong[:2]:
        score[:, MELTING + 1] = score[:, MELTING]
        score[:, MELTING] = 0.0
    entry = evaluate_method(Method(wrong), toy())
    assert entry["alarm"]["reported"] == 0.0
    assert entry["change"]["average_precision"] == 1.0
    assert entry["mean_average_precision"] < 0.8


def test_the_evaluation_is_plain_json_and_its_scores_are_read_back(tmp_path):
    tested, active = toy(), answers()
    nothing = [np.zeros((30, P)) for _ in range(4)]
    segments = [
        s for n, a in enumerate(active) for s in segments_of(n, a, nothing[n], np.full(P, 0.5))
    ]
    scores = SequenceScores(
        numbers=[3, 13, 23, 33],
        tested=tested,
        contrast=np.zeros((4, P)),
        methods={
            "network": Method(active, families=[np.zeros((30, K))] * 4),
            "scan": Method([a.max(axis=1) for a in active]),
        },
        onset=nothing,
        progress=nothing,
        segments=segments,
        threshold=[0.5] * P,
    )
    figures = describe_sequences(scores, seed=1)
    text = json.dumps(figures, allow_nan=False)
    assert json.loads(text)["each"]["melting"]["f1_25"] == 1.0
    assert figures["each"]["melting"]["onset_median"] == pytest.approx((0 + 7) / 2)
    assert figures["segments"]["f1_25"] == 1.0
    scores.write(tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz") as file:
        assert file["first"].tolist() == [0, 30, 60, 90, 120]
        assert file["active"].shape == (120, P)
        assert file["baseline/scan"].shape == (120,)
        assert file["spans"]["seen"].tolist() == [12, 15, 8]
        assert file["segments"]["begin"].tolist() == [10, 12, 4]
