"""Rendering and detectability: against sums taken pixel by pixel, and against the size of the image."""

import numpy as np
import pytest

from xscatter import tags
from xscatter.seeds import Purpose, sequence
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.profiles import herman, wrapped_cauchy
from xscatter.simulate.render import render
from xscatter.simulate.scene import draw_scene
from xscatter.simulate.visibility import detectability
from xscatter.study import parse_study


def make_experiment(number=0, size=128, **simulate):
    study = {"name": "r", "seed": 21, "simulate": {"experiments": 100, "images": 8, "size": size, **simulate}}
    return Experiment(parse_study(study), number)


def scene_of(*features, photons=1e6):
    return {
        "photons": photons, "drift": [0.0, 0.0], "zingers": 0,
        "features": [{"feature": name, "share": share, "parameters": p} for name, share, p in features],
    }  # fmt: skip


def ring_scene(experiment, fold=2, eta=0.6, orders=2, **more):
    q = 0.3 * experiment.q_low + 0.35 * experiment.q_high
    ring = {"position": q, "width": 0.08, "orders": orders, "fold": fold, "eta": eta, "angle": 20.0}
    smooth = {"flat": 0.4, "decay": experiment.q_high}
    oval = {"form": 2, "length": 2 / experiment.q_low, "ratio": 1.8, "angle": 30.0}
    return scene_of(
        ("background", 0.3, smooth), ("ring", 0.5, ring), ("diffuse_low_q", 0.6, oval),
        **more,
    )  # fmt: skip


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_detectability_is_the_sum_over_live_pixels(number):
    """s of a component is what is missing when it alone is left out: no table, no histogram."""
    experiment = make_experiment(number)
    done = render(ring_scene(experiment), experiment)
    live = experiment.live
    whole = done.expected.astype(float)[live]
    for number_of_part, part in enumerate(done.parts):
        alone = render(ring_scene(experiment), experiment, only=number_of_part)
        s = alone.expected.astype(float)[live] - experiment.dark
        expected = np.sqrt(np.sum(s**2 / whole))
        strength, contrast, flux = detectability(part, done, experiment)
        assert strength == pytest.approx(expected, rel=0.02)
        assert flux == pytest.approx(s.sum(), rel=0.02)
        assert contrast == pytest.approx(np.sum(s**2 / whole) / s.sum(), rel=0.03)


def test_photons_of_a_scene_arrive_on_the_detector():
    for number in range(12):
        experiment = make_experiment(number)
        if experiment.settings["beamstop"] == "none" and not experiment.grazing and not experiment.settings["window"]:
            scene = scene_of(("background", 1.0, {"flat": 1.0}), photons=3e5)
            counts = render(scene, experiment).expected[experiment.live].sum(dtype=float)
            dark = experiment.dark * experiment.live.sum()
            assert counts - dark == pytest.approx(3e5, rel=0.05)


def test_resampling_keeps_the_scene_and_the_range_of_q():
    for number in range(25):
        small, large = make_experiment(number, 64), make_experiment(number, 160)
        assert small.settings["center"] == large.settings["center"]
        assert small.q_low == pytest.approx(large.q_low, rel=0.02)
        assert small.q_high == pytest.approx(large.q_high, rel=0.02)
        for image in range(12):
            a, b = draw_scene(small, image), draw_scene(large, image)
            assert a["photons"] == b["photons"]
            for one, other in zip(a["features"], b["features"], strict=True):
                assert one["feature"] == other["feature"]
                assert one["parameters"] == pytest.approx(other["parameters"], rel=1e-9)


def test_labels_do_not_depend_on_the_size():
    """Equal up to what lies at the threshold, or is finer than the pixels of the smaller image."""
    differ = total = 0
    for number in range(20):
        small, large = make_experiment(number, 96), make_experiment(number, 256)
        for image in range(5):
            pair = [
                simulate_image(e, image, np.empty((e.size, e.size), np.uint32), draw_scene(large, image))[2]
                for e in (small, large)
            ]
            differ += np.count_nonzero(pair[0] != pair[1])
            total += np.count_nonzero(pair[1])
    assert differ / total < 0.03


def test_extending_keeps_the_pixel():
    a, b = make_experiment(3, 64, sampling="extend"), make_experiment(3, 160, sampling="extend")
    assert a.geometry.pixel_size == b.geometry.pixel_size
    assert b.q_high > a.q_high


def test_streams_never_meet():
    """A million keys: distinct experiments, images and purposes have distinct states."""
    states = set()
    for purpose in (Purpose.SCENE, Purpose.NOISE):
        for experiment in range(1000):
            for image in range(500):
                states.add(sequence(2017, purpose, experiment, image).generate_state(2, np.uint64).tobytes())
    assert len(states) == 1_000_000


@pytest.mark.parametrize("eta", [0.0, 0.2, 0.5, 0.85])
def test_order_parameter_of_the_orientation_distribution(eta):
    chi = (np.arange(100_000) + 0.5) / 100_000 * 2 * np.pi
    density = wrapped_cauchy(chi, eta, fold=2)
    assert density.mean() == pytest.approx(1, rel=1e-6)
    assert np.mean(density * np.cos(2 * chi)) == pytest.approx(eta, abs=1e-6)
    assert (3 * np.mean(density * np.cos(chi) ** 2) - 1) / 2 == pytest.approx(herman(eta), abs=1e-6)


def test_hidden_ring_is_not_tagged():
    """A ring wholly under the beamstop, or a thousandth of the background, is generated but not true."""
    for number in range(40):
        experiment = make_experiment(number)
        dark = experiment.settings["beamstop"] == "circular" and experiment.settings["stop"]["leak"] < 1e-4
        if dark and not experiment.grazing and experiment.stop_radius > 5:
            break
    flat = ("background", 1.0, {"flat": 1.0})
    inside = 0.5 * experiment.stop_radius * experiment.q_per_pixel
    faint = {"position": 0.5 * experiment.q_high, "width": 0.1}
    frame = np.empty((128, 128), np.uint32)
    ring = tags.INDEX["ring"]
    clear = simulate_image(experiment, 0, frame, scene_of(flat, ("ring", 0.5, faint), photons=1e8))[2]
    weak = simulate_image(experiment, 0, frame, scene_of(flat, ("ring", 5e-5, faint), photons=1e8))[2]
    behind = scene_of(flat, ("ring", 1e-3, {"position": inside, "width": 0.05}))
    hidden = simulate_image(experiment, 0, frame, behind)[2]
    assert [clear[ring], weak[ring], hidden[ring]] == [1, 0, 0]
