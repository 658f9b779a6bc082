"""Choices over experiments: balanced in every window, functions of the seed, independent."""

import numpy as np
import pytest

from xscatter.simulate.instrument.layouts import LAYOUTS
from xscatter.simulate.instrument.obstacles.beamstop import BEAMSTOPS
from xscatter.simulate.sample import FAMILIES
from xscatter.simulate.setup import draw_setup
from xscatter.simulate.strata import CHOICES, choose, fraction
from xscatter.study import Study, parse_study


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("first", [0, 37, 100_000])
def test_every_window_of_experiments_is_covered_evenly(choice, first):
    x = np.sort([fraction(7, choice, n) for n in range(first, first + 200)])
    discrepancy = np.abs(x - (np.arange(200) + 0.5) / 200).max()
    assert discrepancy < 0.05  # 200 independent numbers: 0.08 on average


def test_choices_do_not_follow_one_another():
    numbers = np.array([[fraction(3, choice, n) for choice in CHOICES] for n in range(400)])
    correlation = np.corrcoef(numbers.T) - np.eye(len(CHOICES))
    assert np.abs(correlation).max() < 0.2


def test_weights_are_kept():
    chosen = [choose(5, "beamstop", n, BEAMSTOPS) for n in range(1000)]
    for kind, weight in BEAMSTOPS.items():
        assert chosen.count(kind) / 1000 == pytest.approx(
            weight / sum(BEAMSTOPS.values()), abs=0.01
        )


def test_another_seed_gives_another_order():
    one, two = ([choose(seed, "detector", n, tuple(LAYOUTS)) for n in range(30)] for seed in (1, 2))
    assert one != two


def test_forty_experiments_miss_no_class():
    study = parse_study({"name": "s", "simulate": {"experiments": 40}})
    drawn = [draw_setup(study, n) for n in range(40)]
    assert {d.detector.layout.name for d in drawn} == set(LAYOUTS)
    assert {d.beamstop.kind for d in drawn} == set(BEAMSTOPS)
    assert {d.sample.family for d in drawn} == set(FAMILIES)
    assert {d.film is None for d in drawn} == {True, False}
    assert any(d.window for d in drawn)
    assert any(not 0 <= x < 1 for d in drawn for x in d.placement.center)


def test_the_detectors_of_a_study_are_the_layouts():
    choices = Study.model_json_schema()["$defs"]["Simulate"]["properties"]["detectors"]
    assert set(choices["items"]["enum"]) == set(LAYOUTS)
    assert set(parse_study({"name": "s"}).simulate.detectors) == set(LAYOUTS)
