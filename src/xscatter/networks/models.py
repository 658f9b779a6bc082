"""The networks in one file: image view, coefficient view, and the joint double view.

Every network maps raw inputs to logits (n, T), one a tag, float32, and has a layer `embedding`
that holds the features before the last dense layer; those of 2017 also a layer `features`, the
flattened convolutions, on which the joint network of 2017 is built. Inputs: `image` (rows, cols) counts, -1 where
not usable; `coefficients` (orders, zeros, 2), real and imaginary part.
"""

import keras
import tensorflow as tf
from keras import layers

from xscatter.core.errors import UserError
from xscatter.networks.inputs import CoefficientChannels, ImageChannels, RadialProfiles
from xscatter.networks.strips import Conv2DInStrips
from xscatter.study import Train
from xscatter.study import networks as limits


def image_network(shape: tuple[int, int], tags: int, train: Train) -> keras.Model:
    """Network of the image view for counts of `shape` (rows, cols).

    Raises:
        UserError: its dense head would not fit; the message says how much memory it needs.
    """
    if refusal := limits.refused_head(train, min(shape)):
        raise UserError(refusal)
    counts = keras.Input(shape, name="image")
    x = ImageChannels(train.image_input, name="image_channels")(counts)
    if train.image_network == "alexnet":
        features = _alexnet(x, shape, train)
    elif train.image_network == "vgg16":
        features = _vgg16(x, train)
    else:
        features = _compact_image(x, shape, train.width)
    return keras.Model({"image": counts}, _logits(features, tags), name="image")


def coefficient_network(
    shape: tuple[int, int], tags: int, train: Train, boundary: str = "dirichlet"
) -> keras.Model:
    """Network of the coefficient view for maps of `shape` (angular orders, radial orders), expanded with `boundary`.

    Raises:
        UserError: the published network is asked for, and the expansion is too short for it.
    """
    if refusal := limits.refused_orders(train, shape):
        raise UserError(refusal)
    c = keras.Input((*shape, 2), name="coefficients")
    if train.coefficient_network == "report-2017":
        # 40 zeros x even orders 0 .. 20, as published.
        crop = [(0, have - need) for have, need in zip(shape, limits.PUBLISHED, strict=True)]
        x = layers.Cropping2D(crop, name="published_truncation")(c)
        x = CoefficientChannels(train.coefficient_input, name="coefficient_channels")(x)
        x = layers.Permute((2, 1, 3))(x)
        features = _report_coefficient(x, train.width)
    else:
        features = _compact_coefficient(c, train.coefficient_input, boundary, train.width)
    return keras.Model({"coefficients": c}, _logits(features, tags), name="coefficient")


def joint_network(image: keras.Model, coefficient: keras.Model, train: Train) -> keras.Model:
    """The double view on two trained networks, which become its branches.

    `residual` starts as the mean of their logits exactly: logits = w * image + (1 - w) * coefficient
    + correction, w = 1/2 for each tag and the correction's last layer zero at first.
    """
    inputs = {**image.input, **coefficient.input}
    layer = "features" if train.joint_network == "report-2017" else "embedding"
    image_features, image_logits = _branch(image, "image_branch", layer)(image.input)
    coefficient_features, coefficient_logits = _branch(coefficient, "coefficient_branch", layer)(
        coefficient.input
    )
    features = layers.Concatenate()([image_features, coefficient_features])
    if train.joint_network == "report-2017":
        logits = _logits(_dense_head(features, int(4000 * train.width)), image_logits.shape[-1])
    else:
        mean = Blend(name="blend")([image_logits, coefficient_logits])
        x = layers.Dropout(0.3)(layers.LayerNormalization()(features))
        x = layers.Dense(int(256 * train.width), activation="gelu", name="embedding")(x)
        tags = image_logits.shape[-1]
        correction = layers.Dense(
            tags, kernel_initializer="zeros", dtype="float32", name="correction"
        )(x)
        logits = layers.Add(dtype="float32", name="logits")([mean, correction])
    return keras.Model(inputs, logits, name="joint")


def _branch(model: keras.Model, name: str, layer: str) -> keras.Model:
    """`model` with two outputs: that of `layer` (of `embedding` where there is none of that name) and the logits."""
    known = {one.name for one in model.layers}
    features = model.get_layer(layer if layer in known else "embedding").output
    return keras.Model(model.input, [features, model.output], name=name)


@keras.saving.register_keras_serializable("xscatter")
class Blend(keras.layers.Layer):
    """w a + (1 - w) b with one trained w for each tag, 1/2 at first."""

    def __init__(self, **options):
        super().__init__(**{**options, "dtype": "float32"})

    def build(self, shapes):
        # By this name the optimizer knows that it does not decay.
        self.weight = self.add_weight(
            name="blend", shape=(shapes[0][-1],), initializer=keras.initializers.Constant(0.5)
        )

    def call(self, pair):
        return self.weight * pair[0] + (1.0 - self.weight) * pair[1]


@keras.saving.register_keras_serializable("xscatter")
class Normalization(keras.layers.BatchNormalization):
    """Batch normalization in TensorFlow's one fused operation: a training step on a CPU takes a fifth less time."""

    def call(self, x, training=None, mask=None):
        moments = (
            {}
            if training
            else {"mean": self.moving_mean.value, "variance": self.moving_variance.value}
        )
        gamma, beta = self.gamma.value, self.beta.value
        y, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, **moments, epsilon=self.epsilon, is_training=bool(training)
        )
        if training:
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1.0 - self.momentum) * now)
        return y


def _logits(features, tags: int):
    return layers.Dense(tags, dtype="float32", name="logits")(features)


