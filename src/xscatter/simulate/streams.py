"""The random streams of the simulator. Never renumber them: all bytes depend on it."""

from enum import IntEnum

import numpy as np

from xscatter.core.seeds import Purpose, generator


class Stream(IntEnum):
    """Streams of one experiment."""

    SETUP = 0  # detector, beam and the first obstacles, in the order of `setup.draw_setup`
    BAD_PIXELS = 1
    FLAT_FIELD = 2
    FIBRE_AXIS = 3
    FIXED_PATTERN = 5
    OBSTACLE = 4  # every further obstacle: one stream each, keyed by a hash of its name


class Noise(IntEnum):
    """Streams of the noise of one image."""

    PHOTONS = 0
    ZINGERS = 1
    READ_OUT = 2


def experiment_stream(seed: int, number: int, stream: Stream, *key: int) -> np.random.Generator:
    """Return the generator of one stream of experiment `number`.

    Args:
        seed: of the study.
        number: of the experiment.
        stream: what it is for.
        key: further numbers that tell streams of one use apart.
    """
    return generator(seed, Purpose.EXPERIMENT, number, stream, *key)
