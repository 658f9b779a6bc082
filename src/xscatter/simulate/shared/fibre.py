"""The direction of a fibre, the same for all that shows it."""

from typing import Any

import numpy as np

from xscatter.simulate.streams import Stream, experiment_stream


def fibre_axis(rng: np.random.Generator, experiment: Any) -> tuple[float, float]:
    """Draw azimuth of a fibre axis and tilt towards the beam in degrees, near the experiment's.

    Fibres are mounted upright or level; a few lie as they fell. Some are tilted, to bring a layer
    line onto the Ewald sphere where it meets the meridian.
    """
    own = experiment_stream(experiment.study.seed, experiment.number, Stream.FIBRE_AXIS)
    mounted = own.choice([0.0, 90.0]) + own.normal(0, 5)
    axis = mounted if own.random() < 0.8 else own.uniform(-90, 90)
    tilt = own.normal(0, 4) if own.random() < 0.7 else own.uniform(-35, 35)
    turned, leaning = rng.normal(0, 1.0, 2)
    return float((axis + turned + 180) % 360 - 180), float(np.clip(tilt + leaning, -60, 60))
