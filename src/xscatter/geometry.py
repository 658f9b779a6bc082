"""The geometry of a detector: q, azimuth, solid angle and polarisation of its pixels."""

from dataclasses import dataclass

import numpy as np

# Sides of pixels in metres, by the beginning of a detector's name.
PIXEL_SIZES = {
    "pilatus": 172e-6,
    "eiger": 75e-6,
    "lambda": 55e-6,
    "maxipix": 55e-6,
    "jungfrau": 75e-6,
    "mythen": 50e-6,
}
# Rows and columns by make and model: DECTRIS data sheets. Frames of the second EIGER are smaller.
DETECTOR_SHAPES = {
    "pilatus": {
        "100k": (195, 487), "200k": (407, 487), "300k": (619, 487), "300kw": (195, 1475),
        "900k": (619, 1475), "1m": (1043, 981), "2m": (1679, 1475), "6m": (2527, 2463),
    },
    "eiger": {
        "500k": (514, 1030), "1m": (1065, 1030), "4m": (2167, 2070), "9m": (3269, 3110),
        "16m": (4371, 4150),
    },
    "eiger2": {
        "500k": (512, 1028), "1m": (1062, 1028), "4m": (2162, 2068), "9m": (3262, 3108),
        "16m": (4362, 4148),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Geometry:
    """Positions of a detector's pixels: the frame and the rotations of pyFAI, with rot3 = 0.

    Lengths in metres, angles in radians, the beam centre (row, column) in pixels with pixel
    centres at integers. `distance` is that from the sample to the point of normal incidence.

    Example:
        The scattering vector 100 pixels beside the beam:

        >>> from xscatter import Geometry
        >>> detector = Geometry(
        ...     wavelength=1e-10, distance=2.0, pixel_size=172e-6, center=(487.0, 309.0)
        ... )
        >>> q, chi = detector.q_chi(487.0, 409.0)
        >>> f"q = {q:.3f} per nm, azimuth {chi:.1f} rad"
        'q = 0.540 per nm, azimuth 0.0 rad'
    """

    wavelength: float
    distance: float
    pixel_size: float
    center: tuple[float, float]
    rot1: float = 0.0
    rot2: float = 0.0

    @property
    def poni(self) -> tuple[float, float]:
        """Point of normal incidence in metres from the corner of pixel (0, 0): rows, columns."""
        return (
            (self.center[0] + 0.5) * self.pixel_size
            - self.distance * np.tan(self.rot2) / np.cos(self.rot1),
            (self.center[1] + 0.5) * self.pixel_size + self.distance * np.tan(self.rot1),
        )

    def _plane(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, second = self.poni
        return (rows + 0.5) * self.pixel_size - first, (cols + 0.5) * self.pixel_size - second

    def directions(
        self, rows: np.ndarray, cols: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where pixels are in the laboratory (metres): along rows, columns and beam."""
        p1, p2 = self._plane(np.asarray(rows, float), np.asarray(cols, float))
        c1, s1, c2, s2 = np.cos(self.rot1), np.sin(self.rot1), np.cos(self.rot2), np.sin(self.rot2)
        up = p1 * c2 + p2 * s1 * s2 - self.distance * c1 * s2
        across = p2 * c1 + self.distance * s1
        along = p1 * s2 - p2 * c2 * s1 + self.distance * c1 * c2
        return up, across, along

    def q_chi(self, rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return q = 4π/λ sin(θ) in nm⁻¹ and the azimuth atan2(row, column) in radians."""
        up, across, along = self.directions(rows, cols)
        two_theta = np.arctan2(np.hypot(up, across), along)
        return 4e-9 * np.pi / self.wavelength * np.sin(two_theta / 2), np.arctan2(up, across)

    def pixels(self, q: np.ndarray, chi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and columns (not rounded) where rays of `q` (nm⁻¹) and `chi` meet the plane.

        NaN where q exceeds what the wavelength allows, or the ray never meets the plane.
        """
        sine = np.asarray(q, float) * 1e9 * self.wavelength / (4 * np.pi)
        with np.errstate(invalid="ignore", divide="ignore"):
            two_theta = 2 * np.arcsin(sine)
            up = np.sin(two_theta) * np.sin(chi)
            across = np.sin(two_theta) * np.cos(chi)
            along = np.cos(two_theta) * np.ones_like(up)
            c1, s1, c2, s2 = (
                np.cos(self.rot1),
                np.sin(self.rot1),
                np.cos(self.rot2),
                np.sin(self.rot2),
            )
            # The inverse rotation, then the ray is scaled to the plane at the given distance.
            p1 = up * c2 + along * s2
            p2 = up * s1 * s2 + across * c1 - along * s1 * c2
            normal = -up * c1 * s2 + across * s1 + along * c1 * c2
            scale = np.where(normal > 0, self.distance / normal, np.nan)
        first, second = self.poni
        return (p1 * scale + first) / self.pixel_size - 0.5, (
            p2 * scale + second
        ) / self.pixel_size - 0.5

    def solid_angle(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Return the solid angle relative to normal incidence: cos³ of the angle of incidence."""
        p1, p2 = self._plane(np.asarray(rows, float), np.asarray(cols, float))
        return (self.distance / np.sqrt(self.distance**2 + p1**2 + p2**2)) ** 3

    def polarisation(self, rows: np.ndarray, cols: np.ndarray, factor: float) -> np.ndarray:
        """Return (1 + cos²2θ − f cos 2χ sin²2θ) / 2 of pixels.

        Args:
            rows: of the pixels.
            cols: of the pixels; both broadcast.
            factor: f, 1 for a beam that is polarised along the columns.
        """
        up, across, along = self.directions(rows, cols)
        squared = up**2 + across**2
        cosine2 = along**2 / (squared + along**2)
        with np.errstate(invalid="ignore"):
            cos_2chi = np.where(squared > 0, (across**2 - up**2) / squared, 1.0)
        return 0.5 * (1 + cosine2 - factor * cos_2chi * (1 - cosine2))
