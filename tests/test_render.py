"""Rendering and detectability: against sums pixel by pixel, and at other image sizes."""

from dataclasses import replace

import numpy as np
import pytest

from xscatter import tags
from xscatter.core.seeds import Purpose, sequence
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.components import Plane
from xscatter.simulate.instrument.smearing import mix_wavelengths, mixed_halves
from xscatter.simulate.physics.profiles import peak, wrapped_cauchy
from xscatter.simulate.render import as_image, render
from xscatter.simulate.scene import draw_scene
from xscatter.simulate.shared.rings import width_tag
from xscatter.simulate.visibility import detectability
from xscatter.study import parse_study

pytestmark = pytest.mark.floats


def make_experiment(number=0, size=128, **simulate):
    # Far light is no part of a component; a test of its own is about it.
    simulate = {"exclude_kinds": ["read-out: phosphor tail"], **simulate}
    study = {
        "name": "r",
        "seed": 21,
        "simulate": {"experiments": 100, "images": 8, "size": size, **simulate},
    }
    return Experiment(parse_study(study), number)


def scene_of(*features, photons=1e6):
    return {
        "photons": photons, "drift": [0.0, 0.0], "zingers": 0,
        "features": [
            {"feature": name, "share": share, "parameters": p} for name, share, p in features
        ],
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
    for index, rendered in enumerate(done.components):
        alone = render(ring_scene(experiment), experiment, only=index)
        s = alone.expected.astype(float)[live] - experiment.setup.detector.dark_counts
        expected = np.sqrt(np.sum(s**2 / whole))
        strength, contrast, flux = detectability(rendered, done, experiment)
        assert strength == pytest.approx(expected, rel=0.02)
        assert flux == pytest.approx(s.sum(), rel=0.02)
        assert contrast == pytest.approx(np.sum(s**2 / whole) / s.sum(), rel=0.03)


def test_photons_of_a_scene_arrive_on_the_detector():
    for number in range(12):
        experiment = make_experiment(number)
        if (
            experiment.setup.beamstop.kind == "none"
            and not experiment.grazing
            and not experiment.setup.window
        ):
            scene = scene_of(("background", 1.0, {"flat": 1.0}), photons=3e5)
            counts = render(scene, experiment).expected[experiment.live].sum(dtype=float)
            dark = experiment.setup.detector.dark_counts * experiment.live.sum()
            assert counts - dark == pytest.approx(3e5, rel=0.05)


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5])  # with a beamstop
def test_a_tail_is_not_blown_up_to_all_the_photons(number):
    experiment = make_experiment(number)
    beyond = experiment.live & (experiment.q_index * experiment.q_step > 1.1 * experiment.q_low)
    for radius in (12, 40, 400):  # of gyration, in parts of what is just seen beside the beamstop
        tail = {"form": 0, "length": radius / experiment.q_low}
        done = render(scene_of(("diffuse_low_q", 1.0, tail), photons=1e6), experiment)
        assert np.isfinite(done.expected).all()
        assert (
            done.expected.astype(float)[beyond] - experiment.setup.detector.dark_counts
        ).sum() < 100


def test_resampling_keeps_the_scene_and_the_range_of_q():
    for number in range(25):
        small, large = make_experiment(number, 64), make_experiment(number, 160)
        assert small.setup.placement.center == large.setup.placement.center
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
                simulate_image(
                    e, image, np.empty((e.size, e.size), np.uint32), draw_scene(large, image)
                )[2]
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
    """A hundred thousand keys: distinct experiments, images and purposes have distinct states."""
    states = set()
    for purpose in (Purpose.SCENE, Purpose.NOISE):
        for experiment in range(200):
            for image in range(250):
                states.add(
                    sequence(2017, purpose, experiment, image)
                    .generate_state(2, np.uint64)
                    .tobytes()
                )
    assert len(states) == 100_000


