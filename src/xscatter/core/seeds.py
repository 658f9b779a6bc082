"""Random streams that depend on (study seed, purpose, experiment, image) and on nothing else.

Every stream is a child of ``numpy.random.SeedSequence(study seed)`` with its own spawn key, so
streams are independent however many jobs draw from them and in whatever order.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Purpose of a stream: the first number of its spawn key. Never renumber."""

    SCENE = 0  # what an image shows
    NOISE = 1  # photon and detector noise of an image
    EXPERIMENT = 2  # what is constant within an experiment
    STRATA = 3  # choices balanced over experiments
    SHUFFLE = 4  # order of records in the batches
    SPLIT = 5  # which experiments are held out
    TRAINING = 6  # initial weights, data order, augmentation, dropout
    BOOTSTRAP = 7  # confidence intervals
    CENTERS = 8  # how the beam centre of an experiment is known
    SEQUENCE = 9  # what happens in a sequence of frames


def sequence(seed: int, purpose: Purpose, *key: int) -> np.random.SeedSequence:
    """Return the seed sequence of a stream.

    Args:
        seed: seed of the study.
        purpose: what the stream is for.
        key: () or (experiment,) or (experiment, image).
    """
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *map(int, key)))


def generator(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """Return a PCG64 generator on :func:`sequence`, which takes the same arguments.

    Example:
        >>> int(generator(7, Purpose.SCENE, 3, 0).integers(100))
        42
    """
    # Named, not default_rng: the default of NumPy may change.
    return np.random.Generator(np.random.PCG64(sequence(seed, purpose, *key)))
