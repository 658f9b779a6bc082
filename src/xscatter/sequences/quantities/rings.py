"""Photons of a frame on rings and sectors, and what several quantities read off them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from xscatter.geometry import Geometry
from xscatter.sequences.quantities.guinier import Guinier, guinier_again, guinier_law
from xscatter.sequences.quantities.peak import RingPeak, above_baseline, maxima, strongest_peak
from xscatter.sequences.quantities.twofold import Twofold, twofold


class Followed(NamedTuple):
    """The ring and range that the frames before this one have chosen for it.

    Attributes:
        peak: the ring of this frame; None if it shows none.
        knee: radius that says how far the Guinier law reaches; None: the frame says it itself.
    """

    peak: RingPeak | None
    knee: float | None


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
        poisson: whether `counts` are photons. Otherwise, as in a profile in other units, the noise
            is taken from the scatter of neighbouring rings, and grows as the root of the intensity.
        ring_range: where in `q` the ring is that is followed; None: the strongest anywhere, which
            may be another ring in another frame.
        followed: which ring and which range is measured, from the frames before this one; None:
            this frame chooses alone.
    """

    counts: np.ndarray
    live: np.ndarray
    q: np.ndarray
    in_q: bool = True
    noise_factor: float = 1.0
    poisson: bool = True
    ring_range: tuple[float, float] | None = None
    followed: Followed | None = None

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
        if self.poisson:
            # Rings without a photon have noise too: that of about one.
            return np.sqrt((self.photons + 1) * self.noise_factor) / self.pixels
        level = np.maximum(self.intensity, 1e-3 * np.abs(self.intensity).max() + 1e-300)
        bends = self.intensity[1:-1] - (self.intensity[:-2] + self.intensity[2:]) / 2
        scatter = np.median(np.abs(bends) / np.sqrt(level[1:-1])) / 0.6745 / np.sqrt(1.5)
        return max(scatter, 1e-9) * np.sqrt(level * self.noise_factor)

    @property
    def total_deviation(self) -> float:
        """Standard deviation of the sum of all photons."""
        if self.poisson:
            return float(np.sqrt((self.photons.sum() + 1) * self.noise_factor))
        return float(np.sqrt(((self.deviation * self.pixels) ** 2).sum()))

    @cached_property
    def lit(self) -> np.ndarray:
        """Which kept rings have enough photons for a logarithm."""
        return self.photons >= 10 if self.poisson else self.intensity > 3 * self.deviation

    @cached_property
    def maxima(self) -> np.ndarray:
        """Indices, among the kept rings, of maxima of the intensity."""
        return maxima(self.intensity, self.deviation)

    @cached_property
    def strength(self) -> np.ndarray:
        """Intensity above the smooth scattering, in standard deviations.

        The brightest sector of each ring is left out: a hot pixel or a single reflection is no
        ring.
        """
        counts, live = self.counts[self.kept], self.live[self.kept]
        if live.shape[1] < 6:
            return above_baseline(self.intensity, self.deviation)
        rows = np.arange(len(counts))
        brightest = np.argmax(counts / np.maximum(live, 1e-300) * (live > 0), 1)
        rest = live.sum(1) - live[rows, brightest]
        photons = counts.sum(1) - counts[rows, brightest]
        intensity = np.where(rest > 0, photons / np.maximum(rest, 1e-300), self.intensity)
        return above_baseline(intensity, self.deviation)

    @cached_property
    def peak(self) -> RingPeak | None:
        """The ring whose quantities are measured, None if there is none."""
        return self.strongest if self.followed is None else self.followed.peak

    @cached_property
    def strongest(self) -> RingPeak | None:
        """The strongest ring of this frame, None if there is none."""
        low, high = self.ring_range or (-np.inf, np.inf)
        places = self.places[self.maxima]
        chosen = (places >= low) & (places <= high)
        profile = self.places, self.intensity, self.deviation
        return strongest_peak(*profile, self.maxima, self.strength, chosen)

    @cached_property
    def guinier(self) -> Guinier | None:
        """The Guinier law at low q, None where there is no knee or no q."""
        if not self.in_q:
            return None
        profile = self.places, self.intensity, self.deviation, self.lit
        knee = None if self.followed is None else self.followed.knee
        return guinier_law(*profile) if knee is None else guinier_again(*profile, knee)

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
        position, width = self.peak.guide
        return np.abs(self.places - position) <= reach * width


def ring_q(geometry: Geometry, radii: np.ndarray) -> np.ndarray:
    """Return q (nm⁻¹) at distances `radii` (pixels) from the beam centre."""
    row, col = geometry.center
    return geometry.q_chi(np.full(np.shape(radii), row), col + np.asarray(radii))[0]
