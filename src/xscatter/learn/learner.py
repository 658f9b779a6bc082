"""One network with its optimizer and the running average of its weights."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from xscatter.core.errors import UserError
from xscatter.core.seeds import Purpose, sequence
from xscatter.learn.source import Subset
from xscatter.networks import strips
from xscatter.networks.build import builder
from xscatter.study import Train
from xscatter.views import View

# Records that measure the scale of the inputs: at most this many, and bytes of them, but 16.
_SAMPLE = 512
_SAMPLE_BYTES = 2**27


def prepare(threads: int, seed: int, view_key: int, precision: str = "float32") -> None:
    """Set threads, number format and every random state, so that what follows is repeatable.

    Args:
        threads: of this process.
        seed: of the study.
        view_key: the view's `seed_key`.
        precision: Keras' name of the number format.
    """
    try:
        # Sums are split over threads, so their rounding depends on the number of threads: it is
        # fixed.
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # TensorFlow has started in this process: its threads stay as they are
        pass
    if tf.config.list_physical_devices("GPU"):
        # On a GPU some sums run in any order otherwise.
        tf.config.experimental.enable_op_determinism()
    # Layers are numbered from one again, so that names do not depend on earlier models.
    keras.backend.clear_session()
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(
        int(sequence(seed, Purpose.TRAINING, view_key, 1).generate_state(1)[0])
    )


def slow_precision(precision: str) -> str | None:
    """Return a warning where this processor has no arithmetic for `precision`, else None."""
    # The same processors for which convolutions are unrolled lack 16-bit arithmetic.
    if precision == "float32" or not strips.unrolls():
        return None
    return (
        f"precision {precision} saves memory, but takes longer than float32 here: TensorFlow is "
        "fast in it on GPUs and with AVX-512, and this machine has neither"
    )


def unused_gpu() -> str | None:
    """Return a warning where this process was given GPUs and TensorFlow finds none, else None."""
    for name in ("SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES"):
        given = os.environ.get(name, "")
        # Values by which Slurm and CUDA say that there is none.
        if given not in ("", "-1", "NoDevFiles") and not tf.config.list_physical_devices("GPU"):
            return (
                f"trains on the CPU, though {name} is {given}: TensorFlow finds no GPU; it is the "
                "build for CPUs, or the driver is too old: see 'The GPU is not found' in "
                "docs/troubleshooting.md"
            )
    return None


def strategy(devices: int) -> tf.distribute.Strategy:
    """Return the default strategy for one device, or one that mirrors the network over several.

    Raises:
        UserError: there are fewer devices.
    """
    if devices == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    present = tf.config.list_logical_devices(kind)
    if len(present) < devices:
        raise UserError(
            f"train.devices: {devices} asked for, {len(present)} {kind} found; lower it"
        )
    return tf.distribute.MirroredStrategy([device.name for device in present[:devices]])


def build(
    view: View,
    subset: Any,
    tags: int,
    train: Train,
    branches: Sequence[keras.Model] = (),
) -> keras.Model:
    """Return the network of `view`; without branches, measure the scale of its inputs.

    Args:
        view: which network.
        subset: records of the training set, a :class:`xscatter.learn.data.RecordSubset`.
        tags: number of tags, T.
        train: the keys of the study.
        branches: trained networks of the view's parents.
    """
    shapes = {name: subset.records.dtype[name].shape for name in subset.fields(view)}
    boundary = subset.records.manifest.get("transform", {}).get("boundary", "dirichlet")
    model = builder(view)(shapes, tags, train, boundary, branches)
    if branches:
        return model
    count = min(_SAMPLE, max(16, _SAMPLE_BYTES // subset.bytes_of(view)), len(subset))
    # Spread evenly over the training set: records of one experiment are alike.
    sample = subset.inputs(view, np.linspace(0, len(subset) - 1, count).astype(int))
    for layer in model.layers:
        if hasattr(layer, "adapt"):
            # The part of the network before the layer, as its inputs arrive there.
            before = keras.Model(model.input, layer.input)
            parts = [
                before({name: values[n : n + 32] for name, values in sample.items()})
                for n in range(0, count, 32)
            ]
            layer.adapt(np.concatenate(parts))
    return model


def _cross_entropy(labels, logits, weight):
    return tf.nn.weighted_cross_entropy_with_logits(labels, logits, weight)


def _asymmetric(labels, logits, weight):
    # Ridnik et al. 2021 (arXiv 2009.14119): gamma+ = 0, gamma- = 4, margin 0.05. The focal factor
    # is a constant for the gradient: that of (1 - p)^0 is not a number at p = 1.
    shifted = tf.maximum(tf.sigmoid(logits) - 0.05, 0.0)
    focal = tf.stop_gradient(shifted**4)
    positive = labels * weight * tf.math.log_sigmoid(logits)
    return -positive - (1 - labels) * focal * tf.math.log(tf.maximum(1 - shifted, 1e-7))


LOSSES = {"cross-entropy": _cross_entropy, "asymmetric": _asymmetric}
"""Losses (n, T) of labels, logits (n, T) and weights of the positives (T,)."""


def loss_of(
    train: Train, prevalence: np.ndarray, groups: Sequence[np.ndarray] = ()
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the loss (labels, logits) -> mean over records and tags.

    A group of exclusive tags adds the cross-entropy of its softmax, the logit of "none" being 0.

    Args:
        train: names the loss; `max_positive_weight` limits the weight of a rare tag's positives.
        prevalence: (T,) in the training set.
        groups: columns of each group of exclusive tags.
    """
    # The root is a compromise: full weights would make a few rare positives dominate the loss.
    rarity = np.sqrt((1 - prevalence) / np.maximum(prevalence, 1e-6))
    weight = tf.constant(np.clip(rarity, 1.0, train.max_positive_weight), tf.float32)
    each, tags = LOSSES[train.loss], len(prevalence)
    grouped = np.concatenate([[], *groups]).astype(int)
    single = np.setdiff1d(np.arange(tags), grouped)

    def loss(labels, logits):
        y, z = tf.gather(labels, single, axis=1), tf.gather(logits, single, axis=1)
        own = tf.gather(weight, single)
        # Unknown labels are negative: they add nothing, but still count in the mean.
        total = tf.reduce_sum(tf.where(y < 0, 0.0, each(tf.maximum(y, 0.0), z, own)), axis=1)
        for group in groups:
            y, z = tf.gather(labels, group, axis=1), tf.gather(logits, group, axis=1)
            classes = tf.concat([y, 1.0 - tf.reduce_sum(y, axis=1, keepdims=True)], axis=1)
            z = tf.pad(z, [[0, 0], [0, 1]])
            heavy = tf.reduce_sum(
                classes * tf.pad(tf.gather(weight, group), [[0, 1]], constant_values=1.0), axis=1
            )
            total += heavy * tf.nn.softmax_cross_entropy_with_logits(classes, z)
        return tf.reduce_mean(total) / tags

    return loss


