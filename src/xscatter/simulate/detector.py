"""Detectors: where their pixels are in reciprocal space, which are usable, what they weigh.

An image is a square of fixed side, described in the pixels of a layout (`REFERENCE` on a side).
With ``sampling: resample`` the image divides that square into size × size pixels, whatever the
size; with ``sampling: extend`` pixels keep the pitch of the layout, and the side grows. The detector
lies in the middle of the square and need not fill it: beside a strip the pixels are masked, as they
are where a real frame is brought to the square input of the networks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

REFERENCE = 1000  # pixels on a side of the square that the layouts describe


class Layout(NamedTuple):
    """One kind of detector; lengths in pixels of its own pitch unless said otherwise."""

    name: str
    pitch: float  # metres
    module: tuple[int, int] | None  # rows and columns of live pixels in a module
    gap: tuple[int, int]  # rows and columns between modules
    models: dict[tuple[int, int], float]  # rows and columns of detectors of this kind, and how common they are
    taper: bool  # behind a taper, which is round or bent
    point_spread: float  # standard deviation, pixels of the layout; of a phosphor about the largest
    dark: float  # counts a pixel of the layout and frame, without beam
    saturation: int  # largest count of a pixel of the layout
    flat_field: float  # relative standard deviation of the sensitivity of pixels
    integrating: bool  # reads charge: a gain, an offset and read-out noise instead of single photons


# Module and gap sizes, and models: DECTRIS data sheets (PILATUS 487 × 195 pixels of 172 µm, gaps 7 and 17;
# EIGER 1030 × 514 pixels of 75 µm, gaps 10 and 37). The CCD is a fibre-optic taper behind a phosphor; strips
# of the others are regions of interest.
_PILATUS = {
    (1043, 981): 0.32, (1679, 1475): 0.18, (2527, 2463): 0.1, (619, 487): 0.1, (195, 1475): 0.12, (619, 1475): 0.12,
    (195, 487): 0.06,
}  # fmt: skip
_EIGER = {(1065, 1030): 0.4, (2167, 2070): 0.3, (3269, 3110): 0.1, (4371, 4150): 0.08, (514, 1030): 0.12}
_CCD = {(1000, 1000): 0.9, (1000, 500): 0.05, (1000, 200): 0.05}
_SQUARE = {(1000, 1000): 0.65, (800, 1000): 0.2, (500, 1000): 0.08, (1000, 140): 0.07}
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("pilatus", 172e-6, (195, 487), (17, 7), _PILATUS, False, 0.3, 5e-3, 1_048_575, 0.010, False),
        Layout("eiger", 75e-6, (514, 1030), (37, 10), _EIGER, False, 0.3, 5e-3, 400_000, 0.008, False),
        Layout("ccd", 158e-6, None, (0, 0), _CCD, True, 1.3, 2.0, 65_535, 0.015, True),
        Layout("square", 100e-6, None, (0, 0), _SQUARE, False, 0.5, 0.1, 262_143, 0.010, False),
    )
}


@dataclass(frozen=True)
class Geometry:
    """Where the pixels of a detector are: the frame and the rotations of pyFAI, with rot3 = 0.

    Lengths in metres, angles in radians, the beam centre (row, column) in pixels with pixel
    centres at integers. `distance` is that from the sample to the point of normal incidence.
    """

    wavelength: float
    distance: float
    pixel_size: float
    center: tuple[float, float]
    rot1: float = 0.0
    rot2: float = 0.0

    @property
    def poni(self) -> tuple[float, float]:
        """Point of normal incidence in metres from the corner of pixel (0, 0), along rows and columns."""
        return (
            (self.center[0] + 0.5) * self.pixel_size - self.distance * np.tan(self.rot2) / np.cos(self.rot1),
            (self.center[1] + 0.5) * self.pixel_size + self.distance * np.tan(self.rot1),
        )

    def _plane(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.poni
        return (rows + 0.5) * self.pixel_size - first, (cols + 0.5) * self.pixel_size - second

    def directions(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position of pixels in the laboratory (metres): along rows, along columns, along the beam."""
        p1, p2 = self._plane(np.asarray(rows, float), np.asarray(cols, float))
        c1, s1, c2, s2 = np.cos(self.rot1), np.sin(self.rot1), np.cos(self.rot2), np.sin(self.rot2)
        up = p1 * c2 + p2 * s1 * s2 - self.distance * c1 * s2
        across = p2 * c1 + self.distance * s1
        along = p1 * s2 - p2 * c2 * s1 + self.distance * c1 * c2
        return up, across, along

    def q_chi(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scattering vector q = 4π/λ sin(θ) in nm⁻¹ and azimuth atan2(row, column) in radians of pixels."""
        up, across, along = self.directions(rows, cols)
        two_theta = np.arctan2(np.hypot(up, across), along)
        return 4e-9 * np.pi / self.wavelength * np.sin(two_theta / 2), np.arctan2(up, across)

    def pixels(self, q: np.ndarray, chi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns (not rounded) where rays of `q` (nm⁻¹) and azimuth `chi` meet the detector plane.

        NaN where q exceeds what the wavelength allows, or the ray never meets the plane.
        """
        sine = np.asarray(q, float) * 1e9 * self.wavelength / (4 * np.pi)
        with np.errstate(invalid="ignore", divide="ignore"):
            two_theta = 2 * np.arcsin(sine)
            up = np.sin(two_theta) * np.sin(chi)
            across = np.sin(two_theta) * np.cos(chi)
            along = np.cos(two_theta) * np.ones_like(up)
            c1, s1, c2, s2 = np.cos(self.rot1), np.sin(self.rot1), np.cos(self.rot2), np.sin(self.rot2)
            # The inverse rotation, then the ray is scaled to the plane at the given distance.
            p1 = up * c2 + along * s2
            p2 = up * s1 * s2 + across * c1 - along * s1 * c2
            normal = -up * c1 * s2 + across * s1 + along * c1 * c2
            scale = np.where(normal > 0, self.distance / normal, np.nan)
        first, second = self.poni
        return (p1 * scale + first) / self.pixel_size - 0.5, (p2 * scale + second) / self.pixel_size - 0.5

    def solid_angle(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Solid angle of pixels relative to one at the point of normal incidence: cos³ of the incidence angle."""
        p1, p2 = self._plane(np.asarray(rows, float), np.asarray(cols, float))
        return (self.distance / np.sqrt(self.distance**2 + p1**2 + p2**2)) ** 3

    def polarisation(self, rows: np.ndarray, cols: np.ndarray, factor: float) -> np.ndarray:
        """(1 + cos²2θ − f cos 2χ sin²2θ) / 2, with f = 1 for a beam polarised along the columns."""
        up, across, along = self.directions(rows, cols)
        squared = up**2 + across**2
        cosine2 = along**2 / (squared + along**2)
        with np.errstate(invalid="ignore"):
            cos_2chi = np.where(squared > 0, (across**2 - up**2) / squared, 1.0)
        return 0.5 * (1 + cosine2 - factor * cos_2chi * (1 - cosine2))


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
