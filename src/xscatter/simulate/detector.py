"""Detectors: where their pixels are in reciprocal space, which are usable, what they weigh.

An image is a square of fixed side, described in the pixels of a layout (`REFERENCE` on a side).
With ``sampling: resample`` the image divides that square into size × size pixels, whatever the
size; with ``sampling: extend`` pixels keep the pitch of the layout, and the side grows. The detector
lies in the middle of the square and need not fill it: beside a strip the pixels are masked, as they
are where a real frame is brought to the square input of the networks.
"""

from typing import NamedTuple

import numpy as np

REFERENCE = 1000  # pixels on a side of the square that the layouts describe


class Layout(NamedTuple):
    """One kind of detector; lengths in pixels of its own pitch unless said otherwise."""

    name: str
    pitch: float  # metres
    module: tuple[int, int] | None  # rows and columns of live pixels in a module
    gap: tuple[int, int]  # rows and columns between modules
    models: dict[
        tuple[int, int], float
    ]  # rows and columns of detectors of this kind, and how common they are
    taper: bool  # behind a taper, which is round or bent
    point_spread: float  # standard deviation, pixels of the layout; of a phosphor about the largest
    dark: float  # counts a pixel of the layout and frame, without beam
    saturation: int  # largest count of a pixel of the layout
    flat_field: float  # relative standard deviation of the sensitivity of pixels
    integrating: (
        bool  # reads charge: a gain, an offset and read-out noise instead of single photons
    )


# Module and gap sizes, and models: DECTRIS data sheets (PILATUS 487 × 195 pixels of 172 µm, gaps 7 and 17;
# EIGER 1030 × 514 pixels of 75 µm, gaps 10 and 37). The CCD is a fibre-optic taper behind a phosphor; strips
# of the others are regions of interest.
_PILATUS = {
    (1043, 981): 0.32, (1679, 1475): 0.18, (2527, 2463): 0.1, (619, 487): 0.1, (195, 1475): 0.12, (619, 1475): 0.12,
    (195, 487): 0.06,
}  # fmt: skip
_EIGER = {
    (1065, 1030): 0.4,
    (2167, 2070): 0.3,
    (3269, 3110): 0.1,
    (4371, 4150): 0.08,
    (514, 1030): 0.12,
}
_CCD = {(1000, 1000): 0.9, (1000, 500): 0.05, (1000, 200): 0.05}
_SQUARE = {(1000, 1000): 0.65, (800, 1000): 0.2, (500, 1000): 0.08, (1000, 140): 0.07}
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "pilatus",
            172e-6,
            (195, 487),
            (17, 7),
            _PILATUS,
            False,
            0.3,
            5e-3,
            1_048_575,
            0.010,
            False,
        ),
        Layout(
            "eiger", 75e-6, (514, 1030), (37, 10), _EIGER, False, 0.3, 5e-3, 400_000, 0.008, False
        ),
        Layout("ccd", 158e-6, None, (0, 0), _CCD, True, 1.3, 2.0, 65_535, 0.015, True),
        Layout("square", 100e-6, None, (0, 0), _SQUARE, False, 0.5, 0.1, 262_143, 0.010, False),
    )
}


def gap_mask(layout: Layout, size: int, scale: float, offset: tuple[float, float]) -> np.ndarray:
    """Mask (size, size), True in gaps.

    `scale` is the side of an image pixel in pixels of the detector; `offset` (rows, columns) says
    where in the period of modules the image begins.
    """
    mask = np.zeros((size, size), bool)
    edges = np.arange(size + 1) * scale
    if layout.module:
        for axis in (0, 1):
            live, gap = layout.module[axis], layout.gap[axis]
            # Length of gap below each pixel edge; its difference is the part of a pixel that is gap.
            position = edges + offset[axis]
            periods, rest = np.divmod(position, live + gap)
            below = periods * gap + np.maximum(rest - live, 0)
            dead = np.diff(below) > 0.4 * scale
            mask |= dead[:, None] if axis == 0 else dead[None, :]
    return mask


class Frame(NamedTuple):
    """The detector in the square of the image; lengths in parts of the side of the square.

    Attributes:
        extent: rows and columns of the detector; it lies in the middle of the square.
        fineness: its pixels in one pixel of the layout: large detectors have more modules on a side.
        turned: whether the modules lie on their side.
        aperture: radius of the round edge of a taper, or None.
        bend: sagitta of the edges of a square taper, positive where its middle is waisted; 0: straight.
        tilt: turn of such a taper in radians.
    """

    extent: tuple[float, float] = (1.0, 1.0)
    fineness: float = 1.0
    turned: bool = False
    aperture: float | None = None
    bend: float = 0.0
    tilt: float = 0.0

    @property
    def begin(self) -> tuple[float, float]:
        """First row and column."""
        return (1 - self.extent[0]) / 2, (1 - self.extent[1]) / 2

    def outside(self, points: np.ndarray) -> np.ndarray:
        """(n, n) bool: which of the rows × columns at `points` (n,) in parts of the side lie beside the detector."""
        y, x = points[:, None] - 0.5, points[None, :] - 0.5
        beside = (np.abs(y) > self.extent[0] / 2) | (np.abs(x) > self.extent[1] / 2)
        if self.aperture is not None:
            return beside | (np.hypot(y, x) > self.aperture)
        if self.bend or self.tilt:
            c, s = np.cos(self.tilt), np.sin(self.tilt)
            v, u = c * y - s * x, c * x + s * y
            beside |= np.abs(v) > 0.49 - self.bend * (1 - 4 * u**2)
            beside |= np.abs(u) > 0.49 - self.bend * (1 - 4 * v**2)
        return beside
