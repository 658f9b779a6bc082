"""Kinds of instrument: all are drawn and named, can be left out or asked for, reach the files."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from xscatter import open_experiment
from xscatter.core.errors import UserError
from xscatter.simulate import Experiment, simulate_experiment
from xscatter.simulate.instrument.kinds import all_kinds
from xscatter.simulate.setup import draw_setup
from xscatter.study import parse_study


def make_study(**simulate):
    content = {"size": 48, "experiments": 400, "images": 1, **simulate}
    return parse_study({"name": "k", "seed": 4, "simulate": content})


def test_every_kind_is_drawn_and_no_other():
    study = make_study(masked_beamstop_fraction=0.3)
    drawn = [draw_setup(study, number).kinds for number in range(1200)]
    for kinds in drawn:
        assert list(kinds) == sorted(set(kinds))
    assert set().union(*drawn) == set(all_kinds())


@pytest.mark.parametrize("kind", ["window: polygon", "beamstop: none", "detector: pilatus 2m"])
def test_a_kind_is_left_out_or_always_there(kind):
    without, with_it = make_study(exclude_kinds=[kind]), make_study(require_kinds=[kind])
    plain = make_study()
    kept = 0
    for number in range(30):
        usual = draw_setup(plain, number)
        assert kind not in draw_setup(without, number).kinds
        assert kind in draw_setup(with_it, number).kinds
        # What need not be drawn again stays as it was.
        same = with_it if kind in usual.kinds else without
        kept += draw_setup(same, number).settings() == usual.settings()
    assert kept == 30


def test_one_of_several_required_kinds_is_enough():
    kinds = ["grazing: upright film", "grazing: level film"]
    study = make_study(require_kinds=kinds, exclude_kinds=["detector: eiger 1m"])
    drawn = [draw_setup(study, number) for number in range(40)]
    assert all(set(kinds) & set(setup.kinds) and setup.film is not None for setup in drawn)
    assert {kind for setup in drawn for kind in setup.kinds} >= set(kinds)
    # Another attempt is another instrument, not the same for all experiments.
    assert len({setup.placement.center for setup in drawn}) == 40


@pytest.mark.parametrize(
    ("simulate", "words"),
    [
        ({"exclude_kinds": ["window: star"]}, "simulate.exclude_kinds: window: star is not a kind"),
        ({"require_kinds": ["monochromator"]}, "there are beam: laboratory source, beam: near"),
        (
            {"require_kinds": ["beam: neutrons"], "exclude_kinds": ["beam: neutrons"]},
            "simulate.require_kinds: all are in simulate.exclude_kinds",
        ),
        (
            {"require_kinds": ["beamstop: masked"], "masked_beamstop_fraction": 0},
            "none of 40 instruments drawn for experiment 0 has such kinds",
        ),
    ],
)
def test_kinds_that_cannot_be_are_refused(simulate, words, monkeypatch):
    monkeypatch.setattr("xscatter.simulate.setup.ATTEMPTS", 40)
    with pytest.raises(UserError, match=words):
        Experiment(make_study(**simulate), 0)


def test_kinds_reach_the_shard_and_earlier_shards_have_none(tmp_path):
    study, path = make_study(require_kinds=["window: circle"]), tmp_path / "00003.h5"
    simulate_experiment(study, 3, path)
    with open_experiment(path) as experiment:
        assert experiment.kinds == Experiment(study, 3).kinds
        assert "window: circle" in experiment.kinds
        counts = experiment.counts(0)[0]
    simulate_experiment(study, 3, tmp_path / "again.h5")
    with open_experiment(tmp_path / "again.h5") as experiment:
        assert np.array_equal(experiment.counts(0)[0], counts)
    with h5py.File(path) as file:
        settings = json.loads(file["entry/instrument/settings"][()])
        earlier = h5py.File(tmp_path / "earlier.h5", "w")
        for name in ("data", "tags", "parameters"):
            file.copy(f"entry/{name}", earlier.require_group("entry"))
        earlier.create_group("entry/instrument")
        earlier.attrs.update(file.attrs)
    assert settings["window"]["shape"] == "circle"
    from xscatter.store.experiments import ExperimentFile

    assert ExperimentFile(earlier).kinds == ()
    earlier.close()


def test_the_reference_page_names_all_kinds_by_a_directive():
    page = Path(__file__).parents[1] / "docs/reference/instruments.md"
    assert "{instrument-kinds}" in page.read_text()
