"""Networks in ONNX give the logits of the Keras networks."""

import numpy as np
import pytest

from xscatter.networks.export import in_float32, to_onnx
from xscatter.networks.run import TOGETHER, Network
from xscatter.study import Train
from xscatter.study.networks import COEFFICIENT, IMAGE, JOINT

TAGS = 5
SMALL = {"image": (64, 64), "coefficients": (6, 8)}
OF_2017 = {"image": (64, 64), "coefficients": (21, 40)}
RECIPES = [
    ({}, SMALL),
    ({"precision": "mixed_bfloat16", "coefficient_input": "invariant"}, SMALL),
    (
        {"image_network": "alexnet", "image_input": "anscombe", "coefficient_input": "magnitude"},
        SMALL,
    ),
    (
        {
            "image_network": "vgg16",
            "head": "dense",
            "image_input": "log",
            "coefficient_input": "real-imaginary",
        },
        SMALL,
    ),
    ({"preset": "report-2017"}, OF_2017),
]


def networks(train, shapes):
    """All views, with weights that differ from zero everywhere, as after a training."""
    import keras

    from xscatter.networks.build import builder
    from xscatter.views import VIEWS

    random, made = np.random.default_rng(1), {}
    keras.utils.set_random_seed(1)
    for view in VIEWS.values():
        branches = [made[name] for name in view.parents]
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(train.precision)
        try:
            model = builder(view)(shapes, TAGS, train, branches=branches)
        finally:
            keras.config.set_dtype_policy(before)
        # Normalizations and the correction of the joint network begin with zeros.
        model.set_weights(
            [
                w if w.ndim > 1 and w.any() else w + 0.05 * random.random(w.shape)
                for w in model.get_weights()
            ]
        )
        made[view.name] = model
    return made


def records(shapes, count, seed=0):
    random = np.random.default_rng(seed)
    image = random.poisson(30 * random.random((count, *shapes["image"]))).astype(np.float32)
    image[:, 10:13] = -1
    size = (count, *shapes["coefficients"])
    c = random.normal(size=size) + 1j * random.normal(size=size)
    return {"image": image, "coefficients": (20 * c).astype(np.complex64)}


@pytest.mark.floats
@pytest.mark.parametrize(("keys", "shapes"), RECIPES, ids=range(len(RECIPES)))
def test_every_network_gives_the_same_logits(keys, shapes):
    train = Train.model_validate({"width": 0.1} | keys)
    inputs = records(shapes, TOGETHER + 3)  # more than one call, and not a multiple of it
    for name, model in networks(train, shapes).items():
        network = Network(to_onnx(model))
        assert set(network.inputs) == set(model.input)
        given = {
            key: x.view(np.float32).reshape(*x.shape, 2) if np.iscomplexobj(x) else x
            for key, x in inputs.items()
        }
        exact = in_float32(model)
        assert (exact is model) == (train.precision == "float32")
        expected = exact({key: given[key] for key in model.input}, training=False).numpy()
        assert np.abs(expected).max() > 0.01, name
        np.testing.assert_allclose(network.logits(inputs), expected, rtol=0, atol=1e-3)


def test_recipes_have_every_network_of_the_table():
    recipes = [Train.model_validate(keys) for keys, _ in RECIPES]
    assert {r.image_network for r in recipes} == IMAGE.keys()
    assert {r.coefficient_network for r in recipes} == COEFFICIENT.keys()
    assert {r.joint_network for r in recipes} == JOINT.keys()


def test_the_same_weights_give_the_same_bytes():
    """Also the second time in a process, where TensorFlow and tf2onnx count names on."""
    model = networks(Train(width=0.1), SMALL)["coefficient"]
    assert to_onnx(model) == to_onnx(model)


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match="not a network in ONNX"):
        Network(b"nothing")
