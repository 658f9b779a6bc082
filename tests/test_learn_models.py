"""The networks: sizes as published, refusals, saving, inputs."""

import keras
import numpy as np
import pytest

from tolerances import step_tolerance, sum_tolerance
from xscatter.core.errors import UserError
from xscatter.fourier_bessel import Plan
from xscatter.networks import models
from xscatter.networks.inputs import CoefficientChannels, ImageChannels, RadialProfiles
from xscatter.study import Train


def image(shape=(64, 64), **keys):
    return models.image_network({"image": shape}, 5, Train(**keys))


def coefficient(shape=(8, 10), **keys):
    return models.coefficient_network({"coefficients": shape}, 5, Train(**keys))


def dense_weights(model):
    return [layer.kernel.shape for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def test_alexnet_is_that_of_2017():
    model = models.image_network({"image": (256, 256)}, 17, Train(preset="report-2017"))
    # 227 pixels -> 57 -> 29 -> 15 -> 8, two layers of 4000.
    assert dense_weights(model) == [(8 * 8 * 256, 4000), (4000, 4000), (4000, 17)]
    convolutions = [
        layer.kernel.shape for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    sizes = [(11, 2, 96), (5, 96, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)]
    assert convolutions == [(size, size, before, after) for size, before, after in sizes]


def test_vgg16_with_pooling_has_the_published_convolutions_at_any_size():
    for side in (64, 2000):
        model = models.image_network(
            {"image": (side, side)}, 17, Train(image_network="vgg16", image_input="log")
        )
        weights = sum(
            np.prod(layer.kernel.shape)
            for layer in model.layers
            if isinstance(layer, keras.layers.Conv2D)
        )
        assert weights == 14_710_464 - 576  # three colour channels became a value and a mask


def test_a_head_that_cannot_fit_is_refused_with_its_memory():
    with pytest.raises(UserError, match=r"1000x1000 have 2\.0 billion weights and need 30 GiB"):
        models.image_network(
            {"image": (1000, 1000)}, 17, Train(image_network="vgg16", head="dense")
        )
    with pytest.raises(UserError, match="use `head: pooling`"):
        models.image_network(
            {"image": (2000, 2000)}, 17, Train(image_network="alexnet", head="dense")
        )


def test_the_published_coefficient_network_needs_its_truncation():
    for shape in ((20, 40), (21, 39)):
        with pytest.raises(UserError, match="needs 21 angular orders and 40 radial orders"):
            models.coefficient_network({"coefficients": shape}, 17, Train(preset="report-2017"))
    model = models.coefficient_network({"coefficients": (24, 48)}, 17, Train(preset="report-2017"))
    assert model.get_layer("coefficient_channels").output.shape == (None, 11, 40, 2)
    # 40 x 11 -> 20 x 6 after the one pooling.
    assert dense_weights(model) == [(20 * 6 * 256, 256), (256, 256), (256, 17)]


@pytest.mark.parametrize("network", ["compact", "alexnet", "vgg16"])
@pytest.mark.parametrize("shape", [(64, 64), (97, 130)])
def test_image_networks_take_any_size_and_come_back_from_disk(network, shape, tmp_path):
    model = image(shape, image_network=network, width=0.1)
    counts = np.random.default_rng(1).poisson(3.0, (2, *shape)).astype("float32")
    counts[:, 5:9] = -1
    expected = model({"image": counts}).numpy()
    assert expected.shape == (2, 5)
    model.save(tmp_path / "model.keras")
    assert np.array_equal(
        keras.models.load_model(tmp_path / "model.keras")({"image": counts}).numpy(), expected
    )


@pytest.mark.floats
def test_what_stands_for_a_masked_pixel_does_not_matter():
    layer = ImageChannels("anscombe")
    counts = np.random.default_rng(2).poisson(3.0, (1, 8, 8)).astype("float32")
    counts[0, 2] = -1
    layer(counts)
    layer.adapt(counts)
    value, mask = np.moveaxis(layer(counts).numpy()[0], -1, 0)
    assert (value[2] == 0).all()
    assert mask[2].tolist() == [1.0] * 8
    assert mask.sum() == 8
    usable = value[mask == 0]
    # The mean that is subtracted, and the mean here, are sums over the pixels.
    tolerance = 2 * sum_tolerance(usable.size) * np.abs(usable).max()
    assert abs(usable.mean()) < tolerance
    assert usable.std() == pytest.approx(1, abs=tolerance)


@pytest.mark.floats
@pytest.mark.parametrize("kind", ["magnitude", "real-imaginary", "mixed", "invariant"])
def test_coefficient_channels_are_standardised(kind):
    random = np.random.default_rng(3)
    scale = 10.0 ** random.uniform(-3, 2, (6, 9))
    c = random.normal(size=(400, 6, 9, 2)) * scale[..., None]
    layer = CoefficientChannels(kind)
    layer(c)
    layer.adapt(c)
    channels = layer(c).numpy()
    assert channels.shape == layer.compute_output_shape((400, 6, 9, 2))
    assert np.abs(channels.mean(0)).max() < 1e-3
    varied = channels.std(0)
    assert ((np.abs(varied - 1) < 1e-3) | (varied < 1e-3)).all()


@pytest.mark.floats
@pytest.mark.parametrize("kind", ["magnitude", "invariant"])
def test_invariant_channels_do_not_see_a_rotation(kind):
    random = np.random.default_rng(4)
    c = random.normal(size=(3, 6, 9)) + 1j * random.normal(size=(3, 6, 9))
    c[:, 0] = c[:, 0].real
    turned = c * np.exp(1j * 0.7 * np.arange(6))[:, None]
    layer = CoefficientChannels(kind)
    first, second = (
        layer(np.stack([x.real, x.imag], -1).astype("float32")).numpy() for x in (c, turned)
    )
    # Both start from rounded coefficients, and go through products, a root and a logarithm.
    np.testing.assert_allclose(first, second, rtol=0, atol=step_tolerance(32) * np.abs(first).max())


def ring(radius, fold=0, turn=0.0, side=256, width=0.1):
    """A ring of 1 + cos fold (θ - turn) in an image of `side`, and its profile."""
    row, col = np.mgrid[:side, :side] - (side - 1) / 2
    r, theta = np.hypot(row, col) / (side / 2), np.arctan2(row, col)
    profile = lambda r: np.exp(-0.5 * ((r - radius) / width) ** 2)  # noqa: E731
    return profile(r) * (1 + np.cos(fold * (theta - turn)) * (fold > 0)), profile


@pytest.mark.floats
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
def test_profiles_are_the_harmonics_along_the_azimuth(boundary):
    image, expected = ring(0.5, fold=4, turn=0.3)
    c = Plan(image.shape, (127.5, 127.5), 128, 8, 40, boundary=boundary).forward(image[None])
    layer = RadialProfiles(boundary=boundary)
    layer.build((None, 8, 40, 2))
    parts = np.asarray(layer._profiles(np.stack([c.real, c.imag], -1)))[:, 0]
    r = 64.0 ** -(np.arange(128, 0, -1) / 128)
    profiles = (parts[:, 0] + 1j * parts[:, 1]) / np.sqrt(r)
    # The mean over the azimuth, and half of the cosine, turned; nothing in the other orders.
    inside = r > 0.1
    assert np.abs(profiles[0] - expected(r))[inside].max() < 0.02
    assert np.abs(profiles[4] - 0.5 * np.exp(-4j * 0.3) * expected(r))[inside].max() < 0.02
    assert np.abs(profiles[[1, 2, 3, 5, 6, 7]])[:, inside].max() < 0.005


@pytest.mark.floats
def test_profiles_of_one_pattern_at_two_scales_differ_by_a_shift_along_log_r():
    found = []
    for radius in (0.25, 0.25 * 64 ** (20 / 128)):
        layer = RadialProfiles()
        image, _ = ring(radius, width=0.2 * radius)
        c = Plan(image.shape, (127.5, 127.5), 128, 8, 40).forward(image[None])
        layer.build((None, 8, 40, 2))
        profile = np.asarray(layer._profiles(np.stack([c.real, c.imag], -1)))[0, 0, 0]
        found.append(profile / np.abs(profile).max())
    assert np.abs(found[0][20:-20] - found[1][40:]).max() < 0.05


@pytest.mark.floats
def test_profiles_are_standardised_and_their_magnitudes_do_not_see_a_rotation():
    random = np.random.default_rng(7)
    c = random.normal(size=(50, 6, 9)) + 1j * random.normal(size=(50, 6, 9))
    c[:, 0] = c[:, 0].real
    turned = c * np.exp(-1j * 0.7 * np.arange(6))[:, None]
    layer = RadialProfiles()
    first, second = (np.stack([x.real, x.imag], -1).astype("float32") for x in (c, turned))
    layer(first)
    layer.adapt(first)
    channels, others = layer(first).numpy(), layer(second).numpy()
    assert channels.shape == layer.compute_output_shape(first.shape) == (50, 128, 18)
    assert np.abs(channels.mean(0)).max() < 1e-3
    assert channels.std(0).max() < 1.001
    assert np.allclose(channels[..., :6], others[..., :6], atol=1e-3)
    assert not np.allclose(channels[..., 7:12], others[..., 7:12], atol=0.1)


@pytest.mark.parametrize("kind", list(CoefficientChannels.CHANNELS))
def test_coefficient_networks_come_back_from_disk(kind, tmp_path):
    model = coefficient(coefficient_input=kind, width=0.25)
    c = np.random.default_rng(5).normal(size=(2, 8, 10, 2)).astype("float32")
    for name in ("coefficient_channels", "radial_profiles"):
        model.get_layer(name).adapt(c)
    expected = model({"coefficients": c}).numpy()
    model.save(tmp_path / "model.keras")
    assert np.array_equal(
        keras.models.load_model(tmp_path / "model.keras")({"coefficients": c}).numpy(), expected
    )


def test_the_joint_network_of_2017_joins_the_convolutions():
    train = Train(preset="report-2017", width=0.1)
    branches = (
        models.image_network({"image": (64, 64)}, 5, train),
        models.coefficient_network({"coefficients": (21, 40)}, 5, train),
    )
    model = models.joint_network({}, 5, train, branches=branches)
    # 64 -> 57 of the crop -> 15 -> 8 -> 4 -> 2 with 25 channels; 20 x 6 with 25.
    assert dense_weights(model) == [(2 * 2 * 25 + 20 * 6 * 25, 400), (400, 400), (400, 5)]


@pytest.mark.parametrize("shapes", [{}, {"center_confidence": ()}])
@pytest.mark.parametrize("kind", ["residual", "report-2017"])
def test_both_joint_networks_come_back_from_disk(kind, shapes, tmp_path):
    branches = image(width=0.25), coefficient(width=0.25)
    train = Train(joint_network=kind, width=0.05)
    model = models.joint_network(shapes, 5, train, branches=branches)
    random = np.random.default_rng(6)
    inputs = {
        "image": random.poisson(3.0, (2, 64, 64)).astype("float32"),
        "coefficients": random.normal(size=(2, 8, 10, 2)).astype("float32"),
    }
    if shapes:
        inputs["center_confidence"] = np.array([0.0, 0.7], "float32")
    expected = model(inputs).numpy()
    model.save(tmp_path / "model.keras")
    assert np.array_equal(
        keras.models.load_model(tmp_path / "model.keras")(inputs).numpy(), expected
    )
