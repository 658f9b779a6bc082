"""Zingers: cosmic rays and decays that leave short tracks of bright pixels."""

import numpy as np

from xscatter.simulate.instrument.detector import Detector

CLEAR = 8  # standard deviations by which a pixel stands out of the noise


def add_zingers(
    counts: np.ndarray,
    live: np.ndarray,
    detector: Detector,
    number: int,
    rng: np.random.Generator,
) -> int:
    """Add tracks to an image; return how many live pixels stand out of the noise.

    Args:
        counts: (rows, cols) uint32 of a square image, changed in place.
        live: (rows, cols) bool.
        detector: of the image.
        number: of tracks.
        rng: stream of the zingers of this image.
    """
    size, gain = len(counts), max(detector.gain, 1.0)
    clear = 0
    for _ in range(number):
        start, angle = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        steps = np.arange(1 + rng.poisson(3.0 / detector.scale))
        rows = (start[0] + steps * np.sin(angle)).astype(int)
        cols = (start[1] + steps * np.cos(angle)).astype(int)
        charge = rng.exponential(10 ** rng.uniform(1.5, 4.2), len(steps))
        on = (rows >= 0) & (rows < size) & (cols >= 0) & (cols < size)
        rows, cols, charge = rows[on], cols[on], charge[on]
        hit, before = live[rows, cols], counts[rows, cols].astype(float)
        value = np.minimum(before + np.rint(charge), detector.saturation).astype(np.uint32)
        noise = np.sqrt(gain * (before + 1))
        clear += int(np.count_nonzero(hit & (value - before > CLEAR * noise)))
        counts[rows, cols] = np.where(hit, value, counts[rows, cols])
    return clear
