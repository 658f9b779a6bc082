"""The forward transform inside TensorFlow: a Keras layer that XLA compiles, for work on a GPU node.

The tables are those of a :class:`Plan`. Pixels go onto the square grid by two dense products. XLA
has no fast way to add to scattered places, so the spread onto the polar grid is turned round: each
of its points gathers a fixed number of terms, padded with zero weights. Imported on demand.
"""

import keras
import numpy as np
import tensorflow as tf

from xscatter.core.errors import UserError
from xscatter.fourier_bessel.fill import live_pixels
from xscatter.fourier_bessel.loops import NO_MASK
from xscatter.fourier_bessel.pixels import Pixels
from xscatter.fourier_bessel.plan import Plan
from xscatter.fourier_bessel.rings import RingTable


class FourierBessel(keras.layers.Layer):
    """Keras layer: images (n, rows, cols) to coefficients (n, angular_orders, radial_orders).

    The coefficients, complex64, are those of :meth:`Plan.forward`, to better than 1e-4. All pixels
    must be finite.

    Args:
        plan: the plan, of dtype "float32".
        mask: (rows, cols) bool, True = not usable, for all images.
        fill: "ring-mean" or "zero", as for :meth:`Plan.forward`.
        points_at_once: points of the polar grid that are summed together; bounds the memory.

    Raises:
        UserError: another fill, a mask of another shape or without a live pixel in the disk.

    Example:
        >>> import numpy as np
        >>> from xscatter.fourier_bessel import Plan
        >>> from xscatter.fourier_bessel.tensorflow import FourierBessel
        >>> layer = FourierBessel(Plan((16, 16), (7.5, 7.5), 8, angular_orders=3, radial_orders=4))
        >>> layer(np.ones((2, 16, 16), np.float32)).shape
        TensorShape([2, 3, 4])
    """

    def __init__(
        self,
        plan: Plan,
        mask: np.ndarray | None = None,
        fill: str = "ring-mean",
        points_at_once: int = 4096,
        **options,
    ):
        super().__init__(trainable=False, dtype="float32", **options)
        if fill not in ("ring-mean", "zero"):
            raise UserError(
                f"fill {fill!r}: the layer knows ring-mean and zero; use Plan.forward for partner"
            )
        if mask is not None and np.shape(mask) != plan.shape:
            raise UserError(
                f"mask {np.shape(mask)} does not fit the plan; it must have its shape {plan.shape}"
            )
        pixels, tables = plan.pixels, plan.pixels.tables
        mask = NO_MASK if mask is None else np.ascontiguousarray(mask, bool)
        live = live_pixels(pixels, mask)
        if not live.counts.any():
            raise UserError("mask: it leaves no pixel of the disk")
        self._shape = plan.shape
        self._window = (pixels.top, pixels.left, *pixels.shape)
        is_live = pixels.live(mask)
        self._live = tf.constant(is_live.reshape(-1, 1))
        self._means = None
        if fill == "ring-mean" and live.counts.sum() < pixels.disk_count:
            # Pixels that are not live go to an additional last ring, which is dropped.
            ring = pixels.ring_numbers()
            self._ring = tf.constant(np.where(is_live, ring, pixels.rings).reshape(-1), tf.int32)
            self._fill_ring = None
            if live.counts.sum() < pixels.count:
                self._fill_ring = tf.constant(ring.reshape(-1), tf.int32)
            # Means are linear in the sums, whatever is interpolated: a matrix.
            units = np.eye(pixels.rings)
            self._means = tf.constant(np.stack([live.means(unit) for unit in units], 1), tf.float32)
            self._rings_outside = None
            if pixels.ring_table is not None:
                table, rings = _by_radius(pixels.ring_table, tables.radii)
                self._rings_outside = (tf.constant(table), tf.constant(rings, tf.int32))
        self._to_grid = None
        if pixels.taps:
            self._to_grid = tuple(
                tf.constant(_dense(first, weights, side))
                for first, weights, side in (
                    (pixels.row_first, pixels.row_weights, pixels.grid_shape[0]),
                    (pixels.col_first, pixels.col_weights, pixels.grid_shape[1]),
                )
            )
        index, weight = _gather_table(pixels)
        pad = -len(index) % points_at_once
        self._points = len(index)
        self._terms = index.shape[1]
        self._index = tf.constant(
            np.pad(index, ((0, pad), (0, 0))).reshape(-1, points_at_once, self._terms)
        )
        self._weight = tf.constant(
            np.pad(weight, ((0, pad), (0, 0))).reshape(-1, points_at_once, self._terms)
        )
        self._grid = (tables.angles, tables.radii)
        self._fourier = [tf.constant(table) for table in tables.fourier]
        self._radial = tf.constant(tables.radial / plan.radius**2)
        self._orders = (plan.angular_orders, plan.radial_orders)

    def call(self, images):
        """Return the coefficients of images (n, rows, cols)."""
        top, left, rows, cols = self._window
        window = tf.cast(images, tf.float32)[:, top : top + rows, left : left + cols]
        n = tf.shape(window)[0]
        values = tf.transpose(tf.reshape(window, (n, rows * cols)))  # (pixels, n)
        values = tf.where(self._live, values, 0.0)
        means = None
        if self._means is not None:
            rings = self._means.shape[0]
            sums = tf.math.unsorted_segment_sum(values, self._ring, rings + 1)[:rings]
            means = tf.pad(self._means @ sums, ((0, 1), (0, 0)))
            if self._fill_ring is not None:
                values = tf.where(self._live, values, tf.gather(means, self._fill_ring))
        if self._to_grid:
            along_rows, along_cols = self._to_grid
            values = tf.einsum(
                "yxn,yi,xj->ijn", tf.reshape(values, (rows, cols, n)), along_rows, along_cols
            )
            values = tf.reshape(values, (values.shape[0] * values.shape[1], n))

        def some(tables):
            index, weight = tables
            return tf.einsum("pt,ptn->pn", weight, tf.gather(values, index))

        shape = tf.TensorSpec((self._index.shape[1], None), tf.float32)
        grid = tf.map_fn(some, (self._index, self._weight), fn_output_signature=shape)
        grid = tf.reshape(grid, (-1, n))[: self._points]
        if means is not None and self._rings_outside is not None:
            table, outside = self._rings_outside
            grid += tf.reshape(tf.einsum("ars,rsn->arn", table, tf.gather(means, outside)), (-1, n))
        half = self._grid[0] // 2
        near = tf.reshape(grid, (2, half, self._grid[1] * n))
        by_parity = []
        for parity, folded in enumerate(
            (near[0] + near[1], near[0] - near[1])[: min(2, self._orders[0])]
        ):
            waves = tf.reshape(self._fourier[parity] @ folded, (2, -1, self._grid[1], n))
            by_parity.append(tf.einsum("mkr,cmrn->cnmk", self._radial[parity::2], waves))
        cosine_sine = by_parity[0]  # (2, n, orders, zeros)
        if len(by_parity) == 2:
            # Even and odd orders take turns; the last even one may have no odd one after it.
            even, odd = by_parity
            missing = even.shape[2] - odd.shape[2]
            odd = tf.pad(odd, ((0, 0), (0, 0), (0, missing), (0, 0)))
            both = tf.stack([even, odd], axis=3)
            both = tf.reshape(both, (2, n, 2 * even.shape[2], self._orders[1]))
            cosine_sine = both[:, :, : self._orders[0]]
        return tf.complex(cosine_sine[0], -cosine_sine[1])

    def compute_output_shape(self, input_shape):
        """Return (n, angular_orders, radial_orders)."""
        return (input_shape[0], *self._orders)


