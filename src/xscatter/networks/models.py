"""The networks in one file: image view, coefficient view, and the joint view on both.

Every network maps the fields of n records to logits (n, T), float32, one for each of T tags:
`image` (n, rows, cols), counts with -1 where not usable; `coefficients` (n, M, K, 2), real and
imaginary part of M angular and K radial orders; in the joint view, where records have it,
`center_confidence` (n,). Its layer `embedding` holds the features before the last dense layer.
Networks with a dense head also have a layer `features`, the flattened convolutions, on which the
joint network of 2017 is built.

The function of every view (`View.network`) has the same signature:

Args:
    shapes: shape of each input field as records hold it: (rows, cols), (M, K).
    tags: number of tags, T.
    train: the keys of the study.
    boundary: condition at the rim of the expansion's disk.
    branches: trained networks of the view's parents, in their order.

Sizes and channels are in `xscatter.study.networks`. Comments give the shape behind a step without
n, at width 1: for an image of 256 x 256, and for M = K = 32.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import layers

from xscatter.core.errors import UserError
from xscatter.networks.inputs import CoefficientChannels, ImageChannels, RadialProfiles
from xscatter.networks.layers import Blend, Normalization, Trust
from xscatter.networks.strips import Conv2DInStrips
from xscatter.study import Train
from xscatter.study import networks as table
from xscatter.study.networks import scaled

CENTER_CONFIDENCE = "center_confidence"

Shapes = Mapping[str, tuple[int, ...]]


def image_network(
    shapes: Shapes,
    tags: int,
    train: Train,
    boundary: str = "dirichlet",
    branches: Sequence[keras.Model] = (),
) -> keras.Model:
    """Build the network of the image view.

    Args:
        shapes: shape of each input field; ``image`` (rows, cols) is used.
        tags: number of tags, T.
        train: the keys of the study.
        boundary: not used.
        branches: not used.

    Raises:
        UserError: its dense head would not fit; the message says how much memory it needs.
    """
    rows, cols = shapes["image"]
    if refusal := table.refused_head(train, min(rows, cols)):
        raise UserError(refusal)
    counts = keras.Input((rows, cols), name="image")
    # The counts are scaled inside the network, so that a saved model takes counts as they are.
    x = ImageChannels(train.image_input, name="image_channels")(counts)  # 256, 256, c
    features = IMAGE_BUILDERS[train.image_network](x, train)
    return keras.Model({"image": counts}, _logits(features, tags), name="image")


def coefficient_network(
    shapes: Shapes,
    tags: int,
    train: Train,
    boundary: str = "dirichlet",
    branches: Sequence[keras.Model] = (),
) -> keras.Model:
    """Build the network of the coefficient view.

    Args:
        shapes: shape of each input field; ``coefficients`` (M, K) is used.
        tags: number of tags, T.
        train: the keys of the study.
        boundary: condition at the rim of the expansion's disk.
        branches: not used.

    Raises:
        UserError: the network needs more orders than the expansion has.
    """
    orders, zeros = shapes["coefficients"]
    if refusal := table.refused_orders(train, (orders, zeros)):
        raise UserError(refusal)
    # Real and imaginary part: records hold complex numbers, layers take real ones.
    c = keras.Input((orders, zeros, 2), name="coefficients")
    features = COEFFICIENT_BUILDERS[train.coefficient_network](c, train, boundary)
    return keras.Model({"coefficients": c}, _logits(features, tags), name="coefficient")


def joint_network(
    shapes: Shapes,
    tags: int,
    train: Train,
    boundary: str = "dirichlet",
    branches: Sequence[keras.Model] = (),
) -> keras.Model:
    """Build the joint view on two trained networks.

    Where records hold the confidence of the beam centre, the coefficient branch counts as much as
    its centre can be trusted; with confidence 0 the logits depend on the image alone.

    Args:
        shapes: shape of each input field; the branches have their own inputs.
        tags: not used; the branches have their own outputs.
        train: the keys of the study.
        boundary: not used.
        branches: the trained image network and the trained coefficient network.
    """
    image, coefficient = branches
    inputs = {**image.input, **coefficient.input}
    layer = table.JOINT[train.joint_network].layer
    image_features, image_logits = _branch(image, "image_branch", layer)(image.input)
    coefficient_features, coefficient_logits = _branch(coefficient, "coefficient_branch", layer)(
        coefficient.input
    )
    if CENTER_CONFIDENCE in shapes:
        confidence = keras.Input((), name=CENTER_CONFIDENCE)
        inputs[CENTER_CONFIDENCE] = confidence
        coefficient_features = Trust(name="trusted_features")([coefficient_features, confidence])
        difference = layers.Subtract(dtype="float32")([coefficient_logits, image_logits])
        trusted = Trust(name="trusted_logits")([difference, confidence])
        coefficient_logits = layers.Add(dtype="float32")([image_logits, trusted])
    # The correction sees the features of both branches at once: what neither view shows alone.
    features = layers.Concatenate()([image_features, coefficient_features])
    logits = JOINT_BUILDERS[train.joint_network](
        features, [image_logits, coefficient_logits], train
    )
    return keras.Model(inputs, logits, name="joint")


def _branch(model: keras.Model, name: str, layer: str) -> keras.Model:
    """Return `model` with two outputs: `layer`, or `embedding` if it has none, and the logits."""
    names = {one.name for one in model.layers}
    features = model.get_layer(layer if layer in names else "embedding").output
    return keras.Model(model.input, [features, model.output], name=name)


def _residual_joint(features, logits: list, train: Train):
    """Return the blended logits of both branches plus a correction.

    It starts as their mean exactly: w = 1/2, and the correction's last layer is zero.
    """
    mean = Blend(name="blend")(logits)
    tags = mean.shape[-1]
    # Features of the two branches differ in scale; the normalization makes them comparable.
    x = layers.Dropout(0.3)(layers.LayerNormalization()(features))
    units = int(table.JOINT["residual"].units * train.width)
    x = layers.Dense(units, activation="gelu", name="embedding")(x)
    correction = layers.Dense(tags, kernel_initializer="zeros", dtype="float32", name="correction")(
        x
    )
    return layers.Add(dtype="float32", name="logits")([mean, correction])


def _report_joint(features, logits: list, train: Train):
    """Return the logits of new dense layers on the features of both branches (2017)."""
    # As in 2017: the logits of the branches are not used, only their features.
    units = int(table.JOINT["report-2017"].units * train.width)
    return _logits(_dense_head(features, units), logits[0].shape[-1])


def _logits(features, tags: int):
    # Logits are float32 at any precision of the layers: the loss takes their exponentials.
    return layers.Dense(tags, dtype="float32", name="logits")(features)


# Building blocks


def _normal(x, channels: int, size: int | tuple[int, int] = 3, strides: int | tuple[int, int] = 1):
    # The normalization that follows has a bias of its own.
    x = layers.Conv2D(channels, size, strides=strides, padding="same", use_bias=False)(x)
    return layers.Activation("relu")(Normalization(momentum=0.95)(x))


def _residual(x, channels: int, size: int | tuple[int, int] = 3):
    y = _normal(x, channels, size)
    # No rectifier before the sum, so that a block can subtract as well as add.
    y = layers.Conv2D(channels, size, padding="same", use_bias=False)(y)
    # With gamma zero the block starts as the identity.
    y = Normalization(momentum=0.95, gamma_initializer="zeros")(y)
    return layers.Activation("relu")(layers.Add()([x, y]))


def _pooled(x, dropout: float):
    """Return mean and maximum of each channel: how much there is, and whether it is anywhere."""
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return layers.Dropout(dropout, name="embedding")(x)


def _dense_head(x, units: int):
    # Half of the units are dropped, as in AlexNet and VGG: dense layers hold most of the weights.
    x = layers.Dropout(0.5)(layers.Dense(units, activation="relu")(x))
    return layers.Dropout(0.5, name="embedding")(layers.Dense(units, activation="relu")(x))


def _head(x, train: Train):
    if train.head == "pooling":
        return _pooled(x, 0.5)
    # The joint network of 2017 is built on this flattened layer, so it needs a name.
    units = int(table.IMAGE[train.image_network].units * train.width)
    return _dense_head(layers.Flatten(name="features")(x), units)


# The image view


def _compact_image(x, train: Train):
    """A small residual network; each doubling of the image beyond 64 pixels adds a cheap stage."""
    channels = [scaled(count, train.width) for count in table.IMAGE["compact"].channels]
    side = min(x.shape[1:3])
    # The first step halves the image: at full size all that follows would cost four times as
    # much.
    x = _normal(x, max(8, channels[0] // 2), 5, strides=2)  # 128, 128, 16
    side = (side + 1) // 2
    # Down to about 32 pixels whatever the image size, so that the residual stages cost the same.
    while side > 40:
        x = _normal(x, channels[0], 3, strides=2)  # 64, 64, 32, then 32, 32, 32
        side = (side + 1) // 2
    for stage, count in enumerate(channels):
        x = _normal(x, count, 3, strides=2 if stage else 1)
        x = _residual(x, count)  # 32, 32, 32; 16, 16, 64; 8, 8, 128
    return _pooled(x, 0.2)  # 256


def _alexnet(x, train: Train):
    """AlexNet as used in 2017: the middle 227 of 256 pixels, three 4/2 poolings, 4000 units."""
    # The network of 2017 saw the middle of the image; other sizes are cropped in proportion.
    crop = [table.alexnet_crop(side) for side in x.shape[1:3]]
    x = layers.Cropping2D([(c // 2, c - c // 2) for c in crop])(x)  # 227, 227, c
    channels = [scaled(count, train.width) for count in table.IMAGE["alexnet"].channels]

    def convolve(x, count, size, strides=1):
        return layers.Conv2D(count, size, strides=strides, padding="same", activation="relu")(x)

    # Large kernels and stride 4 first, as published.
    x = convolve(x, channels[0], 11, 4)  # 57, 57, 96
    x = layers.MaxPooling2D(4, 2, padding="same")(x)  # 29, 29, 96
    x = convolve(x, channels[1], 5)  # 29, 29, 192
    x = layers.MaxPooling2D(4, 2, padding="same")(x)  # 15, 15, 192
    for count in channels[2:]:
        x = convolve(x, count, 3)  # 15, 15, 384, then twice 256
    x = layers.MaxPooling2D(4, 2, padding="same")(x)  # 8, 8, 256
    return _head(x, train)


def _vgg16(x, train: Train):
    """VGG-16, configuration D of Simonyan and Zisserman (arXiv 1409.1556)."""
    for count, repeats in zip(table.IMAGE["vgg16"].channels, (2, 2, 3, 3, 3), strict=True):
        for _ in range(repeats):
            x = Conv2DInStrips(
                scaled(count, train.width),
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",  # it starts from no pretrained weights
            )(x)
        x = layers.MaxPooling2D(2)(x)  # 128, 128, 64; 64, 64, 128; ... 8, 8, 512
    return _head(x, train)


# The coefficient view


def _compact_coefficient(c, train: Train, boundary: str):
    """Two residual networks side by side: on the map of coefficients, and on radial profiles."""
    x = CoefficientChannels(train.coefficient_input, name="coefficient_channels")(c)  # 32, 32, 3
    on_map = _compact_map(x, train.width)
    # Three radii for each zero: as fine as the expansion, except at the rim.
    radii = 16 * max(2, round(c.shape[2] / 5))
    x = RadialProfiles(radii, boundary, name="radial_profiles")(c)  # 96, 96: radii, 3 M
    on_profiles = _compact_profiles(x, train.width)
    return layers.Dropout(0.5, name="embedding")(layers.Concatenate()([*on_map, *on_profiles]))


def _compact_map(x, width: float):
    """Symmetries: patterns over the angular orders, which a convolution finds at any order."""
    # Along both axes neighbours are related: orders of a symmetry, and zeros of one radius.
    x = _stages(x, table.COEFFICIENT["compact"].channels, 3, 2, width)  # 8, 8, 64
    # Pooled over the zeros alone, too: an order has a meaning of its own.
    return _summary(x, layers.AveragePooling2D((1, x.shape[2]))(x))


def _compact_profiles(x, width: float):
    """Positions and their ratios: convolutions along log r, with the angular orders as channels."""
    x = layers.Reshape((1, *x.shape[1:]))(x)  # 1, 96, 96
    # Kernels and strides along the radius only: the other axis has length one.
    x = _stages(x, (96, 128, 192), (1, 5), (1, 2), width)  # 1, 24, 192
    # Where along the radius matters too, though roughly: near the beam, or at the rim.
    return _summary(x, layers.AveragePooling2D((1, 8))(x))


def _stages(x, channels: tuple[int, ...], size, strides, width: float):
    x = layers.GaussianNoise(0.3)(x)  # a map of a few thousand numbers is soon learnt by heart
    for stage, count in enumerate(scaled(count, width) for count in channels):
        x = _normal(x, count, size, strides=strides if stage else 1)
        # Entire channels are dropped: neighbouring values of one channel are nearly the same.
        x = layers.SpatialDropout2D(0.1)(_residual(x, count, size))
    return x


def _summary(x, coarse):
    """Return mean and maximum of each channel of `x`, and a dense layer on the pooled `coarse`."""
    # The pooled values lose their place; this layer keeps it, at a coarse resolution.
    dense = layers.Dense(128, activation="relu")(layers.Flatten()(coarse))
    return [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x), dense]


def _report_coefficient(c, train: Train, boundary: str):
    """The network of 2017: 40 zeros x the even orders 0, 2 .. 20."""
    network = table.COEFFICIENT["report-2017"]
    # Always given for this network; the assertion is for the type checker.
    assert network.orders is not None
    crop = [(0, have - need) for have, need in zip(c.shape[1:3], network.orders, strict=True)]
    x = layers.Cropping2D(crop, name="published_truncation")(c)  # 21, 40, 2
    x = CoefficientChannels(train.coefficient_input, name="coefficient_channels")(x)  # 11, 40, 2
    # The published network has the zeros along the rows.
    x = layers.Permute((2, 1, 3))(x)  # 40, 11, 2
    channels = [scaled(count, train.width) for count in network.channels]
    for count in channels[:2]:
        x = layers.Conv2D(count, 3, padding="same", activation="relu")(x)  # 40, 11, 128
    x = layers.MaxPooling2D(4, 2, padding="same")(x)  # 20, 6, 128
    for count in channels[2:]:
        x = layers.Conv2D(count, 3, padding="same", activation="relu")(x)  # 20, 6, 256
    x = layers.Dense(channels[2], activation="relu")(layers.Flatten(name="features")(x))
    return layers.Dense(channels[2], activation="relu", name="embedding")(x)


IMAGE_BUILDERS: dict[str, Callable[..., Any]] = {
    "compact": _compact_image,
    "alexnet": _alexnet,
    "vgg16": _vgg16,
}
COEFFICIENT_BUILDERS: dict[str, Callable[..., Any]] = {
    "compact": _compact_coefficient,
    "report-2017": _report_coefficient,
}
JOINT_BUILDERS: dict[str, Callable[..., Any]] = {
    "residual": _residual_joint,
    "report-2017": _report_joint,
}
"""Builders of the features (image, coefficient) or the logits (joint), by the study's names."""
