"""Measures of processes on cases small enough to be worked out by hand."""

import numpy as np
import pytest

from xscatter.scores.metrics import average_precision
from xscatter.scores.processes import (
    STRATA,
    Segment,
    alarm_threshold,
    alarms,
    delays,
    false_alarms,
    matched,
    mean_precision,
    onsets,
    process_precision,
    segment_f1,
)


def test_precision_by_process_and_by_how_well_it_can_be_seen():
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [1, 0]])
    scores = np.array([[0.9, 0.1], [0.2, 0.6], [0.5, 0.7], [0.3, 0.0], [0.8, 0.2]])
    d = np.array([[100, 0], [9, 0], [0, 20], [0, 0], [30, 0]])
    every = process_precision(labels, scores, d)
    # Process 0 in order of score: right, right, wrong, wrong, right.
    assert every[0] == pytest.approx([(1 + 1 + 3 / 5) / 3, 1.0])
    assert every[0, 0] == pytest.approx(average_precision(labels[:, 0], scores[:, 0]))
    assert mean_precision(every)[0] == pytest.approx((13 / 15 + 1) / 2)
    weak, middle, strong = (process_precision(labels, scores, d, s)[0] for s in STRATA)
    # Sequence 1 alone is positive: it comes after the two without the process.
    assert weak[0] == pytest.approx(1 / 3)
    assert np.isnan(weak[1])
    assert middle == pytest.approx([1.0, 1.0])
    assert strong[0] == 1.0
    drawn = process_precision(labels, scores, d, draws=50, seed=1)
    assert drawn.shape == (51, 2)
    assert np.nanstd(drawn[1:, 0]) > 0


def test_segments_match_one_to_one_in_their_own_sequence_and_process():
    true = [Segment(0, 0, 10, 20), Segment(0, 0, 30, 40), Segment(1, 1, 5, 15)]
    halves = [Segment(0, 0, 10, 15, 0.9), Segment(0, 0, 15, 20, 0.8)]
    others = [Segment(1, 0, 5, 15, 0.9), Segment(2, 1, 5, 15, 0.9)]
    assert true[0].overlap(halves[0]) == 0.5
    assert [guess for _, guess in matched(true, halves, 0.25)] == [halves[0]]
    assert segment_f1(true, halves, 0.25) == pytest.approx(2 * 1 / 5)
    assert segment_f1(true, others, 0.1) == 0.0
    assert segment_f1(true, true, 0.5) == 1.0
    late = [Segment(0, 0, 16, 26)]
    assert segment_f1(true, late, 0.25) == pytest.approx(2 / 4)  # 4 of 16 frames
    assert segment_f1(true, late, 0.5) == 0.0
    assert np.isnan(segment_f1([], [], 0.5))


def test_errors_of_onsets_in_frames_and_in_lengths():
    pairs = [
        (Segment(0, 0, 10, 20), Segment(0, 0, 12, 20, low=9, high=13)),
        (Segment(1, 0, 10, 110), Segment(1, 0, 19, 100, low=15, high=22)),
        (Segment(2, 0, 10, 20), Segment(2, 0, 7, 20, low=6, high=10)),
    ]
    errors = onsets(pairs)
    assert errors.median == 3
    assert errors.median_of_time == pytest.approx(0.2)  # of 0.2, 0.09 and 0.3
    assert errors.within == pytest.approx(2 / 3)  # 9 frames of 100 are within a tenth, 3 of 10 not
    assert errors.covered == pytest.approx(2 / 3)
    assert onsets([]).number == 0


def test_the_threshold_holds_the_rate_of_false_alarms():
    random = np.random.default_rng(0)
    null = [random.normal(size=1000) for _ in range(20)]
    for rate in (1e-2, 1e-3):
        threshold = alarm_threshold(null, rate)
        count = sum(alarms(scores, threshold) for scores in null)
        assert count <= rate * 20_000
        following = max(scores[scores < threshold].max() for scores in null)
        assert sum(alarms(scores, following) for scores in null) > rate * 20_000
    # Twenty thousand frames say nothing about one alarm in a million.
    assert alarm_threshold(null, 1e-6) == np.inf
    assert alarms(np.array([1, 1, 0, 1, 0, 0, 1.0]), 1) == 3
    # A score that is always the same raises no alarm above itself.
    assert alarm_threshold([np.zeros(100)], 0.01) == 0.0


def test_delays_count_from_when_a_process_can_be_seen():
    scores = np.zeros((3, 40, 1))
    scores[0, 15:, 0] = 1
    scores[1, 32:, 0] = 1
    scores[2, 5:8, 0] = 1  # before it begins, and silent after
    true = [Segment(n, 0, 10, 30, seen=12) for n in range(3)] + [Segment(0, 0, 10, 30, seen=-1)]
    late = delays(true, list(scores), 0.5)
    assert late.number == 3
    assert late.reported == pytest.approx(2 / 3)
    assert late.mean == pytest.approx((3 + 20) / 2)
    assert late.within == pytest.approx({2: 0, 5: 1 / 3, 10: 1 / 3, 20: 2 / 3})
    scores[0, 11] = 1
    assert delays(true[:1], list(scores), 0.5).mean == 0  # by luck


def test_false_alarms_by_nuisance():
    still, pulse = np.zeros(500), np.zeros(500)
    pulse[100:103] = 1
    rates = false_alarms([still, pulse, pulse], ["drift", "drift", "flux"], 0.5)
    assert rates == {"drift": 10.0, "flux": 20.0}
