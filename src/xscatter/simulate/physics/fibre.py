"""The direction of a fibre, the same for all that shows it."""

from typing import Any

import numpy as np

from xscatter.seeds import Purpose, generator

AXIS = 3  # the stream of an experiment that the axis is drawn from


def fibre_axis(rng: np.random.Generator, experiment: Any) -> float:
    """Azimuth of the fibre axis in degrees: that of the experiment, a little off in every image.

    Fibres are mounted upright or level; a few lie as they fell.
    """
    own = generator(experiment.study.seed, Purpose.EXPERIMENT, experiment.number, AXIS)
    mounted = own.choice([0.0, 90.0]) + own.normal(0, 5)
    axis = mounted if own.random() < 0.8 else own.uniform(-90, 90)
    return float((axis + rng.normal(0, 1.0) + 180) % 360 - 180)
