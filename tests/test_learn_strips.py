"""Convolution in strips: the numbers of the whole image, used where a processor would unroll."""

import os

import numpy as np
import pytest
import tensorflow as tf

from tolerances import step_tolerance, sum_tolerance
from xscatter.learn import learner
from xscatter.networks import models, strips
from xscatter.study import Train

pytestmark = pytest.mark.floats


def with_gradients(convolve, images, kernel, upstream):
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        out = convolve(images, kernel)
        value = tf.reduce_sum(tf.cast(out, tf.float32) * upstream)
    return [
        np.asarray(tf.cast(x, tf.float32)) for x in (out, *tape.gradient(value, [images, kernel]))
    ]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("shape", "size"), [((2, 37, 29, 5), (3, 3)), ((1, 40, 31, 4), (5, 3)), ((1, 9, 30, 3), (7, 1))]
)
@pytest.mark.parametrize("count", [1, 3, 8])
def test_values_and_both_gradients_are_those_of_the_whole_image(dtype, shape, size, count):
    if dtype == "bfloat16" and "ONEDNN_MAX_CPU_ISA" in os.environ:
        pytest.skip("TensorFlow asks this processor, not oneDNN, whether it can do bfloat16")
    random = np.random.default_rng(1)
    images = tf.cast(random.normal(size=shape), dtype)
    kernel = tf.cast(random.normal(size=(*size, shape[3], 6)), dtype)
    upstream = random.normal(size=(*shape[:3], 6)).astype("float32")
    exact = [tf.cast(x, tf.float32) for x in (images, kernel)]
    expected = with_gradients(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), *exact, upstream)
    found = with_gradients(lambda x, w: strips.convolve(x, w, count), images, kernel, upstream)
    # Terms of one value, of one of the image's gradient and of one of the kernel's.
    sums = np.prod(size) * shape[3], np.prod(size) * 6, np.prod(shape[:3])
    # bfloat16 rounds what comes from above, and the result; the sum itself is in float32.
    rounded = step_tolerance(2, dtype) if dtype == "bfloat16" else 0.0
    for ours, theirs, terms in zip(found, expected, sums, strict=True):
        tolerance = sum_tolerance(terms) + rounded
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def test_vgg16_takes_strips_where_the_image_would_be_unrolled(monkeypatch):
    counts = np.random.default_rng(2).poisson(3.0, (2, 64, 96)).astype("float32")
    used = []
    whole = strips.convolve
    monkeypatch.setattr(strips, "convolve", lambda *given: used.append(given[2]) or whole(*given))
    monkeypatch.setattr(strips, "_MOST", 2**16)
    model = models.image_network({"image": (64, 96)}, 5, Train(image_network="vgg16", width=0.1))
    answers = []
    for unrolls in (False, True):
        used.clear()
        monkeypatch.setattr(strips, "unrolls", lambda unrolls=unrolls: unrolls)

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                logits = model({"image": counts}, training=False)
                value = tf.reduce_sum(logits**2)
            return [logits, *tape.gradient(value, model.trainable_variables)]

        answers.append([x.numpy() for x in step()])
        # Work of the first layers: 64 x 96 pixels, kernels of 3 x 3, 4 and 8 channels.
        assert used[:2] == ([4, 7] if unrolls else [])
    # The longest sum is a kernel's gradient over all pixels; its terms pass 16 layers twice.
    tolerance = sum_tolerance(2 * 64 * 96 * 2 * 16)
    for ours, theirs in zip(*answers, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def test_a_processor_is_known_by_its_flags(monkeypatch, tmp_path):
    for flags, expected in (("avx2", True), ("avx2 avx512f avx512bw", False)):
        (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
        monkeypatch.setattr(strips, "Path", lambda _: tmp_path / "cpuinfo")
        strips.unrolls.cache_clear()
        assert strips.unrolls() is expected
        assert (learner.slow_precision("mixed_bfloat16") is not None) is expected
        assert learner.slow_precision("float32") is None
    strips.unrolls.cache_clear()
