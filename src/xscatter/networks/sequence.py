"""The temporal network: features of the frames of a sequence -> what happens at each of them.

Memory is a set of averages of the past that forget exponentially, at a few time scales, as in
Page's and Roberts' control charts (1954, 1959): the difference of a short and a long one is a
change, and the newest averages are all that a stream has to keep. Three such layers with dense
layers between them see changes of any form. No output depends on a later frame.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from xscatter import processes
from xscatter.study import Train
from xscatter.study.networks import scaled

MEMORIES = (2.0, 6.0, 20.0, 80.0)
"""Frames after which an average has forgotten 1 - 1/e of what it knew."""

_CHANNELS = 64
_BLOCKS = 3
_KERNEL = 5  # bins of a convolution along the radius
_DIM = 0.05  # part of the mean below which a radial profile is noise
_LARGEST = 6.0  # standard deviations of a feature; what is beyond is an outlier


def outputs(names: int) -> int:
    """Return the number of logits of a frame: three a process and one a family."""
    return 3 * names + len(processes.FAMILIES)


@keras.saving.register_keras_serializable("xscatter")
class FeatureChannels(keras.layers.Layer):
    """Features (n, T, F) -> standardised ones; those of the radial profile as logarithms.

    Args:
        profile: number of the first features that are a radial profile.
        options: of Keras.
    """

    def __init__(self, profile: int = 0, **options):
        super().__init__(**{**options, "dtype": "float32"})
        self.profile = profile

    def build(self, shape):
        size = (shape[-1],)
        self.mean = self.add_weight(name="mean", shape=size, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(
            name="deviation", shape=size, initializer="ones", trainable=False
        )

    def call(self, features):
        scaled_ones = (self._transformed(features) - self.mean) / self.deviation
        return tf.clip_by_value(scaled_ones, -_LARGEST, _LARGEST)

    def _transformed(self, features):
        profile, rest = features[..., : self.profile], features[..., self.profile :]
        # A shift of a ring changes bright and dim parts of a profile alike.
        logs = tf.math.log(tf.maximum(profile, 0.0) + _DIM)
        # Significances and totals may be of any size.
        return tf.concat([logs, tf.math.asinh(rest)], axis=-1)

    def adapt(self, features: np.ndarray) -> None:
        """Take mean and deviation of `features` (n, T, F) for the standardisation."""
        values = self._transformed(features).numpy().reshape(-1, features.shape[-1])
        self.mean.assign(values.mean(axis=0))
        self.deviation.assign(np.maximum(values.std(axis=0), 0.05))

    def get_config(self):
        return {**super().get_config(), "profile": self.profile}


def _averages(x: Any, state: Any) -> tuple[Any, Any]:
    """Return the averages (n, memories, T, C) of values (n, T, C), and the next state (n, S).

    Args:
        x: values.
        state: after the frames before them; zeros at the beginning.
    """
    channels, scales = x.shape[-1], len(MEMORIES)
    # A channel of ones, summed like the others, is the weight by which sums become averages.
    values = tf.concat([x, tf.ones_like(x[..., :1])], axis=-1)[:, None]
    before = tf.reshape(state, (-1, scales, 1, channels + 1))
    decay = tf.reshape(tf.constant([-1.0 / m for m in MEMORIES]), (scales, 1, 1))
    place = tf.cast(tf.range(tf.shape(x)[1]), tf.float32)
    age = place[:, None] - place[None, :]
    # Ages below zero are later frames.
    kernel = tf.where(age >= 0, tf.exp(decay * tf.maximum(age, 0.0)), 0.0)
    sums = tf.matmul(kernel, values) + tf.exp(decay * (place[:, None] + 1)) * before
    averages = sums[..., :channels] / sums[..., channels:]
    return averages, tf.reshape(sums[:, :, -1], (-1, scales * (channels + 1)))


class Remembering(keras.layers.Layer):
    """A layer of a stream: :meth:`step` takes what it knows of earlier frames, and returns it."""

    remembered = 0
    """Number of values of a frame of which it keeps averages."""

    @property
    def state_size(self) -> int:
        """Numbers that a stream keeps between two frames."""
        return len(MEMORIES) * (self.remembered + 1)

    def call(self, x, training=None):
        zeros = tf.zeros((tf.shape(x)[0], self.state_size), tf.float32)
        return self.step(x, zeros, training)[0]

    def step(self, x, state, training=None):
        """Return the outputs and the next state.

        Args:
            x: values (n, T, C).
            state: (n, S) after the frames before them; zeros at the beginning.
            training: whether channels are left out.
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable("xscatter")
class RadialChanges(Remembering):
    """Features (n, T, F) -> the same and, appended, what changes in their radial functions.

    Profile, angular orders, and their differences to averages of the past are convolved along the
    radius; the mean and the largest value of each result are what the rest of the network needs.

    Args:
        profile: bins of the radial profile, the first features.
        orders: number of angular orders, which follow it, with half as many bins.
        units: number of results of the convolutions.
        options: of Keras.
    """

    def __init__(self, profile: int, orders: int, units: int, **options):
        super().__init__(**{**options, "dtype": "float32"})
        self.profile, self.orders, self.units = profile, orders, units
        self.remembered = profile * (1 + orders)
        self.convolutions = [
            layers.Conv1D(units, _KERNEL, padding="same", activation="relu", dtype="float32")
            for _ in range(2)
        ]

    def build(self, shape):
        inputs = (1 + self.orders) * (1 + len(MEMORIES))
        for convolution in self.convolutions:
            convolution.build((None, self.profile, inputs))
            inputs = self.units

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] + 2 * self.units)

    def step(self, x, state, training=None):
        """Return the outputs and the next state, see :meth:`Remembering.step`.

        Args:
            x: values (n, T, C).
            state: (n, S).
            training: whether channels are left out.
        """
        frames, functions = tf.shape(x)[1], 1 + self.orders
        coarse = self.profile // 2
        orders = x[..., self.profile : self.profile + self.orders * coarse]
        values = tf.concat([x[..., : self.profile], tf.repeat(orders, 2, axis=-1)], axis=-1)
        averages, later = _averages(values, state)
        several = tf.concat([values[:, None], values[:, None] - averages], axis=1)
        several = tf.transpose(several, (0, 2, 1, 3))
        channels = (1 + len(MEMORIES)) * functions
        maps = tf.reshape(several, (-1, channels, self.profile))
        maps = tf.transpose(maps, (0, 2, 1))
        for convolution in self.convolutions:
            maps = convolution(maps)
        seen = tf.concat([tf.reduce_mean(maps, axis=1), tf.reduce_max(maps, axis=1)], axis=-1)
        seen = tf.reshape(seen, (-1, frames, 2 * self.units))
        return tf.concat([x, seen], axis=-1), later

    def get_config(self):
        own = {"profile": self.profile, "orders": self.orders, "units": self.units}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("xscatter")
