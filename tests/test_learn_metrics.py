"""Average precision, its bootstrap, calibration and thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from xscatter.core.errors import UserError
from xscatter.scores import calibration, groups, metrics
from xscatter.scores.confusions import confusions
from xscatter.scores.describe import describe
from xscatter.scores.evaluation import (
    Confusion,
    RecordScores,
    read_evaluation,
    read_scores,
)

pytestmark = pytest.mark.floats


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=40
    )
)
def test_weighted_average_precision_is_that_of_scikit_learn(rows):
    labels, scores, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    found = metrics.weighted_average_precision(labels, scores, weights[None])[0]
    if (labels * weights).sum() == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(
            average_precision_score(labels, scores, sample_weight=weights)
        )


def test_the_bootstrap_draws_whole_experiments():
    experiment = np.repeat([3, 5, 9], [2, 3, 1])
    weights = metrics.resampled(experiment, seed=1, draws=50)
    for name in (3, 5, 9):
        assert (np.ptp(weights[:, experiment == name], axis=1) == 0).all()
    assert (weights[:, [0, 2, 5]].sum(1) == 3).all()
    assert not np.array_equal(weights, metrics.resampled(experiment, seed=2, draws=50))


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for trial in range(60):
        random = np.random.default_rng(trial)
        labels = random.random(400) < 0.3
        scores = labels + random.normal(0, 1, 400)
        drawn = metrics.bootstrap(
            labels[:, None], scores[:, None], metrics.resampled(np.arange(400), trial, 200)
        )
        low, high = metrics.interval(drawn[:, 0], metrics.average_precision(labels, scores))
        covered += low <= 0.5832 <= high  # the value of two million records
    assert 50 <= covered <= 60


def test_an_interval_holds_its_value_though_draws_of_few_experiments_are_biased():
    random = np.random.default_rng(0)
    experiment = np.repeat(np.arange(6), 5)
    labels = random.random((30, 40)) < 0.1
    scores = labels + random.normal(0, 2, labels.shape)
    drawn = metrics.mean_of(metrics.bootstrap(labels, scores, metrics.resampled(experiment, 1)))
    value = metrics.mean_of(metrics.per_tag(labels, scores))
    assert np.quantile(drawn, 0.05) > value  # plain percentiles would hardly hold it
    low, high = metrics.interval(drawn, value)
    assert low < value < high
    assert metrics.interval(drawn - drawn, 0.0, least=-1.0) == [0.0, 0.0]
    assert metrics.interval(np.full(3, np.nan), value) is None


def calibrated(labels, logits):
    return calibration.fit([f"t{n}" for n in range(labels.shape[1])], labels, logits)


def overconfident(count, seed):
    random = np.random.default_rng(seed)
    truth = random.normal(-1, 1.5, (count, 3))
    labels = (random.random((count, 3)) < calibration.sigmoid(truth)).astype(float)
    return labels, 3.0 * truth + [0.0, 2.0, -1.0]


def test_calibration_mends_overconfident_logits():
    fitted = calibrated(*overconfident(3000, 1))
    labels, logits = overconfident(3000, 2)
    raw = metrics.reliability(labels, calibration.sigmoid(logits)).expected_calibration_error
    mended = metrics.reliability(labels, fitted.probability(logits)).expected_calibration_error
    assert raw > 0.1
    assert mended < 0.02
    assert np.allclose(fitted.slope, 1 / 3, rtol=0.15)


def test_the_threshold_is_that_of_the_best_f1():
    labels = np.array([0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1.0])
    logits = np.arange(12.0) - 6
    found = calibrated(labels[:, None], logits[:, None])
    chosen = found.probability(logits[:, None])[:, 0] >= found.threshold[0]
    assert chosen.tolist() == [False] * 5 + [True] * 7


def test_a_tag_that_was_not_learnt_is_not_given_to_every_image():
    random = np.random.default_rng(4)
    labels, logits = (random.random((2000, 1)) < 0.05).astype(float), random.normal(size=(2000, 1))
    found = calibrated(labels, logits)
    assert found.threshold[0] >= calibration.LEAST_THRESHOLD
    assert (found.probability(logits)[:, 0] >= found.threshold[0]).mean() < 0.01


def test_no_name_is_given_below_the_least_threshold():
    random = np.random.default_rng(5)
    labels = (random.random((200, 1)) < 0.2).astype(float)
    logits = labels + random.normal(size=(200, 1))
    usual, sure = calibrated(labels, logits), calibration.fit(["x"], labels, logits, least=0.5)
    assert usual.threshold[0] < 0.5 == sure.threshold[0]


def test_a_rare_tag_keeps_the_common_temperature_and_half():
    labels, logits = overconfident(500, 3)
    labels[:, 0] = 0
    found = calibrated(labels, logits)
    assert found.threshold[0] == 0.5
    assert found.slope[0] == pytest.approx(1 / found.temperature)


def exclusive(count, seed):
    """Labels of three exclusive tags of which one is true or none, and overconfident logits."""
    random = np.random.default_rng(seed)
    z = random.normal(0, 1.5, (count, 3))
    p = np.exp(np.pad(z, ((0, 0), (0, 1))))
    p /= p.sum(1, keepdims=True)
    drawn = (random.random((count, 1)) > np.cumsum(p, 1)).sum(1)
    return np.eye(4)[drawn][:, :3], 3.0 * z + [0.0, 2.0, -1.0]


def test_exclusive_tags_are_calibrated_as_one_answer():
    labels, logits = exclusive(4000, 1)
    names = ["silver behenate", "LaB6", "CeO2"]
    fitted = calibration.fit(names, labels, logits)
    assert fitted.groups == [names]
    assert np.allclose(fitted.slope, 1 / 3, rtol=0.15)
    np.testing.assert_allclose(fitted.offset, np.array([0, -2, 1]) / 3, atol=0.15)
    labels, logits = exclusive(4000, 2)
    p = fitted.probability(logits)
    assert (p.sum(1) < 1).all()
    assert metrics.reliability(labels, p).expected_calibration_error < 0.02
    chosen = groups.given(p, np.full(3, 0.1), fitted.columns)
    assert chosen.sum(1).max() == 1
    assert (np.argmax(p, 1)[chosen.any(1)] == np.argmax(chosen, 1)[chosen.any(1)]).all()


def test_what_is_known_of_a_group_is_taken_from_the_others():
    logits = np.random.default_rng(1).normal(size=(9, 4))
    some = [np.array([0, 1, 3])]
    p = calibration.sigmoid(groups.single_logits(logits, some))
    e = np.exp(logits[:, [0, 1, 3]])
    np.testing.assert_allclose(p[:, [0, 1, 3]], e / (1 + e.sum(1, keepdims=True)))
    np.testing.assert_allclose(p[:, 2], calibration.sigmoid(logits[:, 2]))
    # Without one class, the softmax of the others and "none" remains.
    without = groups.with_known(p, {1: False}, some)
    np.testing.assert_allclose(
        without[:, [0, 3]], e[:, [0, 2]] / (1 + e[:, [0, 2]].sum(1, keepdims=True))
    )
    assert (without[:, 1] == 0).all()
    true = groups.with_known(p, {3: True, 2: False}, some)
    assert (true == [0, 0, 0, 1]).all()


def test_calibration_is_read_as_it_was_written(tmp_path):
    found = calibrated(*overconfident(200, 4))
    found.save(tmp_path / "calibration.json")
    assert calibration.load(tmp_path / "calibration.json") == found
    (tmp_path / "calibration.json").write_text("{}")
    with pytest.raises(UserError, match="no calibration"):
        calibration.load(tmp_path / "calibration.json")


def described(labels, logits, experiment):
    fitted = calibrated(labels, logits)
    scores = fitted.probability(logits).astype(np.float32)
    source = np.stack([experiment, np.zeros(len(labels), int)], 1)
    return describe("image", RecordScores(scores, logits, labels, source), fitted, seed=1)


def test_a_tag_without_positives_is_reported_as_such():
    labels, logits = overconfident(300, 5)
    labels[:, 1] = 0
    evaluation = described(labels, logits, np.arange(300) % 10)
    assert evaluation.tags_without_positives == ["t1"]
    one = evaluation.tags["t1"]
    assert (one.average_precision, one.interval, one.recall, one.positives) == (None, None, None, 0)
    others = [evaluation.tags[name].average_precision for name in ("t0", "t2")]
    assert evaluation.mean_average_precision == pytest.approx(np.mean(others))
    assert evaluation.tags_that_occur == 2


def test_an_evaluation_and_its_scores_are_read_as_they_were_written(tmp_path):
    evaluation = described(*overconfident(300, 7), np.arange(300) % 10)
    evaluation.write(tmp_path / "image.json")
    assert read_evaluation(tmp_path / "image.json") == evaluation
    scores = RecordScores(*(np.full((2, 2), n, "f4") for n in range(4)))
    scores.write(tmp_path / "image-scores.npz")
    again = read_scores(tmp_path / "image-scores.npz")
    assert all(np.array_equal(again.__dict__[key], scores.__dict__[key]) for key in scores.__dict__)


@pytest.mark.parametrize("content", ["nothing", "[]", "{}", '{"tags": {"ring": {}}}', None])
def test_a_file_that_is_no_evaluation_is_named(tmp_path, content):
    path = tmp_path / "image.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"image\.json: (is not an evaluation|missing)"):
        read_evaluation(path)
    with pytest.raises(UserError, match=r"image\.json: (does not hold scores|missing)"):
        read_scores(path)


def test_confusions_name_what_was_shown_and_what_was_said():
    labels = np.array([[1, 0, 0]] * 6 + [[0, 1, 0]] * 4 + [[0, 0, 1]] * 10)
    chosen = np.array(
        [[False, True, False]] * 5 + [[True, False, False]] + [[False, True, False]] * 4
    )
    chosen = np.concatenate(
        [chosen, np.array([[False, True, True]] * 2 + [[False, False, True]] * 8)]
    )
    experiment = np.arange(20) % 4
    # Of the ten records that show neither, two get "ring": so would one of the five by chance.
    assert confusions(["arc", "ring", "halo"], labels, chosen, experiment) == [
        Confusion(shown="arc", said="ring", records=5, by_chance=1.0, of=6)
    ]
    assert confusions(["arc", "ring", "halo"], labels, chosen, np.zeros(20)) == []
    assert confusions(["saturation", "ring", "halo"], labels, chosen, experiment) == []


def test_a_tag_given_everywhere_looks_like_nothing():
    random = np.random.default_rng(3)
    labels = (random.random((400, 3)) < 0.3).astype(int)
    chosen = (labels > 0) & (random.random((400, 3)) < 0.5)
    chosen[:, 2] = True
    assert confusions(["arc", "ring", "beamstop"], labels, chosen, np.arange(400) % 8) == []


def test_one_experiment_has_no_interval():
    labels, logits = overconfident(100, 6)
    evaluation = described(labels, logits, np.full(100, 7))
    assert evaluation.mean_average_precision_interval is None
    assert evaluation.micro_average_precision_interval is None
    assert all(tag.interval is None for tag in evaluation.tags.values())
    two = described(labels, logits, np.arange(100) % 2)
    assert two.mean_average_precision_interval is not None


def test_unfamiliar_instruments_are_scored_apart(tmp_path):
    labels, logits = overconfident(400, 6)
    labels[:100] = 1 - labels[:100]
    experiment = np.arange(400) // 20
    fitted = calibrated(labels, logits)
    scores = fitted.probability(logits).astype(np.float32)
    source = np.stack([experiment, np.zeros(400, int)], 1)
    tested = RecordScores(scores, logits, labels, source)
    kinds = {n: ["a window"] if n < 5 else [] for n in range(20)}
    found = describe("image", tested, fitted, 1, kinds)
    apart = found.unfamiliar
    assert (apart.kinds, apart.records, apart.experiments) == (["a window"], 100, 5)
    for part, value in (
        (slice(100), apart.mean_average_precision),
        (slice(100, None), apart.familiar_mean_average_precision),
    ):
        each = [average_precision_score(labels[part, t], scores[part, t]) for t in range(3)]
        assert value == pytest.approx(np.mean(each))
    assert apart.expected_calibration_error > 2 * apart.familiar_expected_calibration_error
    found.write(tmp_path / "image.json")
    assert read_evaluation(tmp_path / "image.json") == found
    assert describe("image", tested, fitted, 1).unfamiliar is None
