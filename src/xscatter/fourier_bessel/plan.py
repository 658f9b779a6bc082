"""The plan: made once for a detector, a beam centre and a truncation, executed many times."""

from itertools import repeat

import numpy as np

from xscatter.core.errors import UserError
from xscatter.fourier_bessel import basis
from xscatter.fourier_bessel.accumulator import Accumulator
from xscatter.fourier_bessel.fill import FILLS, LivePixels, live_pixels
from xscatter.fourier_bessel.kernels import taps_for, width_for
from xscatter.fourier_bessel.loops import LANES, NO_MASK
from xscatter.fourier_bessel.pixels import LEAST_REDUCTION, Pixels
from xscatter.fourier_bessel.polar import polar_tables, radial_step


class Plan:
    """The Fourier-Bessel expansion of detector images.

    On the disk of `radius` R about the beam centre, with r in units of R and θ = atan2(row - row0,
    col - col0), the basis functions are ψ_mk = N_mk J_m(z_mk r) e^{imθ}, orthonormal on the unit
    disk, and the coefficients of an image f are

        c_mk = Σ over pixels in the disk of f conj(ψ_mk) / R²,

    computed to a chosen `tolerance` in a small part of the time of that sum. Only m ≥ 0 is kept,
    since f is real. Zeros z_mk and norms N_mk: :mod:`xscatter.fourier_bessel.basis`.

    Args:
        shape: (rows, cols) of the images.
        center: beam centre (row, col) in pixels, any real numbers; pixel centres are integers.
        radius: radius of the disk in pixels.
        angular_orders: number of angular orders, m = 0 to angular_orders - 1.
        radial_orders: number of zeros z_mk of each order, k = 0 for the first.
        dtype: "float32" or "float64", of the sums; coefficients are complex of that precision.
        boundary: "dirichlet" (z_mk the zeros of J_m) or "neumann" (of J_m').
        tolerance: relative L2 error against the direct sum over pixels, at least 1e-6 with float32
            and 1e-12 with float64; it decides the widths of the kernels.
        minimum_coverage: least fraction of the disk that must lie on the detector.

    Attributes:
        coverage: fraction of the disk that lies on the detector.
        pixels: tables of the detector's pixels. They belong to this library: its accumulators and
            its TensorFlow layer read them, and they may change without notice.

    Raises:
        UserError: an argument is out of bounds, or too little of the disk lies on the detector.

    Example:
        >>> import numpy as np
        >>> from xscatter.fourier_bessel import Plan
        >>> plan = Plan((64, 64), center=(31.5, 31.5), radius=32, angular_orders=5, radial_orders=6)
        >>> rows, cols = np.indices((64, 64)) - 31.5
        >>> ring = np.exp(-((np.hypot(rows, cols) - 16) ** 2) / 8)
        >>> c = plan.forward(ring)
        >>> c.shape
        (5, 6)
        >>> bool(np.abs(c[1:]).max() < 1e-3 * np.abs(c[0]).max())  # a ring is all in m = 0
        True
    """

    def __init__(
        self,
        shape: tuple[int, int],
        center: tuple[float, float],
        radius: float,
        angular_orders: int,
        radial_orders: int,
        dtype: str = "float32",
        boundary: str = "dirichlet",
        tolerance: float = 5e-5,
        minimum_coverage: float = 0.1,
    ):
        self.shape = (int(shape[0]), int(shape[1]))
        self.center = (float(center[0]), float(center[1]))
        self.radius = float(radius)
        self.angular_orders, self.radial_orders = int(angular_orders), int(radial_orders)
        self.dtype, self.boundary, self.tolerance = np.dtype(dtype), boundary, float(tolerance)
        # Before any table is made: a wrong argument may ask for a huge one.
        self._check()
        rows, cols = (
            (
                max(0, int(np.ceil(middle - self.radius))),
                min(side, int(np.floor(middle + self.radius)) + 1),
            )
            for middle, side in zip(self.center, self.shape, strict=True)
        )
        self.coverage = 0.0
        if rows[0] < rows[1] and cols[0] < cols[1]:
            self.pixels = self._window(rows, cols)
            self.coverage = self.pixels.coverage
        # Even with no minimum, one pixel of the disk must be on the detector.
        if self.coverage < max(minimum_coverage, 1e-12):
            raise UserError(
                f"beam centre ({self.center[0]:g}, {self.center[1]:g}): {self.coverage:.1%} of "
                f"the disk of radius {self.radius:g} pixels is on the "
                f"{self.shape[0]}x{self.shape[1]} detector, less than {minimum_coverage:.1%}; "
                "choose a smaller radius, or correct the centre"
            )
        self._partner_pixels: Pixels | None = None
        self._live: tuple[np.ndarray, LivePixels] | None = None

    def _check(self) -> None:
        if self.dtype not in (np.float32, np.float64):
            raise UserError(f"dtype {self.dtype} cannot be used; choose float32 or float64")
        if self.boundary not in basis.BOUNDARIES:
            raise UserError(
                f"boundary {self.boundary!r} is not known; use one of {', '.join(basis.BOUNDARIES)}"
            )
        if min(self.shape) < 1 or self.angular_orders < 1 or self.radial_orders < 1:
            raise UserError(
                f"shape {self.shape}, {self.angular_orders} angular and {self.radial_orders} "
                "radial orders: each must be at least 1"
            )
        if not (np.isfinite(self.center).all() and 1 <= self.radius < np.inf):
            raise UserError(
                f"centre {self.center} must be finite, and radius {self.radius:g} at least 1 pixel"
            )
        # Rounding of the sums leaves no more than this.
        least = 1e-12 if self.dtype == np.float64 else 1e-6
        if not least <= self.tolerance < 0.1:
            raise UserError(
                f"tolerance {self.tolerance:g} is out of bounds: {least:g} to 0.1 with dtype "
                f"{self.dtype}"
            )

    def _window(self, rows: tuple[int, int], cols: tuple[int, int]) -> Pixels:
        orders = (self.angular_orders, self.radial_orders, self.boundary)
        taps, key = tables_key(self.radius, *orders, self.tolerance, self.dtype.name)
        return Pixels(self.shape, (rows, cols), self.center, self.radius, polar_tables(*key), taps)

    @property
    def zeros(self) -> np.ndarray:
        """Zeros z_mk, (angular_orders, radial_orders) float64."""
        return basis.zeros(self.angular_orders, self.radial_orders, self.boundary)

    def forward(
        self, images: np.ndarray, mask: np.ndarray | None = None, fill: str = "ring-mean"
    ) -> np.ndarray:
        """Return the coefficients c_mk of images.

        Args:
            images: (rows, cols) or (n, rows, cols), any integer or floating type. Pixels that are
                NaN or infinite count as masked.
            mask: (rows, cols) or (n, rows, cols) bool, True = not usable.
            fill: what replaces masked pixels, and those of the disk beside the detector: "zero";
                "ring-mean", the mean over the live pixels of the same ring, which are those at the
                same distance from the centre, rounded to whole pixels; "partner", the live pixel on
                the other side of the centre, or else the ring mean.

        Returns:
            (n, angular_orders, radial_orders) complex, index [image, m, k], without n for a single
            image; NaN for an image that has no live pixel in the disk.

        Raises:
            UserError: images or mask are of another shape or type, or `fill` is not known.
        """
        images = np.asanyarray(images)
        if (
            images.ndim not in (2, 3)
            or images.shape[-2:] != self.shape
            or images.dtype.kind not in "uif"
        ):
            raise UserError(
                f"images {images.shape} of type {images.dtype} do not fit the plan: real numbers, "
                f"(n, {self.shape[0]}, {self.shape[1]}), are needed"
            )
        stack = images if images.ndim == 3 else images[None]
        if mask is not None:
            mask = np.asarray(mask, bool)
            if mask.shape not in (self.shape, stack.shape):
                raise UserError(
                    f"mask {mask.shape} does not fit images {images.shape}; it must have their "
                    "rows and cols"
                )
        kind = np.result_type(self.dtype, np.complex64)
        coefficients = np.empty((len(stack), self.angular_orders, self.radial_orders), kind)
        for start in range(0, len(stack), LANES):
            block = slice(start, start + LANES)
            masks = mask[block] if mask is not None and mask.ndim == 3 else repeat(mask)
            accumulator = self.accumulator(fill)
            for image, own in zip(stack[block], masks, strict=False):
                accumulator.add(image, own)
            coefficients[block], _ = accumulator.finish()
        return coefficients if images.ndim == 3 else coefficients[0]

    def accumulator(self, fill: str = "ring-mean") -> Accumulator:
        """Return an accumulator: it expands up to 16 images that need not be in memory together.

        Raises:
            UserError: `fill`, one of those of :meth:`forward`, is not known.
        """
        if fill not in FILLS:
            raise UserError(f"fill {fill!r} is not known; use one of {', '.join(FILLS)}")
        partners = fill == "partner" and not self.pixels.complete
        window = self._partners() if partners else self.pixels
        return Accumulator(self.pixels, window, fill, self._live_pixels)

    def _live_pixels(self, mask: np.ndarray) -> LivePixels:
        # The mask is mostly the same for all images, so the result for the last one is kept. A copy
        # of the mask, in bits, is the key: the caller may have changed it in place.
        key, last = np.packbits(mask), self._live
        if last is None or not np.array_equal(last[0], key):
            self._live = last = key, live_pixels(self.pixels, mask)
        return last[1]

    def _partners(self) -> Pixels:
        """Return the pixels of the detector and of its mirror image through the centre."""
        if self._partner_pixels is None:
            window = []
            for middle, side in zip(self.center, self.shape, strict=True):
                mirrored = (int(np.rint(2 * middle)) - (side - 1), int(np.rint(2 * middle)) + 1)
                low = max(min(0, mirrored[0]), int(np.ceil(middle - self.radius)))
                window.append(
                    (low, min(max(side, mirrored[1]), int(np.floor(middle + self.radius)) + 1))
                )
            self._partner_pixels = self._window(*window)
        return self._partner_pixels

    def prepare(self, fill: str = "ring-mean", mask: np.ndarray | None = None) -> None:
        """Make the tables of `fill` and `mask` now, not in the first call that needs them."""
        if fill in ("ring-mean", "partner"):
            self._live_pixels(_mask(mask))
            self.pixels.ring_table  # noqa: B018
        if fill == "partner":
            self._partners().ring_table  # noqa: B018

    @property
    def nbytes(self) -> int:
        """Size of all tables made so far, in bytes."""
        bins = self._live[1].bins.nbytes if self._live else 0
        return (
            self.pixels.nbytes + bins + (self._partner_pixels.nbytes if self._partner_pixels else 0)
        )

    def inverse(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the images of coefficients: f = Σ_k Re c_0k ψ_0k + 2 Σ_{m>0} Σ_k Re c_mk ψ_mk.

        Args:
            coefficients: (n, angular_orders, radial_orders), or without n.

        Returns:
            (n, rows, cols) of the plan's dtype, or (rows, cols); 0 outside of the disk.

        Raises:
            UserError: the coefficients are of another truncation.
        """
        coefficients = np.asarray(coefficients)
        orders = (self.angular_orders, self.radial_orders)
        if coefficients.ndim not in (2, 3) or coefficients.shape[-2:] != orders:
            raise UserError(
                f"coefficients {coefficients.shape} do not fit the plan: "
                f"(n, {orders[0]}, {orders[1]})"
            )
        stack = coefficients if coefficients.ndim == 3 else coefficients[None]
        images = np.zeros((len(stack), *self.shape), self.dtype)
        pixels = self.pixels
        rows, cols = (
            slice(first, first + side)
            for first, side in zip(pixels.corner, pixels.shape, strict=True)
        )
        for start in range(0, len(stack), LANES):
            block = stack[start : start + LANES]
            # Unused lanes stay zero, so that an image has the same bytes in any company.
            lanes = np.zeros((*orders, LANES), np.result_type(self.dtype, np.complex64))
            lanes[:, :, : len(block)] = np.moveaxis(block, 0, 2)
            grid = pixels.tables.synthesise(lanes)
            images[start : start + LANES, rows, cols] = pixels.interpolate(grid, len(block))
        return images if coefficients.ndim == 3 else images[0]

    def rotate(self, coefficients: np.ndarray, angle: float | np.ndarray) -> np.ndarray:
        """Return c_mk e^{-imα}: the coefficients of the image turned by α, as θ grows.

        Args:
            coefficients: (n, angular_orders, radial_orders), or without n.
            angle: α in radians, one number or (n,).

        Example:
            >>> plan = Plan((8, 8), center=(3.5, 3.5), radius=4, angular_orders=2, radial_orders=1)
            >>> plan.rotate(np.ones((2, 1), complex), np.pi).real.round(12).tolist()
            [[1.0], [-1.0]]
        """
        turn = -1j * np.arange(self.angular_orders)[:, None] * np.asarray(angle)[..., None, None]
        return coefficients * np.exp(turn).astype(
            np.result_type(np.asarray(coefficients).dtype, np.complex64)
        )


def tables_key(
    radius: float,
    angular_orders: int,
    radial_orders: int,
    boundary: str,
    tolerance: float,
    dtype: str,
) -> tuple[int, tuple]:
    """Return what a plan with these parameters shares with others.

    Args:
        radius: of the disk, pixels.
        angular_orders: as for :class:`Plan`.
        radial_orders: as for :class:`Plan`.
        boundary: as for :class:`Plan`.
        tolerance: as for :class:`Plan`; each of its two steps may use half of it.
        dtype: as for :class:`Plan`.

    Returns:
        Points an axis of the interpolation onto the square grid, 0 to leave that step out; and the
        arguments of :func:`polar.polar_tables`.
    """
    step = radial_step(basis.zeros(angular_orders, radial_orders, boundary))
    taps = taps_for(tolerance / 2) if step * radius >= LEAST_REDUCTION else 0
    # A pixel at the rim goes to points this many steps beyond it; square and polar grid have one
    # step.
    reach = int(np.ceil(taps / np.sqrt(2))) + 1 if taps else 0
    return taps, (angular_orders, radial_orders, boundary, width_for(tolerance / 2), reach, dtype)


def _mask(mask: np.ndarray | None) -> np.ndarray:
    return np.ascontiguousarray(mask) if mask is not None and mask.any() else NO_MASK
