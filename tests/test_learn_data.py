"""Order, split and augmentation of the training data, and the pipeline for other networks."""

import numpy as np
import pytest

from tolerances import step_tolerance
from toy_records import expansion, toy_images, write_records
from xscatter import open_records
from xscatter.learn import augment, data

pytestmark = pytest.mark.floats

# Turned in float64: what is rounded to float32 are the coefficients before, after and expected.
ROUNDED = step_tolerance(4)


def parts(c):
    return c.view(np.float32).reshape(*c.shape, 2)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirror", [False, True])
def test_turned_coefficients_are_those_of_the_turned_image(turns, mirror):
    images, _ = toy_images(3, 32, 5)
    inputs = {"image": images.astype(np.float32), "coefficients": parts(expansion(images, 7, 6))}
    out = augment.quarter_turn(inputs, np.full(3, turns), np.full(3, mirror))
    expected = expansion(out["image"].astype(float), 7, 6)
    found = out["coefficients"].view(np.complex64)[..., 0]
    assert np.abs(found - expected).max() < ROUNDED * np.abs(expected).max()


def test_a_shift_moves_pixels_and_marks_what_comes_in():
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    out = augment.shifted(image, np.array([[1, -2]]))[0]
    assert out.tolist() == [[-1, -1, -1, -1], [2, 3, -1, -1], [6, 7, -1, -1]]


def test_both_views_turn_alike_and_single_ones_keep_their_magnitude():
    images, _ = toy_images(8, 32, 6)
    c = expansion(images, 5, 6)
    both = {"image": images.astype(np.float32), "coefficients": parts(c)}
    none = np.zeros((8, 1), np.float32), ["ring"]
    out, _ = augment.augmented(both, *none, np.random.default_rng(1), True, 0.0)
    expected = expansion(out["image"].astype(float), 5, 6)
    assert (
        np.abs(out["coefficients"].view(np.complex64)[..., 0] - expected).max()
        < ROUNDED * np.abs(expected).max()
    )
    assert not np.array_equal(out["image"], both["image"])
    alone = augment.augmented(
        {"coefficients": parts(c)}, *none, np.random.default_rng(1), True, 0.0
    )[0]["coefficients"]
    np.testing.assert_allclose(np.hypot(alone[..., 0], alone[..., 1]), np.abs(c), rtol=2 * ROUNDED)


def test_an_order_is_a_permutation_that_depends_on_seed_and_pass():
    first = data.order(7, 0, 0, 100)
    assert sorted(first) == list(range(100))
    assert np.array_equal(first, data.order(7, 0, 0, 100))
    assert not np.array_equal(first, data.order(7, 0, 1, 100))
    assert not np.array_equal(first, data.order(8, 0, 0, 100))


def test_what_is_made_ahead_comes_in_order_and_errors_come_through():
    assert list(data.ahead(lambda n: n * n, range(20))) == [n * n for n in range(20)]

    def fail(n):
        if n == 3:
            raise OSError("gone")
        return n

    with pytest.raises(OSError, match="gone"):
        list(data.ahead(fail, range(9)))


def test_a_quarter_turn_exchanges_directions_and_any_other_angle_hides_them():
    tags = ["ring", "ring: oriented in plane", "ring: oriented out of plane"]
    labels = np.array([[1, 1, 0]] * 4 + [[1, 0, 1]], np.float32)
    turns, free = np.array([0, 1, 2, 3, 1]), np.array([False, False, False, False, True])
    out = augment.turned_labels(labels, tags, turns, free)
    assert out.tolist() == [[1, 1, 0], [1, 0, 1], [1, 1, 0], [1, 0, 1], [1, -1, -1]]
    assert np.array_equal(labels[1], [1, 1, 0])


def test_any_turn_agrees_with_quarter_turns():
    images, _ = toy_images(4, 32, 7)
    c = parts(expansion(images, 5, 6))
    turns, mirror = np.arange(4), np.array([True, False, True, False])
    expected = augment.quarter_turn({"coefficients": c}, turns, mirror)["coefficients"]
    found = augment.any_turn({"coefficients": c}, turns * np.pi / 2, mirror)["coefficients"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDED * np.abs(c).max())


