"""One test for every law: it walks the registry, so a new file is tested by being there."""

import json

import numpy as np
import pytest

from test_features import Tails
from xscatter import processes
from xscatter.core.errors import UserError
from xscatter.simulate.features.speckle import pattern
from xscatter.simulate.law_gallery import process_page, write_law_pictures
from xscatter.simulate.law_registry import all_laws, chosen_laws
from xscatter.simulate.registry import get
from xscatter.simulate.sequence import sequence_experiment
from xscatter.simulate.timeline import LawEvent, draw_event, warped
from xscatter.study import Study

pytestmark = pytest.mark.floats

LAWS = all_laws()
SAMPLES = [name for name, law in LAWS.items() if law.kind == "sample"]
FRAMES = 60


@pytest.fixture(scope="module")
def instruments():
    study = Study(name="t", simulate={"size": 64}, sequence={"frames": FRAMES})
    return [sequence_experiment(study, number) for number in range(12)]


def drawn(name, instruments, count=8):
    """Draws of one law: the experiment and the event of each."""
    law, events = LAWS[name], []
    for number in range(4 * count):
        experiment = instruments[number % len(instruments)]
        rng = np.random.default_rng(number)
        if law.kind == "sample":
            event = draw_event(law, experiment, rng, FRAMES)
        else:
            parameters = law.draw(rng, experiment, FRAMES, [])
            event = LawEvent(name, law.process(parameters), parameters, [])
        events += [(experiment, event)] if event else []
    assert len(events) >= count or name == "dynamics"  # few beams are coherent
    return events[:count]


def test_every_process_has_a_law_and_every_law_its_processes():
    tags = [tag for law in LAWS.values() for tag in law.tags]
    assert sorted(tags) == sorted(processes.NAMES)
    for process in processes.PROCESSES:
        assert process.family in processes.FAMILIES
        assert process.reverse is None or process.reverse in processes.NAMES
        if process.reverse:
            back = processes.PROCESSES[processes.INDEX[process.reverse]]
            assert back.reverse == process.name
    for law in LAWS.values():
        instrument = {processes.PROCESSES[processes.INDEX[t]].family for t in law.tags}
        assert (instrument == {"instrument"}) == (law.kind == "instrument")


@pytest.mark.parametrize("name", LAWS)
def test_reference_values(name):
    assert LAWS[name].references
    for reference in LAWS[name].references:
        value = reference.function(*reference.arguments)
        np.testing.assert_allclose(
            value, reference.value, rtol=2e-2, atol=1e-6, err_msg=reference.source
        )


@pytest.mark.parametrize("name", LAWS)
def test_table_of_parameters(name):
    law = LAWS[name]
    assert law.module.__doc__
    for parameter in law.parameters:
        low, high = parameter.bounds
        assert low <= parameter.default <= high
        assert parameter.meaning
    with pytest.raises(UserError, match="not a parameter"):
        law.check({"no such parameter": 1.0})


@pytest.mark.parametrize("name", LAWS)
def test_progress_stays_between_0_and_1_and_does_not_depend_on_the_frames_asked_for(
    name, instruments
):
    law = LAWS[name]
    t = np.arange(2 * FRAMES, dtype=float)
    for _, event in drawn(name, instruments):
        x = law.progress(event.parameters, t)
        assert x.shape == t.shape
        assert np.isfinite(x).all()
        assert 0 <= x.min() <= x.max() <= 1
        one = [law.progress(event.parameters, np.array([frame]))[0] for frame in t]
        np.testing.assert_allclose(one, x, atol=1e-12)
        steady = {"cycle", "strain", "rotation"}
        if law.kind == "sample" and name not in steady:
            assert (np.diff(x) >= -1e-12).all(), "what does not go back and forth is monotone"


@pytest.mark.parametrize("name", LAWS)
def test_draws_regenerate_from_json_and_stay_within_bounds(name, instruments):
    law = LAWS[name]
    for _, event in drawn(name, instruments):
        again = json.loads(json.dumps([event.parameters, event.entries]))
        assert event.process in law.tags
        assert law.check(event.parameters) == event.parameters
        for x in np.linspace(0, 1, 11):
            if law.kind == "instrument":
                scene = {"photons": 1e5, "drift": [0.0, 0.0], "zingers": 0, "features": []}
                one = law.module.disturb(event.parameters, x, x * FRAMES, scene)
                assert one == json.loads(json.dumps(one))
                assert one["photons"] >= 0
                continue
            one = law.module.values(event.parameters, x, x * FRAMES, event.entries)
            assert one == law.module.values(again[0], x, x * FRAMES, again[1])
            assert one == json.loads(json.dumps(one)), "plain numbers only"
            for entry in one:
                get(entry["feature"]).check(entry["parameters"])
                assert entry["share"] >= 0


@pytest.mark.parametrize("name", LAWS)
def test_a_rare_draw_stays_within_the_bounds(name, instruments):
    """Numbers far out in the tails: one out of bounds would end the sequence."""
    law = LAWS[name]
    for experiment in instruments[:4]:
        for seed in range(15):
            rng = Tails(np.random.PCG64(seed))
            if law.kind == "instrument":
                assert law.draw(rng, experiment, FRAMES, [])
            else:  # drawn again, or another law is taken
                event = draw_event(law, experiment, rng, FRAMES)
                assert event is None or law.check(event.parameters)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_law_changes_something(name, instruments):
    law = LAWS[name]
    for _, event in drawn(name, instruments):
        first, last = (
            law.module.values(event.parameters, x, x * 2 * FRAMES, event.entries)
            for x in (0.0, 1.0)
        )
        assert first != last


def test_a_law_must_exist():
    assert list(chosen_laws(("melting",))) == ["melting"]
    with pytest.raises(UserError, match=r"sequence\.laws: meltin is not a law of samples"):
        chosen_laws(("meltin",))
    with pytest.raises(UserError, match="beam_lost is not a law of samples"):
        chosen_laws(("beam_lost",))


def test_warps_are_monotone_and_keep_the_ends():
    x = np.linspace(0, 1, 101)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = warped(x, (rng.random(), *10 ** rng.uniform(-0.25, 0.25, 2)))
        assert y[0] == 0
        assert y[-1] == pytest.approx(1)
        assert (np.diff(y) > 0).all()
    assert warped(x, None) is x


def test_speckle_ages_as_the_field_forgets():
    """g₂ − 1 falls as exp(−2 a), between any two ages, and age 0 is the pattern of images."""
    assert np.array_equal(pattern(3), pattern(3, 0.0))
    for first, second in ((0.0, 0.3), (0.5, 0.8), (2.0, 2.3)):
        kept = np.mean(
            [((pattern(n, first) - 1) * (pattern(n, second) - 1)).mean() for n in range(12)]
        )
        assert kept == pytest.approx(np.exp(-0.6), abs=0.04)


def test_the_page_names_every_process_law_and_parameter():
    page = process_page("folder/")
    for process in processes.PROCESSES:
        assert f"| {process.name} | {process.family} |" in page
    for name, law in LAWS.items():
        assert f"(folder/law-{name}.png)" in page
        for parameter in law.parameters:
            assert f"| `{parameter.name}` | {parameter.unit} |" in page


@pytest.mark.parametrize("name", ["melting", "detector_fault"])
def test_a_picture_of_a_law(name, tmp_path):
    (path,) = write_law_pictures(tmp_path, [name], size=48)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match="not a law"):
        write_law_pictures(tmp_path, ["no such law"])
