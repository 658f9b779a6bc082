"""The first layers of the networks: they turn raw counts and raw coefficients into channels.

They are part of the saved model, so that it takes what the records hold: counts with -1 for pixels
that are not usable, and coefficients as real and imaginary part.
"""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from xscatter.fourier_bessel.basis import norms, radial_values, zeros

_MAX_COUNTS = 1e9  # no detector gives more


def stabilise(counts: np.ndarray, kind: str) -> np.ndarray:
    """Transform `counts` (any shape, not negative) as :class:`ImageChannels` does, in NumPy."""
    if kind == "anscombe":
        return 2.0 * np.sqrt(counts + 0.375)
    return np.log1p(counts)


@keras.saving.register_keras_serializable("xscatter")
class ImageChannels(keras.layers.Layer):
    """Counts (n, rows, cols), -1 where not usable -> values and a mask channel (n, rows, cols, c).

    `kind` "anscombe" and "log": one value (t - mean) / deviation with t = 2 sqrt(n + 3/8) (Anscombe
    1948), or log(1 + n), mean and deviation those of all images. "contrast": log(1 + n)
    standardised image by image; arcsinh of t less its local mean, which shows what rises above the
    photon noise; and the image's mean log(1 + n). "log-uint8": see `image_input` of a study. Values
    are 0 where the pixel is not usable, and the mask channel is 1 there.
    """

    def __init__(self, kind: str = "anscombe", **options):
        super().__init__(**{**options, "dtype": "float32"})
        self.kind = kind

    def build(self, shape):
        self.mean = self.add_weight(name="mean", shape=(), initializer="zeros", trainable=False)
        self.deviation = self.add_weight(
            name="deviation", shape=(), initializer="ones", trainable=False
        )

    def call(self, counts):
        # Masked pixels come as -1.
        usable = ops.cast(counts >= 0, "float32")
        return self.KINDS[self.kind](self, ops.clip(counts, 0.0, _MAX_COUNTS), usable)

    def _transformed(self, counts, usable):
        value = 2.0 * ops.sqrt(counts + 0.375) if self.kind == "anscombe" else ops.log1p(counts)
        # 0 where masked: the mean of all images, so that a gap is neither bright nor dark.
        value = (value - self.mean) / self.deviation * usable
        return ops.stack([value, 1.0 - usable], axis=-1)

    def _published(self, counts, usable):
        # As in 2017: log(1 + n) in 256 steps up to 65,536 counts, each image standardised.
        steps = ops.log1p(counts) * float(255 / np.log(65536.0))
        steps = ops.floor(ops.minimum(steps, 255.0)) * usable
        mean = ops.mean(steps, axis=(1, 2), keepdims=True)
        deviation = ops.std(steps, axis=(1, 2), keepdims=True)
        least = float(1.0 / np.sqrt(counts.shape[1] * counts.shape[2]))
        value = (steps - mean) / ops.maximum(deviation, least)
        return ops.stack([value, 1.0 - usable], axis=-1)

    def _contrast(self, counts, usable):
        level = ops.log1p(counts) * usable
        # Means over all pixels are divided by it, to be means over usable ones.
        fraction = ops.maximum(ops.mean(usable, axis=(1, 2), keepdims=True), 1e-6)
        mean = ops.mean(level, axis=(1, 2), keepdims=True) / fraction
        value = (level - mean) * usable
        deviation = ops.sqrt(ops.mean(ops.square(value), axis=(1, 2), keepdims=True) / fraction)
        # Anscombe's transform gives photon noise the deviation 1 at any count.
        stable = 2.0 * ops.sqrt(counts + 0.375) * usable
        near = _smooth(stable) / ops.maximum(_smooth(usable), 1e-3)
        # Linear near 0 and logarithmic beyond: peaks of any height fit into one range.
        local = ops.arcsinh(stable - near) * usable
        # The level of the image, which its own standardisation removes from the first channel.
        overall = ops.broadcast_to((mean - self.mean) / self.deviation, ops.shape(value))
        return ops.stack(
            [value / ops.maximum(deviation, 0.1), local, overall, 1.0 - usable], axis=-1
        )

    KINDS: ClassVar = {
        "contrast": _contrast,
        "anscombe": _transformed,
        "log": _transformed,
        "log-uint8": _published,
    }

    def adapt(self, counts: np.ndarray) -> None:
        """Set mean and deviation from sample `counts` (n, rows, cols), -1 where not usable."""
        usable = counts[counts >= 0]
        if self.kind != "log-uint8" and usable.size:
            value = stabilise(usable.astype(np.float64), self.kind)
            self.mean.assign(value.mean())
            # Never zero, even if all images of the sample are blank.
            self.deviation.assign(max(value.std(), 1e-3))

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


