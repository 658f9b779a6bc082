"""One network with its optimizer and the running average of its weights: a step, a score, its whole state."""

import os

import keras
import numpy as np
import tensorflow as tf

from xscatter.core.errors import UserError
from xscatter.core.seeds import Purpose, sequence
from xscatter.learn.data import Part
from xscatter.networks import models, strips
from xscatter.study import Train

_SAMPLE, _SAMPLE_BYTES = (
    512,
    2**27,
)  # records that measure the scale of the inputs, and their bytes: at most, but 16


def prepare(threads: int, seed: int, view_key: int, precision: str = "float32") -> None:
    """Set threads, number format and every random state, so that what follows is repeatable."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # TensorFlow has started in this process: its threads stay as they are
        pass
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    keras.backend.clear_session()
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(
        int(sequence(seed, Purpose.TRAINING, view_key, 1).generate_state(1)[0])
    )


def slow_precision(precision: str) -> str | None:
    """What to say where this processor has no arithmetic for `precision`; None where it has."""
    if precision == "float32" or not strips.unrolls():
        return None
    return (
        f"precision {precision} saves memory, but takes longer than float32 here: TensorFlow is fast in it on GPUs "
        "and with AVX-512, and finds neither"
    )


def unused_gpu() -> str | None:
    """What to say where this process was given GPUs and TensorFlow finds none; None where nothing is amiss."""
    for name in ("SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES"):
        given = os.environ.get(name, "")
        if given not in ("", "-1", "NoDevFiles") and not tf.config.list_physical_devices("GPU"):
            return (
                f"trains on the CPU, though {name} is {given}: TensorFlow finds no GPU; it is the build for CPUs, or "
                "the driver is too old: see 'The GPU is not found' in docs/troubleshooting.md"
            )
    return None


def strategy(devices: int) -> tf.distribute.Strategy:
    """The default strategy for one device, or one that mirrors the network over `devices` of them.

    Raises:
        UserError: there are not so many.
    """
    if devices == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    found = tf.config.list_logical_devices(kind)
    if len(found) < devices:
        raise UserError(f"train.devices: {devices} asked for, {len(found)} {kind} found; lower it")
    return tf.distribute.MirroredStrategy([device.name for device in found[:devices]])


def build(
    view: str, part: Part, tags: int, train: Train, branches: list[keras.Model] | None = None
) -> keras.Model:
    """The network of `view`, its input scales measured on `part`; the joint one on two trained `branches`."""
    if branches:
        return models.joint_network(branches[0], branches[1], train)
    count = min(_SAMPLE, max(16, _SAMPLE_BYTES // part.bytes_of(view)), len(part))
    index = np.linspace(0, len(part) - 1, count).astype(int)
    sample = next(iter(part.inputs(view, index).values()))
    shape = tuple(sample.shape[1:3])
    if view == "image":
        model = models.image_network(shape, tags, train)
    else:
        boundary = part.records.manifest.get("transform", {}).get("boundary", "dirichlet")
        model = models.coefficient_network(shape, tags, train, boundary)
    name = next(iter(model.input))
    for layer in model.layers:
        if hasattr(layer, "adapt"):
            before = keras.Model(model.input, layer.input)
            layer.adapt(
                np.concatenate(
                    [before({name: sample[n : n + 32]}) for n in range(0, len(sample), 32)]
                )
            )
    return model


def loss_of(train: Train, prevalence: np.ndarray):
    """Loss (labels, logits) -> mean over records and tags; rare tags' positives weigh up to `positive_weight`."""
    rarity = np.sqrt((1 - prevalence) / np.maximum(prevalence, 1e-6))
    weight = tf.constant(np.clip(rarity, 1.0, train.positive_weight), tf.float32)

    def cross_entropy(labels, logits):
        return tf.nn.weighted_cross_entropy_with_logits(labels, logits, weight)

    def asymmetric(labels, logits):
        # Ridnik et al. 2021 (arXiv 2009.14119): gamma+ = 0, gamma- = 4, margin 0.05. The focal factor
        # is a constant for the gradient: that of (1 - p)^0 is not a number at p = 1.
        shifted = tf.maximum(tf.sigmoid(logits) - 0.05, 0.0)
        focal = tf.stop_gradient(shifted**4)
        positive = labels * weight * tf.math.log_sigmoid(logits)
        return -positive - (1 - labels) * focal * tf.math.log(tf.maximum(1 - shifted, 1e-7))

    each = asymmetric if train.loss == "asymmetric" else cross_entropy
    return lambda labels, logits: tf.reduce_mean(
        tf.where(labels < 0, 0.0, each(tf.maximum(labels, 0.0), logits))
    )


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
            if train.optimizer == "adamw":
                # Each device clips its share of the gradient before the shares are summed.
                clip = 1.0 / strategy.num_replicas_in_sync
                optimizer = keras.optimizers.AdamW(weight_decay=train.weight_decay, clipnorm=clip)
                optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "blend"])
            else:
                optimizer = keras.optimizers.SGD(momentum=0.9)
            self.rate = optimizer.learning_rate
            if train.precision == "mixed_float16":
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            optimizer.build(model.trainable_variables)
            self.optimizer = optimizer
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
                value = loss(labels, model(inputs, training=True)) / replicas
                scaled = optimizer.scale_loss(value) if hasattr(optimizer, "scale_loss") else value
            gradients = tape.gradient(scaled, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            if (
                scaled is value
            ):  # a scaled loss may overflow now and then, which its optimizer mends
                # Rectifiers can hide a NaN from the loss, but not from the gradients.
                value = tf.where(
                    tf.math.is_finite(tf.linalg.global_norm(gradients)), value, float("nan")
                )
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
        """One step of the optimizer at learning `rate`, the `number`-th from 0; return the loss."""
        self.rate.assign(rate)
        if self.strategy.num_replicas_in_sync > 1:
            inputs, labels = self._spread(inputs, labels)
        loss = self._step(inputs, labels)
        # A short memory at first, so that the first weights do not linger.
        self._blend(tf.constant(min(self.train.average, (1 + number) / (10 + number)), tf.float32))
        return loss

    def _spread(self, inputs, labels):
        count = self.strategy.num_replicas_in_sync
        take = lambda x, n: tf.constant(x[n * len(x) // count : (n + 1) * len(x) // count])  # noqa: E731
        place = self.strategy.experimental_distribute_values_from_function
        cut = lambda x: place(lambda context: take(x, context.replica_id_in_sync_group))  # noqa: E731
        return {name: cut(value) for name, value in inputs.items()}, cut(labels)

    def logits(self, part: Part, view: str) -> np.ndarray:
        """Logits (n, T) of all records of `part`, with the weights as they are."""
        return part.logits(view, self._logits)

    def swap(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """Give the averaged variables these values; return those that they had."""
        before = [v.numpy() for v in self.averaged]
        for variable, value in zip(self.averaged, values, strict=True):
            variable.assign(value)
        return before

    def average_values(self) -> list[np.ndarray]:
        """The running average of every float variable."""
        return [v.numpy() for v in self.averages]

    def arrays(self) -> dict[str, list[np.ndarray]]:
        """Everything that a next step depends on, and the averages."""
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
