"""The forward transform: images go in one after the other, their coefficients come out together.

Each image is carried onto its own small square grid as it arrives, and need not be kept. Once all
are there, the square grids go onto the polar grid together, sixteen numbers (one vector register)
to a point, and from there to coefficients.
"""

from collections.abc import Callable

import numpy as np

from xscatter.core.errors import UserError
from xscatter.fourier_bessel import loops
from xscatter.fourier_bessel.fill import LivePixels, with_partners
from xscatter.fourier_bessel.loops import LANES, NO_BINS, NO_MASK
from xscatter.fourier_bessel.pixels import Pixels


class Accumulator:
    """Up to 16 images on their way to coefficients; :meth:`Plan.accumulator` makes it.

    Each image may be overwritten as soon as :meth:`add` has returned; a mask must stay as it is
    until :meth:`finish`. An accumulator is used once.

    Args:
        detector: the pixels of the detector that lie in the disk.
        window: the pixels that are carried onto the grid: those, or with their partners beside
            them.
        fill: "zero", "ring-mean" or "partner", as for :meth:`Plan.forward`.
        live_pixels: returns what a mask leaves live of `detector`.

    Example:
        >>> import numpy as np
        >>> from xscatter.fourier_bessel import Plan
        >>> plan = Plan((32, 32), (15.5, 15.5), radius=16, angular_orders=4, radial_orders=5)
        >>> accumulator = plan.accumulator()
        >>> for value in (1.0, 2.0):
        ...     accumulator.add(np.full((32, 32), value))
        >>> coefficients, live_fraction = accumulator.finish()
        >>> coefficients.shape, live_fraction.tolist()
        ((2, 4, 5), [1.0, 1.0])
    """

    def __init__(
        self,
        detector: Pixels,
        window: Pixels,
        fill: str,
        live_pixels: Callable[[np.ndarray], LivePixels],
    ):
        self._detector, self._window, self._fill = detector, window, fill
        self._live_pixels = live_pixels
        self._last_mask: np.ndarray | None = None
        self._grids = np.empty((LANES, *window.grid_shape), window.dtype)
        self._rows = np.empty((window.grid_shape[0], window.shape[1]), window.dtype)
        # The last ring, always zero, is for what lies beyond the disk.
        self._means = np.zeros((LANES, window.rings + 1), window.dtype)
        self._live_fractions: list[float] = []

    def add(self, image: np.ndarray, mask: np.ndarray | None = None) -> None:
        """Take one image.

        Args:
            image: (rows, cols), any integer or floating type. Pixels that are NaN or infinite count
                as masked.
            mask: (rows, cols) bool, True = not usable.

        Raises:
            UserError: image or mask do not fit the plan, or 16 images were added before.
        """
        detector, lane = self._detector, len(self._live_fractions)
        image = loops.plain(np.asarray(image))
        shape = detector.detector_shape
        if image.shape != shape or image.dtype.kind not in "uif":
            raise UserError(
                f"image {image.shape} of type {image.dtype} does not fit the plan {shape}"
            )
        mask = None if mask is None else np.asarray(mask, bool)
        if mask is not None and mask.shape != shape:
            raise UserError(f"mask {mask.shape} does not fit the plan {shape}")
        if lane == LANES:
            raise UserError(f"an accumulator takes {LANES} images; finish it and start another")
        if image.dtype.kind == "f" and not loops.finite(image):
            bad = ~np.isfinite(image)
            mask = bad if mask is None else mask | bad
        mask = NO_MASK if mask is None or not mask.any() else np.ascontiguousarray(mask)
        # With the fill "zero", means stay zero.
        means, corner, bins = self._means[lane], detector.corner, NO_BINS
        live_fraction = detector.coverage
        # Nothing is replaced if no pixel is masked and the disk is complete, or filled with zero.
        if mask.size or (self._fill != "zero" and not detector.complete):
            if self._last_mask is not mask:  # comparing masks pixel by pixel takes longer
                self._last_mask, self._live = mask, self._live_pixels(mask)
            bins = self._live.bins
            live_fraction = self._live.counts.sum() / detector.disk_count
            # Without a live pixel there is no mean; the coefficients become NaN at the end.
            if self._fill != "zero" and live_fraction:
                means[:-1] = self._live.means(detector.ring_sums(image, mask, bins))
            if self._fill == "partner":
                image, mask = with_partners(detector, self._window, image, mask)
                corner, bins = (0, 0), NO_BINS  # the image is now the window itself
        window = self._window
        disk = (window.starts, window.stops)
        masked = (mask, window.middle, bins, means)
        if window.taps:
            taps = (window.row_first, window.row_weights)
            loops.reduce_rows(image, *corner, *disk, *taps, *masked, self._rows)
            # Rows are carried by a compiled loop, which reads each pixel once, columns by products
            # of matrices, for which the linear algebra of NumPy is fastest.
            for cols, grid_cols, weights in window.blocks:
                np.matmul(self._rows[:, cols], weights, out=self._grids[lane, :, grid_cols])
        else:
            loops.fill_rows(image, *corner, *disk, *masked, self._grids[lane])
        self._live_fractions.append(live_fraction)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Expand all images that were added.

        Returns:
            Coefficients (n, angular_orders, radial_orders), NaN for an image without a live pixel;
            and the fraction of the disk's pixels that are live, (n,).
        """
        window, tables, n = self._window, self._window.tables, len(self._live_fractions)
        # Lanes without an image stay zero: whether one or sixteen, each is computed in the same
        # way.
        size = self._grids[0].size
        # The lanes of one grid point side by side: one vector register takes them all.
        square = np.zeros((size, LANES), window.dtype)
        loops.interleave(self._grids[:n].reshape(n, size), square)
        padded = np.zeros((*tables.padded, LANES), window.dtype)
        loops.spread(square, *window.points, padded)
        polar = tables.fold(padded)
        if self._fill != "zero" and window.ring_table is not None:
            polar = np.ascontiguousarray(polar)
            window.ring_table.add(self._means, polar)
        coefficients = np.moveaxis(tables.analyse(polar)[:, :, :n], 2, 0)
        # The area of a pixel in units of R².
        coefficients = coefficients / window.dtype.type(window.radius**2)
        live_fractions = np.array(self._live_fractions)
        # Zeros would look like a measured dark image.
        coefficients[live_fractions == 0] = np.nan
        return coefficients, live_fractions
