import numpy as np
import pytest
import tensorflow as tf

from xscatter.core.errors import UserError
from xscatter.fourier_bessel import Plan
from xscatter.fourier_bessel.tensorflow import FourierBessel

pytestmark = pytest.mark.floats


@pytest.mark.parametrize(
    ("shape", "center", "radius", "orders", "boundary"),
    [
        ((64, 64), (31.5, 31.5), 32, (8, 9), "dirichlet"),
        ((70, 50), (20.2, 33.3), 45, (7, 5), "neumann"),
        ((300, 300), (140.0, 160.5), 150, (16, 16), "dirichlet"),  # by way of a coarser grid
        ((40, 40), (20.0, 20.0), 20, (1, 3), "dirichlet"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("fill", "masked"), [("zero", True), ("ring-mean", False), ("ring-mean", True)]
)
def test_the_layer_gives_the_coefficients_of_the_plan(
    shape, center, radius, orders, boundary, fill, masked, compiled
):
    plan = Plan(shape, center, radius, *orders, boundary=boundary)
    rng = np.random.default_rng(0)
    images = rng.poisson(4.0, (3, *shape)).astype(np.float32)
    mask = rng.random(shape) < 0.1 if masked else None
    layer = FourierBessel(plan, mask, fill)
    run = tf.function(layer, jit_compile=compiled)
    expected = plan.forward(images, mask, fill)
    for count in (3, 1):
        found = run(tf.constant(images[:count])).numpy()
        assert found.shape == (count, *orders)
        assert np.linalg.norm(found - expected[:count]) / np.linalg.norm(expected[:count]) < 1e-4


def test_the_layer_in_a_model_takes_integers():
    import keras

    plan = Plan((32, 32), (15.5, 15.5), 16, 4, 4)
    images = np.random.default_rng(1).integers(0, 50, (2, 32, 32)).astype(np.int32)
    inputs = keras.Input((32, 32), dtype="int32")
    model = keras.Model(inputs, FourierBessel(plan)(inputs))
    assert model.output_shape == (None, 4, 4)
    expected = plan.forward(images)
    np.testing.assert_allclose(model(images).numpy(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fill": "partner"}, "Plan.forward"),
        ({"mask": np.zeros((3, 3), bool)}, "does not fit"),
        ({"mask": np.ones((32, 32), bool)}, "no pixel"),
    ],
)
def test_what_the_layer_cannot_do_is_said(options, words):
    with pytest.raises(UserError, match=words):
        FourierBessel(Plan((32, 32), (15.5, 15.5), 16, 4, 4), **options)
