"""A new feature and a new obstacle are one new file each; nothing else changes to simulate them."""

import json
import sys

import numpy as np
import pytest

from xscatter import tags
from xscatter.simulate import Experiment, features, simulate_image
from xscatter.simulate.instrument import obstacles
from xscatter.simulate.instrument.registry import all_obstacles
from xscatter.simulate.registry import all_features
from xscatter.simulate.setup import draw_setup
from xscatter.study import parse_study

FEATURE = '''
"""A plateau: as much scattering everywhere."""

import numpy as np

from xscatter.simulate.components import Radial
from xscatter.simulate.parameter import Parameter

KIND = "sample"
FAMILIES = {"any": 1e6}
GRAZING = 1e6
TAGS = ("diffuse high-q",)
PARAMETERS = (Parameter("height", "", 1.0, (0.0, 2.0), "of the plateau"),)


def draw(rng, experiment):
    return {"height": rng.uniform(0.5, 1.0)}


def contribute(parameters, experiment):
    return [Radial(tags=TAGS, profile=np.full_like(experiment.q, parameters["height"]))]
'''

OBSTACLE = '''
"""A curtain: the left half is dark."""

from dataclasses import dataclass

import numpy as np

from xscatter.simulate.instrument.obstacle import Factor, Obstacle


@dataclass(frozen=True)
class Curtain(Obstacle):
    edge: float

    def factors(self, experiment):
        edge = self.edge * experiment.size
        dark = lambda rows, cols: np.where(cols < edge, 0.01, 1.0)
        yield Factor("curtain", experiment.map_of(dark))


def draw(draws, detector, placement):
    return Curtain(float(draws.rng.uniform(0.4, 0.6))) if draws.number % 2 == 0 else None
'''


@pytest.fixture
def add_file(tmp_path, monkeypatch):
    """Return a function that adds one module to a package; the end of the test takes it away."""
    added = []

    def add(package, name, text):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        added.append((package, name))
        all_features.cache_clear()
        all_obstacles.cache_clear()

    yield add
    for package, name in added:
        sys.modules.pop(f"{package.__name__}.{name}", None)
        if hasattr(package, name):
            delattr(package, name)
    all_features.cache_clear()
    all_obstacles.cache_clear()


STUDY = parse_study({"name": "f", "seed": 6, "simulate": {"size": 64, "experiments": 8}})


def settings(number):
    return json.loads(json.dumps(draw_setup(STUDY, number).settings()))


def test_a_feature_is_one_file(add_file):
    add_file(features, "plateau", FEATURE)
    counts = np.empty((64, 64), np.uint32)
    experiment = Experiment(STUDY, 0)
    shown = [simulate_image(experiment, image, counts) for image in range(4)]
    assert any(entry["feature"] == "plateau" for one in shown for entry in one.scene["features"])
    assert any(one.labels[tags.INDEX["diffuse high-q"]] for one in shown)


def test_an_obstacle_is_one_file_and_changes_no_other_draw(add_file):
    before = [settings(number) for number in range(8)]
    plain = Experiment(STUDY, 0)
    add_file(obstacles, "curtain", OBSTACLE)
    for number, expected in enumerate(before):
        drawn = settings(number)
        curtain = drawn.pop("curtain", None)
        assert drawn == expected
        assert (curtain is not None) == (number % 2 == 0)
    experiment = Experiment(STUDY, 0)
    assert (experiment.mask == plain.mask).all()
    counts = np.empty((64, 64), np.uint32)
    simulated = simulate_image(experiment, 0, counts)
    assert simulated.scene == simulate_image(plain, 0, counts.copy()).scene
    hidden = experiment.live & (np.arange(64) < 20)
    assert experiment.gain[hidden] == pytest.approx(0.01 * plain.gain[hidden], rel=1e-6)


def test_both_leave_nothing_behind():
    assert "plateau" not in all_features()
    assert "curtain" not in all_obstacles()