class MemoryBlock(Remembering):
    """Values (n, T, C) and their averages -> (n, T, units), added to the values where C = units.

    Args:
        units: number of channels.
        dropout: part of the channels that a training step leaves out.
        options: of Keras.
    """

    def __init__(self, units: int, dropout: float = 0.0, **options):
        super().__init__(**{**options, "dtype": "float32"})
        self.units, self.dropout = units, dropout
        self.dense = layers.Dense(units, activation="relu", dtype="float32")
        self.drop = layers.Dropout(dropout)

    def build(self, shape):
        self.remembered = shape[-1]
        self.dense.build((*shape[:-1], shape[-1] * (1 + len(MEMORIES))))

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def step(self, x, state, training=None):
        """Return the outputs and the next state, see :meth:`Remembering.step`.

        Args:
            x: values (n, T, C).
            state: (n, S).
            training: whether channels are left out.
        """
        channels, scales = x.shape[-1], len(MEMORIES)
        averages, later = _averages(x, state)
        # The differences are changes; the values themselves are the state of the sample.
        changes = x[:, None] - averages
        several = tf.reshape(
            tf.transpose(changes, (0, 2, 1, 3)), (-1, tf.shape(x)[1], scales * channels)
        )
        y = self.dense(self.drop(tf.concat([x, several], axis=-1), training=training))
        if channels == self.units:
            y += x
        return y, later

    def get_config(self):
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}


def sequence_network(
    shapes: Mapping[str, tuple[int | None, ...]],
    tags: int,
    train: Train,
    boundary: str = "dirichlet",
    branches: Sequence[keras.Model] = (),
    profile: int = 0,
    orders: int = 0,
) -> keras.Model:
    """Build the temporal network, (n, T, F) -> (n, T, 3 P + families) logits.

    Args:
        shapes: shape of each input; ``features`` (T or None, F) is used.
        tags: number of processes, P.
        train: the keys of the study; `width` is used.
        boundary: not used.
        branches: not used; features hold what the networks of single frames say.
        profile: number of the first features that are a radial profile.
        orders: number of angular orders that follow it.
    """
    units = scaled(_CHANNELS, train.width)
    features = keras.Input((None, shapes["features"][-1]), name="features")
    x = FeatureChannels(profile, name="feature_channels")(features)
    x = RadialChanges(profile, orders, units // 2, name="radial_changes")(x)
    x = layers.Dropout(0.1)(x)
    x = layers.Dense(units, name="projection")(x)
    for number in range(_BLOCKS):
        x = MemoryBlock(units, 0.1, name=f"memory_{number}")(x)
    x = layers.Dense(outputs(tags), name="logits", bias_initializer=_rare)(x)
    return keras.Model({"features": features}, x, name="sequence")


@keras.saving.register_keras_serializable("xscatter")
def _rare(shape: Any, dtype: Any = None) -> Any:
    """Return a first bias that says that processes are rare."""
    return tf.fill(shape, tf.constant(-3.0, dtype or tf.float32))


def state_size(model: keras.Model) -> int:
    """Return the numbers that a stream keeps between two frames."""
    return sum(layer.state_size for layer in _remembering(model))


def _remembering(model: keras.Model) -> list[Remembering]:
    return [layer for layer in model.layers if isinstance(layer, Remembering)]


def stream(model: keras.Model) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return the network as a function of features (n, T, F) and a state (n, S).

    It returns the logits (n, T, 3 P + families) and the next state. The state at the beginning is
    zeros.
    """
    sizes = [layer.state_size for layer in _remembering(model)]

    def run(features, state):
        x, states, later = features, tf.split(state, sizes, axis=1), []
        # The layers are a chain.
        for layer in model.layers[1:]:
            if isinstance(layer, Remembering):
                x, after = layer.step(x, states[len(later)])
                later.append(after)
            else:
                x = layer(x)
        return x, tf.concat(later, axis=1)

    return run