@pytest.mark.parametrize("eta", [0.0, 0.2, 0.5, 0.85])
def test_order_parameter_of_the_orientation_distribution(eta):
    chi = (np.arange(100_000) + 0.5) / 100_000 * 2 * np.pi
    density = wrapped_cauchy(chi, eta, fold=2)
    assert density.mean() == pytest.approx(1, rel=1e-6)
    assert np.mean(density * np.cos(2 * chi)) == pytest.approx(eta, abs=1e-6)
    # Herman's S = (3⟨cos²χ⟩ − 1)/2 in the plane, with ⟨cos 2χ⟩ = η and ⟨cos²χ⟩ = (1 + η)/2.
    herman = (3 * np.mean(density * np.cos(chi) ** 2) - 1) / 2
    assert herman == pytest.approx((1 + 3 * eta) / 4, abs=1e-6)


def test_hidden_ring_is_not_tagged():
    """A ring under the beamstop, or a thousandth of the background, is generated but not true."""
    for number in range(40):
        experiment = make_experiment(number)
        dark = (
            experiment.setup.beamstop.kind == "circular" and experiment.setup.beamstop.leak < 1e-4
        )
        if dark and not experiment.grazing and experiment.stop_radius > 5:
            break
    flat = ("background", 1.0, {"flat": 1.0})
    inside = 0.5 * experiment.stop_radius * experiment.q_per_pixel
    faint = {"position": 0.5 * experiment.q_high, "width": 0.1}
    frame = np.empty((128, 128), np.uint32)
    ring = tags.INDEX["ring"]
    clear = simulate_image(experiment, 0, frame, scene_of(flat, ("ring", 0.5, faint), photons=1e8))[
        2
    ]
    weak = simulate_image(experiment, 0, frame, scene_of(flat, ("ring", 5e-5, faint), photons=1e8))[
        2
    ]
    behind = scene_of(flat, ("ring", 1e-3, {"position": inside, "width": 0.05}))
    hidden = simulate_image(experiment, 0, frame, behind)[2]
    assert [clear[ring], weak[ring], hidden[ring]] == [1, 0, 0]


def neutron_experiment(size=128):
    study = parse_study(
        {"name": "n", "seed": 21, "simulate": {"experiments": 400, "images": 1, "size": size}}
    )
    return next(e for e in (Experiment(study, n) for n in range(400)) if e.wavelength_spread)


@pytest.mark.parametrize("spread", [0.06, 0.12, 0.19])
def test_a_spread_of_wavelengths_widens_rings_by_its_part_of_q(spread):
    """FWHM = (Δλ/λ) q, and ∫ p(s) (q s)⁻ⁿ ds = q⁻ⁿ exp(n² σ²/2) for a power law."""
    q = np.arange(1500.0)
    sigma = spread / np.sqrt(8 * np.log(2))
    for place in (200.0, 500.0, 1000.0):
        line = np.exp(-0.5 * ((q - place) / 2) ** 2)
        seen = mix_wavelengths(line[None], spread)[0]
        above = np.flatnonzero(seen > seen.max() / 2)
        assert above[-1] - above[0] == pytest.approx(
            np.hypot(spread * place, 2 * 2.355), rel=0.02, abs=1.5
        )
        assert np.sqrt(above[-1] * above[0]) == pytest.approx(place, rel=0.01)
        assert seen.sum() == pytest.approx(line.sum() * np.exp(sigma**2 / 2), rel=2e-3)
    inner = slice(20, 700)
    for power in (1, 2, 4):
        fall = 1 / np.maximum(q, 0.5) ** power
        seen = mix_wavelengths(fall[None], spread)[0]
        np.testing.assert_allclose(
            seen[inner], fall[inner] * np.exp(power**2 * sigma**2 / 2), rtol=0.03
        )