def _normal(x, channels: int, size: int | tuple[int, int] = 3, strides: int | tuple[int, int] = 1):
    x = layers.Conv2D(channels, size, strides=strides, padding="same", use_bias=False)(x)
    return layers.Activation("relu")(Normalization(momentum=0.95)(x))


def _residual(x, channels: int, size: int | tuple[int, int] = 3):
    y = _normal(x, channels, size)
    y = layers.Conv2D(channels, size, padding="same", use_bias=False)(y)
    y = Normalization(momentum=0.95, gamma_initializer="zeros")(y)
    return layers.Activation("relu")(layers.Add()([x, y]))


def _pooled(x, dropout: float):
    """Mean and maximum of each channel: how much there is, and whether it is anywhere."""
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return layers.Dropout(dropout, name="embedding")(x)


def _compact_image(x, shape: tuple[int, int], width: float):
    """A small residual network; each doubling of the image beyond 64 pixels adds a cheap stage in front."""
    channels = [max(8, int(c * width)) for c in (32, 64, 128)]
    side = min(shape)
    x = _normal(x, max(8, channels[0] // 2), 5, strides=2)
    side = (side + 1) // 2
    while side > 40:
        x = _normal(x, channels[0], 3, strides=2)
        side = (side + 1) // 2
    for stage, count in enumerate(channels):
        x = _normal(x, count, 3, strides=2 if stage else 1)
        x = _residual(x, count)
    return _pooled(x, 0.2)


def _compact_coefficient(c, kind: str, boundary: str, width: float):
    """Two residual networks side by side: one on the map of coefficients, one on the radial profiles."""
    on_map = _compact_map(CoefficientChannels(kind, name="coefficient_channels")(c), width)
    radii = 16 * max(
        2, round(c.shape[2] / 5)
    )  # three a zero: as fine as the expansion, but for the rim
    on_profiles = _compact_profiles(
        RadialProfiles(radii, boundary, name="radial_profiles")(c), width
    )
    return layers.Dropout(0.5, name="embedding")(layers.Concatenate()([*on_map, *on_profiles]))


def _compact_map(x, width: float):
    """Symmetries: patterns over the angular orders, which a convolution finds at any order."""
    x = _stages(x, (16, 32, 64), 3, 2, width)
    # Pooled over zeros only, too: an order has a meaning of its own.
    return _summary(x, layers.AveragePooling2D((1, x.shape[2]))(x))


def _compact_profiles(x, width: float):
    """Positions and their ratios: convolutions along log r, with the angular orders as channels."""
    x = _stages(layers.Reshape((1, *x.shape[1:]))(x), (96, 128, 192), (1, 5), (1, 2), width)
    # Where along the radius matters too, though roughly: near the beam, or at the rim.
    return _summary(x, layers.AveragePooling2D((1, 8))(x))


def _stages(x, channels: tuple[int, ...], size, strides, width: float):
    x = layers.GaussianNoise(0.3)(x)  # a map of a few thousand numbers is soon learnt by heart
    for stage, count in enumerate(max(8, int(c * width)) for c in channels):
        x = _normal(x, count, size, strides=strides if stage else 1)
        x = layers.SpatialDropout2D(0.1)(_residual(x, count, size))
    return x


def _summary(x, coarse):
    """Mean and maximum of each channel of `x`, and a dense layer on what is pooled to `coarse`."""
    dense = layers.Dense(128, activation="relu")(layers.Flatten()(coarse))
    return [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x), dense]


def _dense_head(x, units: int):
    x = layers.Dropout(0.5)(layers.Dense(units, activation="relu")(x))
    return layers.Dropout(0.5, name="embedding")(layers.Dense(units, activation="relu")(x))


def _head(x, train: Train, units: int):
    if train.head == "pooling":
        return _pooled(x, 0.5)
    return _dense_head(layers.Flatten(name="features")(x), units)


def _alexnet(x, shape: tuple[int, int], train: Train):
    """AlexNet as used in 2017: the middle 227 of 256 pixels, three 4/2 poolings, two layers of 4000."""
    crop = [round(side * 29 / 256) for side in shape]
    x = layers.Cropping2D([(c // 2, c - c // 2) for c in crop])(x)
    channels = [max(8, int(c * train.width)) for c in (96, 192, 384, 256, 256)]

    def convolve(x, count, size, strides=1):
        return layers.Conv2D(count, size, strides=strides, padding="same", activation="relu")(x)

    x = layers.MaxPooling2D(4, 2, padding="same")(convolve(x, channels[0], 11, 4))
    x = layers.MaxPooling2D(4, 2, padding="same")(convolve(x, channels[1], 5))
    for count in channels[2:]:
        x = convolve(x, count, 3)
    x = layers.MaxPooling2D(4, 2, padding="same")(x)
    return _head(x, train, int(4000 * train.width))


def _vgg16(x, train: Train):
    """VGG-16 (Simonyan and Zisserman 2014), configuration D; He initialisation, since it starts from nothing."""
    for count, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            x = Conv2DInStrips(
                max(8, int(count * train.width)),
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
            )(x)
        x = layers.MaxPooling2D(2)(x)
    return _head(x, train, int(4096 * train.width))


def _report_coefficient(x, width: float):
    channels = [max(8, int(c * width)) for c in (64, 128, 256, 256)]
    for count in channels[:2]:
        x = layers.Conv2D(count, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(4, 2, padding="same")(x)
    for count in channels[2:]:
        x = layers.Conv2D(count, 3, padding="same", activation="relu")(x)
    x = layers.Dense(channels[2], activation="relu")(layers.Flatten(name="features")(x))
    return layers.Dense(channels[2], activation="relu", name="embedding")(x)
