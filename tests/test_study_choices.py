"""Every choice of the study has one entry in the table that carries it out."""

from typing import get_args

import keras
import pytest

from xscatter.fourier_bessel.basis import BOUNDARIES
from xscatter.fourier_bessel.fill import FILLS
from xscatter.learn import learner
from xscatter.networks import models
from xscatter.networks.inputs import CoefficientChannels, ImageChannels
from xscatter.simulate.instrument.layouts import LAYOUTS
from xscatter.study import Simulate, Train, Transform, networks
from xscatter.transform.counts import COUNTS_TRANSFORMS


def choices(section, key):
    annotation = section.model_fields[key].annotation
    parts = get_args(annotation)
    return set(get_args(parts[0]) or parts)  # of a tuple of choices, or of one


@pytest.mark.parametrize(
    ("section", "key", "tables"),
    [
        (Simulate, "detectors", [LAYOUTS]),
        (Transform, "boundary", [BOUNDARIES]),
        (Transform, "fill", [FILLS]),
        (Transform, "counts", [COUNTS_TRANSFORMS]),
        (Train, "image_network", [networks.IMAGE, models.IMAGE_BUILDERS]),
        (Train, "coefficient_network", [networks.COEFFICIENT, models.COEFFICIENT_BUILDERS]),
        (Train, "joint_network", [networks.JOINT, models.JOINT_BUILDERS]),
        (Train, "image_input", [ImageChannels.KINDS]),
        (Train, "coefficient_input", [CoefficientChannels.CHANNELS]),
        (Train, "optimizer", [learner.OPTIMIZERS]),
        (Train, "loss", [learner.LOSSES]),
    ],
)
def test_choices_are_the_keys_of_their_tables(section, key, tables):
    for table in tables:
        assert choices(section, key) == set(table)


def test_number_formats_are_those_of_keras():
    for name in choices(Train, "precision"):
        assert keras.dtype_policies.get(name).name == name