def _dense(first: np.ndarray, weights: np.ndarray, side: int) -> np.ndarray:
    """Return the matrix (n, side) with weights (n, taps) from the columns `first` (n,) on."""
    matrix = np.zeros((len(first), side), np.float32)
    np.put_along_axis(matrix, first[:, None] + np.arange(weights.shape[1]), weights, axis=1)
    return matrix


def _by_radius(table: RingTable, radii: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rings that reach each radius, (radii, n), and weights (angles, radii, n)."""
    weights = np.einsum("apr,rpj->arj", table.sums, table.radial)
    column = table.first[:, None] + np.arange(weights.shape[2])
    # A negative radius is the positive one on the other side.
    negative, column = column < 0, np.where(column < 0, -1 - column, column)
    weights = np.where(negative, np.roll(weights, len(weights) // 2, axis=0), weights)
    used = np.flatnonzero(column.reshape(-1) < radii)
    order, at, place, most = _grouped(column.reshape(-1)[used], radii)
    used, shape = used[order], (radii, most)
    rings, by_radius = np.zeros(shape, np.int32), np.zeros((len(weights), *shape), np.float32)
    rings[at, place] = table.rings()[used // weights.shape[2]]
    by_radius[:, at, place] = weights.reshape(len(weights), -1)[:, used]
    return by_radius, rings


def _gather_table(pixels: Pixels) -> tuple[np.ndarray, np.ndarray]:
    """Return, for every point of the polar grid, pixels and their weights, (points, terms) each."""
    tables = pixels.tables
    index, theta, r, along_theta, along_r = pixels.points
    offset = np.arange(tables.width)
    rows = (theta[:, None] + offset - tables.pad) % tables.angles
    cols = r[:, None] + offset - tables.pad
    rows, cols = np.broadcast_arrays(rows[:, :, None], cols[:, None, :])
    # A negative radius is the positive one on the other side.
    rows = np.where(cols < 0, (rows + tables.angles // 2) % tables.angles, rows)
    cols = np.where(cols < 0, -1 - cols, cols)
    point = (rows * tables.radii + cols).reshape(-1)
    weight = (along_theta[:, :, None] * along_r[:, None, :]).reshape(-1)
    source = np.repeat(index, tables.width**2)
    order, point, term, most = _grouped(point, tables.angles * tables.radii)
    shape = (tables.angles * tables.radii, most)
    gather, factor = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    gather[point, term], factor[point, term] = source[order], weight[order]
    return gather, factor


def _grouped(target: np.ndarray, targets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Group terms by their `target` (n,), a number below `targets`.

    Returns:
        The order (n,) that brings equal targets together; in that order, the targets, and the
        number of each term among those of its target; the largest number of terms of a target.
    """
    order = np.argsort(target, kind="stable")
    counts = np.bincount(target, minlength=targets)
    number = np.arange(target.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return order, target[order], number, max(1, int(counts.max()))