def test_rings_and_lines_of_a_neutron_camera_are_equally_wide():
    """Through the renderer: the profile of a ring, and a layer line on the meridian."""
    experiment = neutron_experiment()
    at = 0.7 * experiment.q_high
    ring = {"position": at, "width": 0.004, "orders": 1}
    profile = render(scene_of(("ring", 1.0, ring)), experiment).components[0].profile
    table = peak(experiment.axis, at, 0.004 * at) + peak(experiment.axis, -at, 0.004 * at)
    spread = mixed_halves(table[None], experiment.wavelength_spread)[0]
    np.testing.assert_allclose(spread, spread[::-1], rtol=1e-9)
    half = spread[len(spread) // 2 :]
    for curve, blur in ((profile, 2.355 * experiment.resolution), (half, 0.0)):
        width = np.count_nonzero(curve > curve.max() / 2) * experiment.q_step
        assert width == pytest.approx(
            np.hypot(experiment.wavelength_spread * at, blur), abs=1.5 * experiment.q_step
        )


def test_a_spread_of_wavelengths_makes_sharp_rings_broad():
    experiment = neutron_experiment()
    parts = render(
        scene_of(("ring", 1.0, {"position": experiment.q_high / 2, "width": 0.01})), experiment
    ).components
    assert width_tag(0.01, 0.12) == "ring: broad"
    assert width_tag(np.hypot(0.01, experiment.wavelength_spread)) in parts[0].component.tags


@pytest.mark.parametrize("tilt", [-0.4, 0.0, 0.25])
def test_layer_lines_lie_where_the_planes_of_a_fibre_meet_the_ewald_sphere(tilt):
    """q = k' − k as a vector of every pixel, its parts along and across the axis: no θ, no χ."""
    for number in (1, 6, 9):
        experiment = make_experiment(number, 96)
        angle = 0.3 + number
        along = np.exp(
            -0.5 * ((experiment.axis - 0.4 * experiment.q_high) / (0.15 * experiment.q_high)) ** 2
        )
        across = np.exp(-0.5 * (experiment.axis / (0.5 * experiment.q_high)) ** 2)
        plane = Plane(along=along[None], across=across[None], angle=angle, tilt=tilt)
        index = np.arange(96)
        rays = np.stack(
            np.broadcast_arrays(*experiment.geometry.directions(index[:, None], index[None, :])), -1
        )
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        q = (rays - [0, 0, 1]) * 2e-9 * np.pi / experiment.geometry.wavelength
        axis = np.array([np.sin(angle) * np.cos(tilt), np.cos(angle) * np.cos(tilt), np.sin(tilt)])
        x = q @ axis
        y = np.linalg.norm(q - x[..., None] * axis, axis=-1)
        blur = experiment.resolution
        one, two = np.hypot(0.15 * experiment.q_high, blur), np.hypot(0.5 * experiment.q_high, blur)
        expected = np.exp(-0.5 * ((x - 0.4 * experiment.q_high) / one) ** 2 - 0.5 * (y / two) ** 2)
        expected *= 0.15 * 0.5 * experiment.q_high**2 / (one * two)
        np.testing.assert_allclose(as_image(plane, experiment), expected, atol=0.01)


def test_layer_lines_on_a_flat_detector_are_hyperbolas():
    """Polanyi: y = √(D² + x²) tan asin(l λ/c) for a fibre across the beam."""
    candidates = [make_experiment(n, 256) for n in range(200)]
    experiment = max(
        (e for e in candidates if abs(e.setup.placement.rot1) < 4e-3),
        key=lambda e: e.q_high * e.geometry.wavelength,
    )
    g = experiment.geometry
    g = replace(g, rot1=0.0, rot2=0.0, center=(10.0, 128.0))
    experiment.geometry = g
    place = 0.5 * experiment.q_high
    along = peak(experiment.axis, place, 0.01 * place)[None]
    plane = Plane(along=along, across=np.ones(along.shape), angle=np.pi / 2, tilt=0.0)
    image = as_image(plane, experiment)
    x = (np.arange(256) - 128.0) * g.pixel_size
    rise = np.tan(np.arcsin(place * 1e9 * g.wavelength / (2 * np.pi)))
    rows = 10 + np.hypot(g.distance, x) * rise / g.pixel_size
    assert rows[0] - rows[128] > 5  # curved well beyond a pixel
    inside = rows < 250
    np.testing.assert_allclose(image.argmax(axis=0)[inside], rows[inside], atol=1.0)
