"""The angular order 2 of the strongest ring, with gaps of the detector allowed for."""

from typing import NamedTuple

import numpy as np

from xscatter.sequences.quantities.peak import RingPeak


class Twofold(NamedTuple):
    """Means over the photons of a ring, their error, and the relative one of the ring's photons."""

    cosine: float
    sine: float
    sd: float
    relative: float


def twofold(
    counts: np.ndarray, live: np.ndarray, peak: RingPeak, noise_factor: float
) -> Twofold | None:
    """Return ⟨cos 2χ⟩ and ⟨sin 2χ⟩ of the ring's photons; None if too little of it is seen.

    The photons beneath the ring are taken to be isotropic. Fitted are a constant, cosine and sine
    over all sectors with usable pixels.

    Args:
        counts: (sectors,) photons near the ring.
        live: (sectors,) usable pixels there.
        peak: the ring.
        noise_factor: variance over that of photons.
    """
    sectors, seen = len(counts), live > 0
    if sectors < 6 or seen.sum() < sectors / 2:
        return None  # half a ring tells arcs from slopes no more
    azimuth = 2 * np.pi * (np.arange(sectors) + 0.5) / sectors
    # A sector averages over its width.
    blur = np.sinc(2 / sectors)
    table = np.stack([np.ones(sectors), np.cos(2 * azimuth) * blur, np.sin(2 * azimuth) * blur], 1)
    table, counts, live = table[seen] * live[seen, None], counts[seen], live[seen]
    # Weights from the mean, not from each sector: few photons would weigh too much.
    variance = counts.mean() * live / live.mean() + 0.5
    normal = np.linalg.pinv(table.T @ (table / variance[:, None]))
    mean, cosine, sine = normal @ (table.T @ (counts / variance))
    # Photon noise of each sector: bright spots have more of it than the mean has.
    noise = np.maximum(counts, 0.5) / variance**2
    spread = normal @ (table.T @ (table * noise[:, None])) @ normal * noise_factor
    net = mean - peak.base
    if net <= 0:
        return None
    height = np.sqrt(peak.base_sd**2 + spread[0, 0]) / net
    # Intensity mean + a cos 2χ + b sin 2χ gives ⟨cos 2χ⟩ = a / 2 of the mean.
    sd = np.sqrt((spread[1, 1] + spread[2, 2]) / 2) / (2 * net)
    return Twofold(cosine / (2 * net), sine / (2 * net), sd, float(height))