def _smooth(x):
    """Return means over blocks of a 16th of the side of x (n, rows, cols), linear between them."""
    rows, cols = x.shape[1:]
    block = (max(rows // 16, 1), max(cols // 16, 1))
    coarse = ops.average_pool(x[..., None], block, padding="same")
    return ops.image.resize(coarse, (rows, cols), interpolation="bilinear")[..., 0]


@keras.saving.register_keras_serializable("xscatter")
class CoefficientChannels(keras.layers.Layer):
    """Coefficients (n, orders, zeros, 2), real and imaginary -> channels (n, orders, zeros, c).

    `kind`: "magnitude", log |c|; "real-imaginary", c over its root mean square; "mixed", log |c|,
    arcsinh of both parts over the median of |c|; "invariant", log |c|, and real and imaginary part
    of c_k conj(c_k+1) / |c_k c_k+1| of neighbouring zeros, which no rotation changes, with c_0k
    itself in order 0; "sign-log", both parts of every second order as sign(c) log(1 + 255 |c| /
    max) / log 256, each image standardised (2017). Every channel is standardised at each (order,
    zero).
    """

    CHANNELS: ClassVar = {
        "magnitude": 1,
        "real-imaginary": 2,
        "mixed": 3,
        "invariant": 4,
        "sign-log": 2,
    }

    def __init__(self, kind: str = "mixed", **options):
        super().__init__(**{**options, "dtype": "float32"})
        self.kind = kind

    def build(self, shape):
        orders, zeros = shape[1:3]
        weight = {"trainable": False, "initializer": "ones"}
        self.scale = self.add_weight(name="scale", shape=(orders, zeros), **weight)
        full = (orders, zeros, self.CHANNELS[self.kind])
        self.mean = self.add_weight(name="mean", shape=full, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(name="deviation", shape=full, **weight)

    def _channels(self, c):
        if self.kind == "sign-log":
            c = c[:, ::2]
            most = ops.maximum(ops.max(ops.abs(c), axis=(1, 2, 3), keepdims=True), 1e-30)
            return ops.sign(c) * ops.log1p(255.0 * ops.abs(c) / most) / float(np.log(256.0))
        c = c / self.scale[..., None]
        square = ops.sum(ops.square(c), axis=-1, keepdims=True)
        magnitude = 0.5 * ops.log(square + 1e-3)
        if self.kind == "magnitude":
            return magnitude
        if self.kind == "real-imaginary":
            return c
        if self.kind == "mixed":
            return ops.concatenate([magnitude, ops.arcsinh(c)], axis=-1)
        unit = c / ops.sqrt(square + 1e-3)
        real, imaginary = unit[..., 0], unit[..., 1]
        next_real, next_imaginary = ops.roll(real, -1, axis=2), ops.roll(imaginary, -1, axis=2)
        relative = [
            real * next_real + imaginary * next_imaginary,
            imaginary * next_real - real * next_imaginary,
        ]
        zeroth = np.zeros((c.shape[1], 1), "float32")
        zeroth[0] = 1.0
        relative.append(ops.arcsinh(c[..., 0]) * zeroth)
        return ops.concatenate([magnitude, ops.stack(relative, axis=-1)], axis=-1)

    def call(self, c):
        channels = self._channels(ops.cast(c, "float32"))
        if self.kind == "sign-log":
            mean = ops.mean(channels, axis=(1, 2, 3), keepdims=True)
            return (channels - mean) / ops.maximum(
                ops.std(channels, axis=(1, 2, 3), keepdims=True), 1e-3
            )
        return (channels - self.mean) / self.deviation

    def adapt(self, c: np.ndarray) -> None:
        """Set the scales from sample coefficients `c` (n, orders, zeros, 2)."""
        if self.kind == "sign-log":
            return
        c = c[np.isfinite(c).all(axis=(1, 2, 3))]
        magnitude = np.hypot(c[..., 0], c[..., 1])
        if self.kind == "real-imaginary":
            scale = np.sqrt(np.mean(magnitude**2, axis=0))
        else:
            scale = np.median(magnitude, axis=0)
        self.scale.assign(np.maximum(scale, 1e-6 * max(float(scale.max()), 1e-30)))
        channels = self._channels(ops.convert_to_tensor(c, "float32")).numpy()
        self.mean.assign(channels.mean(axis=0))
        deviation = channels.std(axis=0)
        self.deviation.assign(np.maximum(deviation, 0.05))

    def compute_output_shape(self, shape):
        orders = (shape[1] + 1) // 2 if self.kind == "sign-log" else shape[1]
        return (shape[0], orders, shape[2], self.CHANNELS[self.kind])

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


@keras.saving.register_keras_serializable("xscatter")
class RadialProfiles(keras.layers.Layer):
    """Coefficients (n, orders, zeros, 2), real and imaginary -> radial profiles of each order.

    Summed over its zeros, an angular order m becomes the profile f_m(r) of the m-th harmonic of the
    image along the azimuth; f_0 is the azimuthal average. Lanczos' factors sinc(k/(K+1)) (Applied
    Analysis, 1956, section 4.6) keep the end of the sum over k from ringing. The `radii` lie evenly
    in log r from a 64th of the disk's radius to its rim, so that peaks in one ratio of q have one
    distance, whatever their scale: a convolution along them recognises a lattice.

    Output (n, radii, 3 orders): values times √r, in units of the noise (the deviation of the mean
    over a ring falls as 1/√r), as log magnitude and arcsinh of both parts; f_0 has no imaginary
    part, and its contrast with its surroundings takes that place. Every channel is standardised at
    each radius. `boundary` is that of the expansion.
    """

    LEAST = 1 / 64  # smallest radius
    SURROUNDINGS = 0.13  # deviation in log r of the surroundings of f_0

    def __init__(self, radii: int = 128, boundary: str = "dirichlet", **options):
        super().__init__(**{**options, "dtype": "float32"})
        self.radii, self.boundary = radii, boundary

    def build(self, shape):
        orders, count = shape[1:3]
        step = -np.log(self.LEAST) / self.radii
        r = np.exp(-step * np.arange(self.radii, 0, -1.0))
        zero = zeros(orders, count, self.boundary)
        damped = norms(zero, self.boundary) * np.sinc(np.arange(1, count + 1) / (count + 1))
        # In the order of a matrix product of each order's coefficients: (orders, zeros, radii).
        values = (radial_values(zero, r) * damped[:, None] * np.sqrt(r)[:, None]).transpose(0, 2, 1)
        self._sum = values.astype("float32")
        index = np.arange(self.radii)
        near = np.exp(-0.5 * ((index[:, None] - index) * step / self.SURROUNDINGS) ** 2)
        near = near / np.sqrt(r) / near.sum(axis=1, keepdims=True) * np.sqrt(r)[:, None]
        self._contrast = (np.eye(self.radii) - near).T.astype("float32")
        fixed = {"trainable": False}
        self.noise = self.add_weight(name="noise", shape=(), initializer="ones", **fixed)
        full = (self.radii, 3 * orders)
        self.mean = self.add_weight(name="mean", shape=full, initializer="zeros", **fixed)
        self.deviation = self.add_weight(name="deviation", shape=full, initializer="ones", **fixed)

    def _profiles(self, c):
        """Real and imaginary part of √r f_m(r): (orders, n, 2, radii)."""
        orders, count = c.shape[1:3]
        each = ops.reshape(ops.transpose(c, (1, 0, 3, 2)), (orders, -1, count))
        return ops.reshape(ops.matmul(each, self._sum), (orders, -1, 2, self.radii))

    def _channels(self, c):
        parts = ops.transpose(self._profiles(c) / self.noise, (1, 3, 0, 2))
        magnitude = 0.5 * ops.log(ops.sum(ops.square(parts), axis=-1) + 0.3)
        contrast = ops.matmul(parts[:, :, 0, 0], self._contrast)
        imaginary = ops.concatenate([contrast[..., None], parts[:, :, 1:, 1]], axis=-1)
        return ops.concatenate(
            [magnitude, ops.arcsinh(parts[..., 0]), ops.arcsinh(imaginary)], axis=-1
        )

    def call(self, c):
        return (self._channels(ops.cast(c, "float32")) - self.mean) / self.deviation

    def adapt(self, c: np.ndarray) -> None:
        """Set the scales from sample coefficients `c` (n, orders, zeros, 2)."""
        c = ops.convert_to_tensor(c[np.isfinite(c).all(axis=(1, 2, 3))], "float32")
        parts = ops.convert_to_numpy(self._profiles(c))
        # Few scenes reach the highest orders near the rim: what most images have there is noise.
        outer = parts[len(parts) * 3 // 4 :, ..., self.radii * 3 // 4 :]
        self.noise.assign(max(float(np.median(np.hypot(outer[:, :, 0], outer[:, :, 1]))), 1e-30))
        channels = ops.convert_to_numpy(self._channels(c))
        self.mean.assign(channels.mean(axis=0))
        self.deviation.assign(np.maximum(channels.std(axis=0), 0.05))

    def compute_output_shape(self, shape):
        return (shape[0], self.radii, 3 * shape[1])

    def get_config(self):
        return {**super().get_config(), "radii": self.radii, "boundary": self.boundary}
