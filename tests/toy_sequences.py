"""Small sequences with a known change, for the scan and what is built on it."""

import numpy as np

from xscatter.frames import from_array
from xscatter.sequences.polar import PolarGrid

SIDE = 64
CENTER = (31.5, 31.5)
_Y, _X = np.mgrid[:SIDE, :SIDE]
RADIUS = np.hypot(_Y - CENTER[0], _X - CENTER[1])
ANGLE = np.arctan2(_Y - CENTER[0], _X - CENTER[1])


def unit(image):
    """An image of total 1."""
    return image / image.sum()


HALO = unit(np.exp(-(((RADIUS - 18) / 6) ** 2)) + 0.3 * np.exp(-RADIUS / 8) + 0.05)
RING = unit(np.exp(-((RADIUS - 18) ** 2)))


def ring(radius=18.0, width=2.0, fold=0.0):
    """A ring on a halo, total 1."""
    shape = np.exp(-(((RADIUS - radius) / width) ** 2)) * (1 + fold * np.cos(2 * ANGLE))
    return 0.6 * HALO + 0.4 * unit(shape)


def detectability(expected):
    """D of a table of expected counts (frames, pixels), from its definition."""
    rows, columns = expected.sum(axis=1, keepdims=True), expected.sum(axis=0, keepdims=True)
    even = rows * columns / expected.sum()
    return float(np.sqrt(((expected - even) ** 2 / even).sum()))


def growing_ring(frames=60, photons=1e5, amount=0.15, onset=20, time=8.0, flux=0.05, seed=0):
    """Expected counts of a ring that grows out of a halo (Avrami, n = 3), as frames."""
    random = np.random.default_rng(seed)
    late = np.maximum(np.arange(frames) - onset, 0)
    progress = amount * (1 - np.exp(-((late / time) ** 3)))
    light = photons * (1 + flux * random.normal(size=frames))
    return np.array([n * ((1 - x) * HALO + x * RING) for n, x in zip(light, progress, strict=True)])


def frames_of(expected, seed=0, names=None):
    """Frames with the noise of photons."""
    random = np.random.default_rng(seed)
    for number, image in enumerate(expected):
        source = names[number] if names else f"{number:04d}.npy"
        yield from_array(random.poisson(image), center=CENTER, source=source)


def sums_of(expected, seed=0):
    """The same as sums in polar cells."""
    grid = PolarGrid(CENTER, np.zeros((SIDE, SIDE), bool))
    return [grid.sums(frame) for frame in frames_of(expected, seed)]