def test_tf_data_gives_the_same_as_the_iterator(tmp_path):
    from xscatter.learn.datasets import tensorflow_dataset

    write_records(tmp_path, experiments=4, images=5, batches=2, test_batch=1)
    opened = open_records(tmp_path)
    pipeline = tensorflow_dataset(opened, 4, seed=1, epoch=3, skip=1)
    assert int(pipeline.cardinality()) == 2
    for given, wanted in zip(pipeline, opened.iterate(4, seed=1, epoch=3, skip=1), strict=True):
        assert set(given) == set(wanted)
        for name in wanted:
            np.testing.assert_array_equal(given[name].numpy(), wanted[name])


def test_unfamiliar_instruments_are_held_out_whole(tmp_path):
    names = {1: ["square", "rod"], 4: ["square"], 6: ["tilted"], 9: ["rod", "tilted"]}
    write_records(
        tmp_path, experiments=24, images=2, batches=4, kinds=lambda n: names.get(n, ["plain"])
    )
    records = open_records(tmp_path)
    training, validation = data.split(records, 5, 0.15, unfamiliar=True)
    seen, held = (
        frozenset().union(*(records.kinds[n] for n in data.experiments(part)))
        for part in (training, validation)
    )
    assert held - seen
    assert all(records.kinds[n] & (held - seen) for n in data.experiments(validation))
    again = data.split(records, 5, 0.15, unfamiliar=True)
    assert data.experiments(again[1]) == data.experiments(validation)
    # More experiments: the training set still knows none of these kinds.
    known = {"training": data.experiments(training), "validation": data.experiments(validation)}
    other = next(iter(held - seen))
    more = lambda n: names.get(n, ["plain"] if n < 24 else [other])  # noqa: E731
    write_records(tmp_path, experiments=32, images=2, batches=4, kinds=more)
    grown = data.split(open_records(tmp_path), 5, 0.15, known, unfamiliar=True)
    assert not set(range(24, 32)) & set(data.experiments(grown[0]))
    assert set(known["training"]) <= set(data.experiments(grown[0]))


def test_records_that_name_no_kinds_are_split_at_random(tmp_path):
    write_records(tmp_path, images=2)
    records = open_records(tmp_path)
    plain = data.split(records, 5, 0.3)
    assert [data.experiments(part) for part in plain] == [
        data.experiments(part) for part in data.split(records, 5, 0.3, unfamiliar=True)
    ]


def test_a_fraction_of_the_centres_is_made_unknown():
    inputs = {"center_confidence": np.linspace(0.5, 1, 4000, dtype=np.float32)}
    random = np.random.default_rng(1)
    out = augment.without_center(inputs, random, 0.2)["center_confidence"]
    assert 0.17 < (out == 0).mean() < 0.23
    kept = out > 0
    np.testing.assert_array_equal(out[kept], inputs["center_confidence"][kept])
    assert out.dtype == np.float32
    state = random.bit_generator.state
    augment.without_center({"image": np.zeros(3)}, random, 0.2)
    assert random.bit_generator.state == state


def test_the_loss_of_exclusive_tags_is_that_of_one_answer():
    from xscatter.learn.learner import loss_of
    from xscatter.study import Train

    random = np.random.default_rng(3)
    logits = random.normal(size=(50, 5)).astype(np.float32)
    drawn = random.integers(0, 4, 50)
    labels = np.zeros((50, 5), np.float32)
    labels[:, [0, 2, 4]] = np.eye(4)[drawn][:, :3]
    labels[:, [1, 3]] = random.integers(0, 2, (50, 2))
    labels[0, 1] = augment.UNKNOWN
    z = logits.astype(float)
    e = np.exp(np.pad(z[:, [0, 2, 4]], ((0, 0), (0, 1))))
    expected = -np.log(e[np.arange(50), drawn] / e.sum(1)).sum()
    single = np.logaddexp(0, z[:, [1, 3]]) - labels[:, [1, 3]] * z[:, [1, 3]]
    single[0, 0] = 0
    expected = (expected + single.sum()) / 250
    loss = loss_of(Train(), np.full(5, 0.3), [np.array([0, 2, 4])])
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-5)
