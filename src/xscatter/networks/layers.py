"""Layers of our own behind the inputs: how the views are joined, a fast batch normalization."""

import keras
import tensorflow as tf
from keras import ops


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
class Trust(keras.layers.Layer):
    """Values (n, C) and a confidence c (n,) -> values times c / (c + k (1 - c)).

    The factor rises from 0 at c = 0 to 1 at c = 1, for each channel in its own way: k > 0 is
    trained, and 1 at first.
    """

    def __init__(self, **options):
        super().__init__(**{**options, "dtype": "float32"})

    def build(self, shapes):
        # By this name the optimizer knows that it does not decay.
        self.doubt = self.add_weight(name="doubt", shape=(shapes[0][-1],), initializer="zeros")

    def call(self, pair):
        values, confidence = pair
        c = ops.clip(ops.expand_dims(confidence, -1), 0.0, 1.0)
        return values * c / (c + ops.exp(self.doubt) * (1.0 - c))


@keras.saving.register_keras_serializable("xscatter")
class Normalization(keras.layers.BatchNormalization):
    """Batch normalization in TensorFlow's fused operation.

    A training step on a CPU takes a fifth less time than with Keras' own.
    """

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