def _adamw(train: Train, replicas: int) -> keras.optimizers.Optimizer:
    # Each device clips its share of the gradient before the shares are summed.
    optimizer = keras.optimizers.AdamW(weight_decay=train.weight_decay, clipnorm=1.0 / replicas)
    # Decay pulls weights to zero, which for scales and offsets is not a simpler function.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "blend", "doubt"])
    return optimizer


def _momentum(train: Train, replicas: int) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(momentum=0.9)


OPTIMIZERS = {"adamw": _adamw, "momentum": _momentum}


class Learner:
    """A network in training.

    Args:
        model: maps inputs to logits; made within the scope of `strategy`.
        train: the settings.
        loss: see :func:`loss_of`.
        strategy: see :func:`strategy`.
    """

    def __init__(self, model: keras.Model, train: Train, loss, strategy: tf.distribute.Strategy):
        self.model, self.train, self.strategy = model, train, strategy
        with strategy.scope():
            optimizer = OPTIMIZERS[train.optimizer](train, strategy.num_replicas_in_sync)
            self.rate = optimizer.learning_rate
            if train.precision == "mixed_float16":
                # Gradients in float16 would underflow without a scaled loss.
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            # Its variables exist from the start, so that a checkpoint can restore them.
            optimizer.build(model.trainable_variables)
            self.optimizer = optimizer
            # Statistics of the normalizations are averaged with the weights; seeds are whole
            # numbers.
            self.averaged = [v.value for v in model.variables if v.dtype.startswith("float")]
            self.averages = [tf.Variable(v, trainable=False) for v in self.averaged]
        self._step = tf.function(self._make_step(loss), jit_compile=train.xla or None)
        self._blend = tf.function(self._make_blend())
        self._logits = tf.function(lambda inputs: model(inputs, training=False))

    def _make_step(self, loss):
        model, optimizer, strategy = self.model, self.optimizer, self.strategy
        replicas = strategy.num_replicas_in_sync

        def replica(inputs, labels):
            with tf.GradientTape() as tape:
                # Shares of the devices add up to the mean over the batch.
                value = loss(labels, model(inputs, training=True)) / replicas
                scaled = optimizer.scale_loss(value) if hasattr(optimizer, "scale_loss") else value
            gradients = tape.gradient(scaled, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            if scaled is value:  # a scaled loss may overflow now and then; its optimizer copes
                # Rectifiers can hide a NaN from the loss, but not from the gradients.
                finite = tf.math.is_finite(tf.linalg.global_norm(gradients))
                value = tf.where(finite, value, float("nan"))
            return value

        if replicas == 1:
            return replica
        return lambda *batch: strategy.reduce("SUM", strategy.run(replica, batch), axis=None)

    def _make_blend(self):
        def blend(decay):
            for average, variable in zip(self.averages, self.averaged, strict=True):
                average.assign(decay * average + (1.0 - decay) * variable)

        return blend

    def step(
        self, number: int, rate: float, inputs: dict[str, np.ndarray], labels: np.ndarray
    ) -> tf.Tensor:
        """Do one step of the optimizer; return the loss.

        Args:
            number: of the step, from 0.
            rate: learning rate.
            inputs: of the network, (n, ...) each.
            labels: (n, T); negative ones do not count.
        """
        # Set from outside at each step: the rule of convergence lowers it.
        self.rate.assign(rate)
        if self.strategy.num_replicas_in_sync > 1:
            inputs, labels = self._spread(inputs, labels)
        loss = self._step(inputs, labels)
        # A short memory at first, so that the first weights do not linger.
        self._blend(
            tf.constant(min(self.train.average_decay, (1 + number) / (10 + number)), tf.float32)
        )
        return loss

    def _spread(self, inputs, labels):
        """Give each device its part of the batch."""
        count = self.strategy.num_replicas_in_sync

        def cut(x):
            def part(context):
                n = context.replica_id_in_sync_group
                return tf.constant(x[n * len(x) // count : (n + 1) * len(x) // count])

            return self.strategy.experimental_distribute_values_from_function(part)

        return {name: cut(value) for name, value in inputs.items()}, cut(labels)

    def logits(self, subset: Subset, view: View) -> np.ndarray:
        """Return the logits (n, T) of all records of `subset`, with the weights as they are."""
        return subset.logits(view, self._logits)

    def swap(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """Give the averaged variables these values; return those that they had."""
        before = [v.numpy() for v in self.averaged]
        for variable, value in zip(self.averaged, values, strict=True):
            variable.assign(value)
        return before

    def average_values(self) -> list[np.ndarray]:
        """Return the running average of every float variable."""
        return [v.numpy() for v in self.averages]

    def arrays(self) -> dict[str, list[np.ndarray]]:
        """Return everything that the next step depends on, and the averages."""
        read = lambda variables: [v.value.numpy() for v in variables]  # noqa: E731
        return {
            "model": read(self.model.variables),
            "optimizer": read(self.optimizer.variables),
            "averages": self.average_values(),
        }

    def restore(self, arrays: dict[str, list[np.ndarray]]) -> None:
        """Inverse of :meth:`arrays`."""
        for variables, values in (
            (self.model.variables, arrays["model"]),
            (self.optimizer.variables, arrays["optimizer"]),
            (self.averages, arrays["averages"]),
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
