"""Photons of a frame on rings and sectors, and what several quantities read off them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xscatter.geometry import Geometry
from xscatter.sequences.quantities.guinier import Guinier, guinier_law
from xscatter.sequences.quantities.peak import Peak, maxima, strongest_peak
from xscatter.sequences.quantities.twofold import Twofold, twofold


@dataclass(frozen=True)
class Rings:
    """Photons of a frame, summed over rings and sectors.

    Attributes:
        counts: (rings, sectors) photons; a one-dimensional profile has one sector. Sector s is
            that of azimuths 2π s / sectors to 2π (s + 1) / sectors.
        live: (rings, sectors) number of usable pixels.
        q: (rings,) rising, in nm⁻¹ or, without a geometry, in pixels.
        in_q: whether `q` is in nm⁻¹.
        noise_factor: variance of a quiet frame over that of photons alone.
    """

    counts: np.ndarray
    live: np.ndarray
    q: np.ndarray
    in_q: bool = True
    noise_factor: float = 1.0

    @cached_property
    def kept(self) -> np.ndarray:
        """Rings with usable pixels."""
        return np.flatnonzero(self.live.sum(1) > 0)

    @cached_property
    def photons(self) -> np.ndarray:
        """Photons of each kept ring."""
        return self.counts[self.kept].sum(1).astype(float)

    @cached_property
    def pixels(self) -> np.ndarray:
        """Usable pixels of each kept ring."""
        return self.live[self.kept].sum(1).astype(float)

    @cached_property
    def places(self) -> np.ndarray:
        """The q of each kept ring."""
        return self.q[self.kept]

    @cached_property
    def intensity(self) -> np.ndarray:
        """Photons a pixel on each kept ring."""
        return self.photons / self.pixels

    @cached_property
    def deviation(self) -> np.ndarray:
        """Standard deviation of the intensity."""
        # Rings without a photon have noise too: that of about one.
        return np.sqrt((self.photons + 1) * self.noise_factor) / self.pixels

    @cached_property
    def maxima(self) -> np.ndarray:
        """Indices, among the kept rings, of maxima of the intensity."""
        return maxima(self.intensity, self.deviation)

    @cached_property
    def peak(self) -> Peak | None:
        """The strongest ring of the pattern, None if there is none."""
        return strongest_peak(self.places, self.intensity, self.deviation, self.maxima)

    @cached_property
    def guinier(self) -> Guinier | None:
        """The Guinier law at low q, None where there is no knee or no q."""
        if not self.in_q:
            return None
        return guinier_law(self.places, self.intensity, self.deviation, self.photons)

    @cached_property
    def twofold(self) -> Twofold | None:
        """The angular order 2 of the strongest ring."""
        ring = self.kept[self.near_peak(0.8)]
        if self.peak is None or len(ring) == 0:
            return None
        counts, live = self.counts[ring].sum(0), self.live[ring].sum(0)
        return twofold(counts.astype(float), live.astype(float), self.peak, self.noise_factor)

    def near_peak(self, reach: float) -> np.ndarray:
        """Return which kept rings are within `reach` widths of the strongest peak."""
        if self.peak is None:
            return np.zeros(len(self.places), bool)
        distance = np.abs(self.places - self.peak.position)
        return distance <= reach * self.peak.width


def ring_q(geometry: Geometry, radii: np.ndarray) -> np.ndarray:
    """Return q (nm⁻¹) at distances `radii` (pixels) from the beam centre."""
    row, col = geometry.center
    return geometry.q_chi(np.full(np.shape(radii), row), col + np.asarray(radii))[0]
