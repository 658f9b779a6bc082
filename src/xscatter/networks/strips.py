"""Convolve large images on a CPU without AVX-512 strip by strip of rows, in bounded memory."""

import itertools
import math
from functools import cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

_MOST = 2**26  # numbers of an unrolled strip


@keras.saving.register_keras_serializable("xscatter")
class Conv2DInStrips(keras.layers.Conv2D):
    """Conv2D whose work space does not grow with the image: stride 1, odd kernel, "same" padding.

    On a processor without AVX-512, TensorFlow convolves by unrolling: every pixel becomes a row of
    the numbers below the kernel, 9 times the image for a kernel of 3 x 3. In VGG-16 at 2000 x 2000
    these are 2.3 thousand million: in bfloat16 4.6 GB for one gradient, and in float32 more than
    oneDNN unrolls, which then takes its slow reference. There, convolutions of more than 2^26
    numbers are done in strips.
    """

    def convolution_op(self, inputs, kernel):
        """As of `keras.layers.Conv2D`."""
        strips = math.ceil(math.prod(inputs.shape[1:3]) * math.prod(kernel.shape[:3]) / _MOST)
        if strips == 1 or not unrolls():
            return super().convolution_op(inputs, kernel)
        return convolve(inputs, tf.identity(keras.ops.convert_to_tensor(kernel)), strips)


@cache
def unrolls() -> bool:
    """Return whether convolutions unroll the image: on a CPU not known to have AVX-512."""
    if tf.config.list_physical_devices("GPU"):
        return False
    try:
        return "avx512bw" not in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True


def convolve(images: tf.Tensor, kernel: tf.Tensor, strips: int) -> tf.Tensor:
    """Convolve in strips of rows, with zeros beyond the rim, and so compute both gradients.

    The gradient of the kernel is summed in float32, whatever the images are: in bfloat16 a
    processor without it takes ten times as long, and rounds the sum.

    Args:
        images: (n, rows, columns, c).
        kernel: (a, b, c, d), a and b odd.
        strips: their number.

    Returns:
        (n, rows, columns, d).
    """

    @tf.custom_gradient
    def both(images, kernel):
        def gradient(upstream):
            # The gradient of the images is a convolution, too: with the kernel turned by a half.
            turned = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
            return _each(upstream, turned, strips), _kernel_gradient(
                images, upstream, kernel.shape, strips
            )

        return _each(images, kernel, strips), gradient

    return both(images, kernel)


def _rows(rows: int, strips: int):
    """Return first and last row of each strip."""
    return itertools.pairwise(np.linspace(0, rows, strips + 1).astype(int).tolist())


def _strip(images, first: int, last: int, size):
    """Return the rows from `first` to `last` with the margin that a kernel of `size` needs."""
    rows, above, beside = images.shape[1], size[0] // 2, size[1] // 2
    low, high = max(0, first - above), min(rows, last + above)
    padding = ((0, 0), (low - first + above, last + above - high), (beside, beside), (0, 0))
    return tf.pad(images[:, low:high], padding)


def _each(images, kernel, strips: int):
    rows = _rows(images.shape[1], strips)
    seen = (_strip(images, first, last, kernel.shape) for first, last in rows)
    return tf.concat([tf.nn.conv2d(x, kernel, 1, "VALID") for x in seen], axis=1)


def _kernel_gradient(images, upstream, shape, strips: int):
    total = tf.zeros(shape, tf.float32)
    for first, last in _rows(images.shape[1], strips):
        # One strip after the other, and none before the gradient has come: the strips of the
        # forward pass would be kept for it.
        with tf.control_dependencies([total, upstream]):
            x = tf.cast(_strip(images, first, last, shape), tf.float32)
            y = tf.cast(upstream[:, first:last], tf.float32)
        total += tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=shape, out_backprop=y, strides=[1] * 4, padding="VALID"
        )
    return tf.cast(total, images.dtype)
