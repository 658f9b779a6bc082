"""A new feature and a new obstacle are one new file each, from the simulation to the records."""

import json
import sys

import numpy as np
import pytest

from xscatter import open_experiment, open_records, tags
from xscatter.records.pack import pack
from xscatter.records.read import Records
from xscatter.simulate import Experiment, features, simulate_experiment, simulate_image
from xscatter.simulate.instrument import obstacles
from xscatter.simulate.instrument.registry import all_obstacles
from xscatter.simulate.registry import all_features
from xscatter.simulate.setup import draw_setup
from xscatter.store.paths import StudyPaths
from xscatter.study import parse_study
from xscatter.transform.parallel import transform_files

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
"""A curtain: the left half is dark, and its left quarter is masked."""

from dataclasses import dataclass

import numpy as np

from xscatter.simulate.instrument.obstacle import Factor, Obstacle


@dataclass(frozen=True)
class Curtain(Obstacle):
    edge: float

    @property
    def tag(self):
        return "windowed"

    def factors(self, experiment):
        edge = self.edge * experiment.size
        dark = lambda rows, cols: np.where(cols < edge, 0.01, 1.0)
        yield Factor("curtain", experiment.map_of(dark))

    def mask(self, experiment):
        edge = 0.5 * self.edge * experiment.size
        return experiment.map_of(lambda rows, cols: cols < edge, bool)


def draw(draws, detector, placement):
    return Curtain(float(draws.rng.uniform(0.4, 0.6))) if draws.number % 2 == 0 else None
'''


@pytest.fixture
def add_file(tmp_path):
    """Return a function that adds one module to a package; the end of the test takes it away."""
    tables = {features: all_features, obstacles: all_obstacles}
    added = []

    def look_again():
        for table in tables.values():
            table.cache_clear()

    with pytest.MonkeyPatch.context() as patch:

        def add(package, name, text):
            folder = tmp_path / package.__name__
            folder.mkdir()
            (folder / f"{name}.py").write_text(text)
            patch.setattr(package, "__path__", [*package.__path__, str(folder)])
            added.append((package, name))
            look_again()
            assert name in tables[package]()

        yield add
    look_again()
    for package, name in added:
        del sys.modules[f"{package.__name__}.{name}"]
        delattr(package, name)
        assert name not in tables[package]()
    assert added


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
    plain = Experiment(STUDY, 4)
    add_file(obstacles, "curtain", OBSTACLE)
    for number, expected in enumerate(before):
        drawn = settings(number)
        curtain = drawn.pop("curtain", None)
        assert drawn == expected
        assert (curtain is not None) == (number % 2 == 0)
    experiment = Experiment(STUDY, 4)
    quarter = np.arange(64) < 0.5 * experiment.setup.settings()["curtain"]["edge"] * 64
    assert (experiment.mask == plain.mask | quarter).all()
    assert experiment.masked_tags == plain.masked_tags | {"windowed"}
    counts = np.empty((64, 64), np.uint32)
    simulated = simulate_image(experiment, 0, counts)
    assert simulated.scene == simulate_image(plain, 0, counts.copy()).scene
    hidden = experiment.live & (np.arange(64) < 20)
    assert experiment.gain[hidden] == pytest.approx(0.01 * plain.gain[hidden], rel=1e-6)


def test_both_reach_the_records(add_file, tmp_path):
    add_file(features, "plateau", FEATURE)
    add_file(obstacles, "curtain", OBSTACLE)
    study = parse_study(
        {
            "name": "f",
            "seed": 6,
            "simulate": {"size": 64, "experiments": 4, "images": 3},
            "transform": {"angular_orders": 3, "radial_orders": 4},
            "pack": {"batches": 2, "test_batch": 1},
        }
    )
    paths = StudyPaths(tmp_path / "f")
    for number in range(4):
        simulate_experiment(study, number, paths.experiment(number))
    transform_files(study, [(paths.experiment(n), paths.coefficients(n)) for n in range(4)])
    pack(study, paths)
    shards = {}
    for number in range(4):
        with open_experiment(paths.experiment(number)) as shard:
            shards[number] = shard.mask, shard.labels[()]
    records = open_records(paths.batches, verify=True)
    packed = np.concatenate(records.batches)
    assert sorted(map(tuple, packed["source"])) == [(n, i) for n in range(4) for i in range(3)]
    assert packed["tags"][:, tags.INDEX["diffuse high-q"]].any()
    assert np.isfinite(packed["coefficients"]).all()
    for record in packed:
        number, image = record["source"]
        mask, labels = shards[number]
        assert (record["tags"] == labels[image]).all()
        assert (Records.decode(record["image"])[1] == mask).all()
        if number % 2 == 0:
            assert mask[:, :12].all()
        if number == 2:  # in experiment 0, the detector begins beside the mask
            assert record["tags"][tags.INDEX["windowed"]]
