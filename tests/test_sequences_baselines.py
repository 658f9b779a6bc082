"""Simple methods on features: each sees what it is made for, and nothing else."""

import numpy as np
import pytest

from toy_sequences import growing_ring, sums_of
from xscatter import processes, tags
from xscatter.sequences import baselines
from xscatter.sequences.features import Embedder, columns
from xscatter.sequences.polar import PolarGrid


def test_groups_are_the_columns_in_order():
    grid = PolarGrid((31.5, 31.5), np.zeros((64, 64), bool))
    embedder, sums = Embedder(grid.live), sums_of(growing_ring(frames=3))
    logits = np.array([0.25, -0.5])
    features = [embedder.push(s, [0.0] * 5, (0.5, 0.5, 1.0), None, logits) for s in sums]
    parts = baselines.groups(np.array(features), columns(2))
    assert list(parts) == list(columns(2))
    assert np.array_equal(parts["logits"], np.tile(logits, (3, 1)).astype(np.float32))
    assert parts["log total"][:, 0] == pytest.approx([np.log(s.total) for s in sums], rel=1e-6)


def test_the_difference_of_neighbours_sees_a_step_but_no_flux():
    profile = np.tile(np.linspace(1, 5, 64), (20, 1)) * np.linspace(1, 3, 20)[:, None]
    assert baselines.frame_difference(profile).max() < 1e-7
    profile[12:] = profile[12:, ::-1]
    score = baselines.frame_difference(profile)
    assert score.argmax() == 12
    assert np.delete(score, 12).max() < 1e-7


def test_a_cumulated_sum_ends_high_after_a_shift_of_one_deviation():
    random = np.random.default_rng(0)
    values = random.normal(size=200)
    values[100:] += 1.5
    score = baselines.cumulated(values)
    assert score[199] > 5 * score[:100].max() / 2
    assert baselines.cumulated(-values, two_sided=False)[199] < score[199] / 3


def test_the_rules_are_about_known_tags_and_processes():
    assert set(baselines.SIGNS) <= set(processes.NAMES)
    assert {tag for signs in baselines.SIGNS.values() for tag in signs} <= set(tags.NAMES)


def test_one_frame_does_not_turn_the_presence_of_a_tag_and_three_do():
    logits = np.full((40, 1), -2.5)
    logits[10] = 2.5
    logits[20:] = 2.5
    there = baselines.presence(logits)[:, 0]
    assert there[10:20].max() < 0.5
    assert there[22:].min() > 0.9
    assert np.array_equal(baselines.presence(logits[:25])[:, 0], there[:25])


def test_tags_name_a_process_by_their_signs():
    random = np.random.default_rng(0)
    logits = random.normal(size=(60, 3))
    logits[30:] += [4, -4, 0]
    scores = baselines.tags_alone(
        logits, ["ring", "halo", "zingers"], ["crystallisation", "melting", "aggregation"]
    )
    assert scores[-1].argmax() == 0
    assert scores[-1, 1] < 0.2 * scores[-1, 0]
    assert not scores[:, 2].any()


def test_kernel_change_points_of_a_step():
    pytest.importorskip("ruptures")
    random = np.random.default_rng(0)
    profile = random.normal(0, 0.05, (40, 64))
    profile[18:, 20:30] += 1
    assert baselines.kernel_change_points(profile) == [18]
