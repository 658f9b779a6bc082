"""Advice: when it comes, what it says, and when there is none."""

import numpy as np
import pytest

from toy_sequences import frames_of, growing_ring, ring
from xscatter import Advisor
from xscatter.advice.course import ChangeRecord
from xscatter.cli import main
from xscatter.sequences.profiles import Profile


def advice_of(expected, at_rest=False, seed=0):
    """All advice about frames, frame by frame."""
    advisor, told = Advisor(at_rest), []
    for number, frame in enumerate(frames_of(np.asarray(expected), seed)):
        advisor.tell(frame, time=number)
        if (advice := advisor.ask()) is not None:
            told.append(advice)
    return told


def test_a_process_is_finished_when_little_is_to_come():
    told = advice_of(growing_ring(frames=36, photons=1e6, amount=0.4, onset=15, time=8.0))
    assert [advice.action for advice in told] == ["look", "stop"]
    stop = told[1]
    assert stop.probability >= 0.95
    assert "still to come" in stop.why
    # n = 3: less than a twentieth is to come after 1.44, the end (98 %) is at 1.58 times 8 frames.
    assert 15 + 1.44 * 8 <= stop.frame <= 15 + 1.58 * 8 + 5


def test_a_dim_process_is_not_finished_but_needs_photons():
    """The same process with few photons: nothing more is seen to change, which proves nothing."""
    told = advice_of(growing_ring(frames=50, photons=120, amount=0.4, onset=15, time=8.0))
    assert "stop" not in [advice.action for advice in told]
    exposures = [advice for advice in told if advice.action == "expose"]
    assert len(exposures) <= 1
    assert all("times the photons" in advice.why for advice in exposures)


def test_a_process_that_goes_on_is_not_finished():
    steady = [3e5 * ring(16 + 0.05 * n) for n in range(36)]
    assert "stop" not in [advice.action for advice in advice_of(steady)]


def test_nothing_to_do_is_silence():
    flux = 1 + 0.1 * np.random.default_rng(3).normal(size=30)
    assert advice_of([1e5 * light * ring() for light in flux]) == []


def test_damage_is_named_at_rest_only_and_no_beam_pauses():
    expected = growing_ring(frames=30, photons=3e5, amount=0.4, onset=15, time=3.0)
    expected = np.concatenate([expected, 1e-4 * expected[:3]])
    actions = {rest: [a.action for a in advice_of(expected, rest)] for rest in (False, True)}
    assert actions[True][0] == "move"
    assert actions[False][0] == "look"
    assert actions[True][-1] == actions[False][-1] == "pause"


def test_profiles_without_photon_noise_are_finished_too():
    x = np.linspace(0.1, 4, 300)
    random, advisor, actions = np.random.default_rng(0), Advisor(), []
    for n in range(36):
        grown = 1 - np.exp(-((max(n - 15, 0) / 8) ** 3))
        level = np.exp(-x) + grown * np.exp(-(((x - 2) / 0.1) ** 2))
        values = level * (1 + 0.01 * random.standard_normal(300))
        advisor.tell(Profile(values, x), time=n)
        if (advice := advisor.ask()) is not None:
            actions.append((advice.action, n))
    assert next(n for action, n in actions if action == "stop") in range(24, 34)


def test_places_along_a_change_are_those_of_its_progress():
    """The matched filter of exact patterns, with flux that varies; memory is bounded."""
    from toy_sequences import sums_of

    progress = np.linspace(0, 1, 300)
    record, rng = ChangeRecord(), np.random.default_rng(0)
    frames = [3e6 * rng.uniform(0.5, 1) * ((1 - x) * ring(15) + x * ring(21)) for x in progress]
    for number, sums in enumerate(sums_of(np.array(frames))):
        record.add(number, sums, quiet=False)
    course = record.course(1, 296, 1.0)
    assert len(course.frame) <= 120
    assert np.abs(course.place - np.interp(course.frame, np.arange(300), progress)).max() < 0.03


@pytest.mark.parametrize("option", [["--advise"], ["--until", "finished"], ["--frames", "f.csv"]])
def test_advice_needs_a_file_of_events(tmp_path, capsys, option):
    assert main(["watch", str(tmp_path), "--once", *option]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "also needs --processes FILE" in line
