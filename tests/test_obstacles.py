"""One test for every obstacle: it walks the registry, so a new file is tested by being there."""

import inspect
import json

import numpy as np
import pytest

from xscatter import tags
from xscatter.simulate import Experiment
from xscatter.simulate.instrument.obstacle import Obstacle
from xscatter.simulate.instrument.registry import all_obstacles
from xscatter.simulate.setup import FIRST
from xscatter.study import parse_study

OBSTACLES = all_obstacles()


@pytest.fixture(scope="module")
def experiments():
    simulate = {"size": 64, "experiments": 60, "masked_beamstop_fraction": 0.3}
    study = parse_study({"name": "o", "seed": 8, "simulate": simulate})
    return [Experiment(study, number) for number in range(60)]


def drawn_by(experiments, name):
    """The experiments that have the obstacle, with it."""
    module = OBSTACLES[name].__name__
    pairs = [(e, o) for e in experiments for o in e.setup.obstacles]
    return [(e, o) for e, o in pairs if type(o).__module__ == module]


def test_the_first_obstacles_are_there():
    assert set(FIRST) <= set(OBSTACLES)


@pytest.mark.parametrize("name", OBSTACLES)
def test_a_file_explains_and_draws_its_obstacle(name, experiments):
    assert OBSTACLES[name].__doc__
    asked = list(inspect.signature(OBSTACLES[name].draw).parameters)
    assert asked == ["draws", "detector", "placement"]
    drawn = drawn_by(experiments, name)
    assert drawn
    for _, obstacle in drawn:
        assert isinstance(obstacle, Obstacle)
        assert obstacle.tag is None or obstacle.tag in tags.NAMES
        again = json.loads(json.dumps(obstacle.settings()))
        assert again.keys() == obstacle.settings().keys()


@pytest.mark.parametrize("name", OBSTACLES)
def test_factors_are_maps_of_the_image(name, experiments):
    for experiment, obstacle in drawn_by(experiments, name):
        names = []
        for name_of_factor, factor, _ in obstacle.factors(experiment):
            names.append(name_of_factor)
            assert factor.shape == experiment.mask.shape
            assert factor.dtype == np.float32
            assert np.isfinite(factor).all()
            assert factor.min() > 0  # what nothing passes has no expected counts to compare with
        assert len(set(names)) == len(names)
        mask = obstacle.mask(experiment)
        assert mask is None or experiment.mask[mask].all()
