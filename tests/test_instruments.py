"""Parts of the instrument against independent geometry and statistics, on small images."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, stats

from tolerances import sum_tolerance
from xscatter import tags
from xscatter.geometry import Geometry
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.instrument.fixed_pattern import FixedPattern
from xscatter.simulate.instrument.layouts import LAYOUTS
from xscatter.simulate.instrument.obstacles.film import UP, Film, SpecularStop
from xscatter.simulate.instrument.obstacles.hand_mask import HandMask
from xscatter.simulate.instrument.obstacles.window import Window
from xscatter.simulate.instrument.read_out import in_units
from xscatter.simulate.instrument.smearing import spread_far
from xscatter.simulate.registry import get
from xscatter.simulate.render import as_image, render
from xscatter.simulate.scene import draw_scene
from xscatter.simulate.visibility import detectability
from xscatter.study import parse_study

pytestmark = pytest.mark.floats


def make_experiment(*required, number=0, size=96, **simulate):
    content = {"size": size, "experiments": 100, "images": 4, **simulate}
    content["require_kinds"] = list(required)
    return Experiment(parse_study({"name": "i", "seed": 9, "simulate": content}), number)


def flat_scene(photons):
    flat = {"feature": "background", "share": 1.0, "parameters": {"flat": 1.0, "parasitic": 0.0}}
    return {"photons": photons, "drift": [0.0, 0.0], "zingers": 0, "features": [flat]}


# ---- windows ------------------------------------------------------------------------------------

WINDOW = Window(
    shape="circle", center=(0.5, 0.5), radius=0.3, ratio=0.6, angle=0.4, sides=(), corner=0.02,
    rim=0.0, rim_leak=0.5, about_beam=True, blur=1.0, leak=0.01,
)  # fmt: skip
SIDE = np.linspace(-2, 2, 801)
TRIANGLE = {"sides": (0.5, 0.4, 0.3), "corner": 1e-3}


@pytest.mark.parametrize(
    ("change", "area"),
    [
        ({"shape": "circle"}, np.pi),
        ({"shape": "ellipse"}, np.pi * 0.6),
        ({"shape": "square", "sides": (1.0, 0.6, 1.0, 0.6)}, 4 * 0.6),
        # Normals at 120°: an equilateral triangle whose distances from a point add to its height.
        ({"shape": "polygon", **TRIANGLE}, (0.5 + 0.4 + 0.3) ** 2 / np.sqrt(3)),
        # A clamp on the rim takes about half of a disk.
        ({"shape": "flange", "sides": (0.0, 2.0), "corner": 0.2}, np.pi - 2 * 0.5 * np.pi * 0.2**2),
    ],
)
def test_the_opening_of_a_window_has_the_area_of_its_shape(change, area):
    beyond = replace(WINDOW, **change).beyond(SIDE[:, None], SIDE[None, :])
    cell = (SIDE[1] - SIDE[0]) ** 2
    assert np.count_nonzero(beyond < 0) * cell == pytest.approx(area, rel=0.03)


def test_round_corners_take_the_corners_only():
    square = replace(WINDOW, shape="square", sides=(1.0,) * 4, angle=0.0, corner=0.1)
    at = lambda y, x: square.beyond(np.array([[y]]), np.array([[x]]))[0, 0]  # noqa: E731
    assert at(0.0, 1.0) == pytest.approx(0, abs=1e-3)
    # Two sides meet: ln 2 of the corner more.
    assert at(1.0, 1.0) == pytest.approx(0.1 * np.log(2), abs=1e-3)


def test_a_rim_lets_some_pass_and_the_rest_is_dark():
    experiment = make_experiment("beamstop: none", exclude_kinds=["detector: neutron whole"])
    window = replace(WINDOW, radius=0.2, rim=0.5, rim_leak=0.4, blur=0.1)
    (factor,) = window.factors(experiment)
    along = factor.factor[48]
    spread = int(np.ceil(4 * experiment.spread_pixels))
    assert along[48 - int(19.2) + spread : 48].min() > 0.99
    assert along[48 + int(24.0)] == pytest.approx(0.4, abs=0.02)
    assert along[90] == pytest.approx(0.01, abs=0.002)


# ---- masks --------------------------------------------------------------------------------------


def test_a_drawn_mask_covers_the_area_of_its_polygons():
    triangle, bar = ((0.1, 0.1), (0.1, 0.5), (0.4, 0.1)), ((0.6, 0.0), (0.6, 1.0), (0.7, 1.0))
    drawn = HandMask("mask: polygons", (triangle, (*bar, (0.7, 0.0))))
    points = (np.arange(500) + 0.5) / 500
    covered = drawn.covering(points[:, None], points[None, :])
    assert covered.mean() == pytest.approx(0.5 * 0.4 * 0.3 + 0.1, abs=2e-3)
    turned = HandMask("mask: polygons", (triangle[::-1],))
    assert turned.covering(points[:, None], points[None, :]).mean() == pytest.approx(0.06, abs=1e-3)


def test_dead_modules_begin_and_end_in_gaps():
    experiment = make_experiment(
        "mask: dead modules",
        detectors=["pilatus"],
        size=400,
        exclude_kinds=["read-out: gaps as zeros"],
    )
    dead = next(o for o in experiment.setup.obstacles if isinstance(o, HandMask)).mask(experiment)
    gaps, _ = experiment.setup.detector.parts(400, np.random.default_rng(0))
    labels, number = ndimage.label(~gaps)
    live = [np.mean(dead[labels == n]) for n in range(1, number + 1) if (labels == n).sum() > 200]
    assert 0 < np.mean(live) < 0.7
    # A module is dead or it is not, but for the pixels at its edge.
    assert all(part < 0.1 or part > 0.9 for part in live)


# ---- grazing incidence --------------------------------------------------------------------------

FILM = Film(
    critical=0.003, incidence=0.004, azimuth=UP, film_loss=0.2, substrate=1.0, roughness=0.0,
    horizon_blur=0.1, horizon_leak=0.1, stop=None,
)  # fmt: skip
STRAIGHT = Geometry(1e-10, 3.0, 2e-4, (300.0, 250.0))


def test_a_film_that_stands_upright_is_a_level_one_turned_by_a_quarter():
    rows, cols = np.arange(400.0)[:, None], np.arange(400.0)[None, :]
    level = FILM.exit_angle(STRAIGHT, rows, cols)
    upright = replace(FILM, azimuth=0.0).exit_angle(
        replace(STRAIGHT, center=(250.0, 99.0)), rows, cols
    )
    # Turned by -90°: rows count from the other side.
    np.testing.assert_allclose(np.rot90(level, -1), upright, atol=1e-12)


@pytest.mark.parametrize("azimuth", [UP, 0.0, 0.3, np.pi])
def test_the_specular_beam_leaves_at_the_angle_of_incidence(azimuth):
    film = replace(FILM, azimuth=azimuth)
    row, col = film.specular(STRAIGHT)
    assert film.exit_angle(STRAIGHT, np.array(row), np.array(col)) == pytest.approx(0.004, rel=1e-4)
    at_beam = film.exit_angle(STRAIGHT, *map(np.array, STRAIGHT.center))
    assert at_beam == pytest.approx(-0.004, rel=1e-6)


def test_the_band_begins_at_the_critical_angle_and_a_substrate_and_roughness_widen_it():
    def width(film):
        angles, table = film.band()
        return np.trapezoid(table[:4000] > 2, angles[:4000])

    angles, table = FILM.band()
    assert angles[table.argmax()] == pytest.approx(FILM.critical, rel=0.05)
    assert table.max() < 4.0  # twice the amplitude
    second = replace(FILM, substrate=1.8)
    assert width(second) > 1.5 * width(FILM)
    assert np.interp(1.8 * FILM.critical, *second.band()) > 3
    rough = replace(FILM, roughness=0.3).band()[1]
    assert rough.max() < 0.9 * table.max()


def test_the_stop_of_the_specular_beam_hides_it_and_names_no_tag():
    experiment = make_experiment(
        "grazing: specular beamstop", exclude_kinds=["beam: off the image"]
    )
    stop = SpecularStop(20.0, False, 10.0, 0.0, 0.999, (0.0, 0.0))
    film = replace(experiment.film, stop=stop)
    factor = {f.name: f.factor for f in film.factors(experiment)}["specular beamstop"]
    row, col = film.specular(experiment.geometry)
    rows, cols = np.indices(factor.shape)
    distance = np.hypot(rows - row, cols - col) * experiment.scale
    inside, left = distance < 5, (cols < col - 80 / experiment.scale)
    assert not inside.any() or factor[inside].max() < 0.1
    assert factor[left].min() > 0.95
    assert "specular beamstop" not in experiment.altered


@pytest.mark.parametrize("number", range(3))
def test_films_of_all_directions_have_the_beam_below_their_surface(number):
    for kind in ("grazing: level film", "grazing: upright film"):
        experiment = make_experiment(kind, number=number)
        film, g = experiment.film, experiment.geometry
        rows, cols = np.indices((96, 96))
        angle = film.exit_angle(g, rows, cols)
        live = experiment.live
        assert (angle[live] > 0).mean() > 0.3  # most of the detector looks at the film
        assert experiment.gain[live & (angle > 3 * film.critical)].mean() > 0


# ---- the fixed pattern, units, far light -------------------------------------------------------


def test_dark_frames_show_pedestals_of_tiles():
    pattern = FixedPattern(pedestal=50.0, tiles=(2, 2), tile_offset=0.1, tile_gain=0.05)
    offset = pattern.offset(64, 2.0, np.random.default_rng(5))
    parts = [offset[r : r + 32, c : c + 32] for r in (0, 32) for c in (0, 32)]
    assert all(np.ptp(part) == 0 for part in parts)
    means = np.array([part.mean() for part in parts]) / 4
    assert len(set(means)) == 4
    assert means == pytest.approx(50, rel=0.4)
    gains = pattern.gains(64, np.random.default_rng(5))
    assert np.unique(gains).size == 4
    assert gains.mean() == pytest.approx(1, abs=0.1)


def test_a_blank_of_a_ccd_is_its_pattern_and_noise():
    experiment = make_experiment("read-out: pedestal", exclude_kinds=["read-out: hot lines"])
    blank = {"photons": 0.0, "drift": [0.0, 0.0], "zingers": 0, "features": []}
    counts = np.empty((96, 96), np.uint32)
    simulated = simulate_image(experiment, 0, counts, blank)
    assert simulated.labels[tags.INDEX["blank"]] == 1
    live = experiment.live & ~experiment.zeros
    detector = experiment.setup.detector
    rest = counts[live].astype(float) - experiment.offset[live]
    expected = detector.gain * detector.dark_counts + 3 * detector.read_out * detector.scale
    assert rest.mean() == pytest.approx(expected, rel=0.1)


def test_hot_pixels_are_as_many_as_drawn():
    pattern = FixedPattern(hot=1e-3, heat=1e4)
    numbers = [
        np.count_nonzero(pattern.offset(200, 1.0, np.random.default_rng(n))) for n in range(40)
    ]
    assert np.mean(numbers) == pytest.approx(40, rel=0.15)
    assert FixedPattern().offset(64, 1.0, np.random.default_rng(0)) is None


def test_only_what_reads_charge_has_a_pedestal():
    rng = np.random.default_rng(1)
    for name, layout in LAYOUTS.items():
        drawn = [FixedPattern.draw(rng, layout) for _ in range(60)]
        charge = name in ("ccd", "image plate")
        assert any(pattern.pedestal for pattern in drawn) == charge
        assert any(pattern.tiles != (1, 1) for pattern in drawn) == charge


def test_gaps_as_zeros_are_zeros_and_show_nothing():
    experiment = make_experiment("read-out: gaps as zeros", detectors=["pilatus", "eiger"])
    zeros = experiment.zeros
    assert zeros.any()
    assert not (zeros & experiment.mask).any()
    counts = np.empty((96, 96), np.uint32)
    simulated = simulate_image(experiment, 0, counts, flat_scene(1e7))
    assert (counts[zeros] == 0).all()
    assert (counts[experiment.live & ~zeros] > 0).mean() > 0.2
    rendering = simulated.rendering
    assert rendering.expected[zeros].max() <= experiment.setup.detector.dark_counts + 1e-6
    # Photons are counted where they can be seen.
    seen = rendering.expected[experiment.live & ~zeros].sum(dtype=float)
    assert rendering.flux.sum() > 0
    assert seen > 0


@pytest.mark.parametrize("gain", [0.5, 3.0, 25.0])
def test_units_scale_mean_and_noise(gain):
    experiment = make_experiment("detector: pilatus 1m")
    detector = replace(experiment.setup.detector, gain=gain)
    photons = np.random.default_rng(3).poisson(200.0, (96, 96)).astype(np.uint32)
    live = np.ones((96, 96), bool)
    live[:5] = False
    counts = photons.copy()
    in_units(counts, live, detector)
    assert (counts[~live] == photons[~live]).all()
    assert counts[live].mean() == pytest.approx(200 * gain, rel=0.01)
    assert counts[live].astype(float).var() == pytest.approx(200 * gain**2, rel=0.06)


@pytest.mark.parametrize("width", [4.0, 5.4, 11.0])
def test_far_light_is_nearly_a_gaussian_that_keeps_the_photons(width):
    image = np.zeros((121, 131), np.float32)
    image[60, 70] = 1e4
    expected = ndimage.gaussian_filter(image.astype(float), width, truncate=6)
    spread_far(image, width)
    assert image.sum(dtype=float) == pytest.approx(1e4, rel=sum_tolerance(image.size) + 1e-3)
    rows, cols = np.indices(image.shape)
    for offset in (rows - 60, cols - 70):
        assert (image * offset).sum() == pytest.approx(0, abs=1)
        assert np.sqrt((image * offset**2).sum() / 1e4) == pytest.approx(width, rel=0.05)
    # Three boxes are a little flatter on top.
    np.testing.assert_allclose(image, expected, atol=0.15 * expected.max())


def test_far_light_fills_shadows_and_is_background_of_components():
    experiment = make_experiment("read-out: phosphor tail", exclude_kinds=["beamstop: none"])
    detector = experiment.setup.detector
    plain = Experiment(experiment.study, experiment.number)
    plain.setup = replace(plain.setup, detector=replace(detector, tail=0.0))
    ours, bare = (render(flat_scene(1e7), e) for e in (experiment, plain))
    live = experiment.live & (experiment.gain > 0)
    # The light is shared between core and far light, and none of it is made.
    assert ours.expected[live].sum(dtype=float) <= 1.001 * bare.expected[live].sum(dtype=float)
    dark = live & (experiment.gain < 0.02 * np.median(experiment.gain[live]))
    if dark.any():
        assert ours.expected[dark].mean() > bare.expected[dark].mean()
    strengths = [
        detectability(one.components[0], one, e)[0]
        for one, e in ((ours, experiment), (bare, plain))
    ]
    assert strengths[0] < strengths[1]


def test_neutron_counts_of_neighbours_are_correlated_and_photons_are_not():
    for name, least, most in (("neutron", 0.1, 1.0), ("pilatus", -0.05, 0.05)):
        experiment = make_experiment(
            size=128, detectors=[name], exclude_kinds=["read-out: gaps as zeros"]
        )
        counts = np.empty((128, 128), np.uint32)
        done = simulate_image(experiment, 0, counts, flat_scene(3e6)).rendering
        gain = experiment.setup.detector.gain
        noise = counts.astype(float) - gain * done.expected
        clear = experiment.live & (done.expected > 20)
        both = clear[:, 1:] & clear[:, :-1]
        correlation = stats.pearsonr(noise[:, 1:][both], noise[:, :-1][both])[0]
        assert least < correlation < most


def test_empty_beams_have_no_sample():
    experiment = make_experiment("beam: on the detector")
    scenes = [draw_scene(experiment, image) for image in range(400)]
    empty = [
        s for s in scenes if s["photons"] > 0
        and {e["feature"] for e in s["features"]} <= {
            "background", "parasitic_slits", "substrate", "direct_beam",
        }
    ]  # fmt: skip
    assert 2 < len(empty) < 30
    counts = np.empty((96, 96), np.uint32)
    labels = simulate_image(experiment, 0, counts, empty[0]).labels
    assert labels[tags.INDEX["high background"]] == 1
    assert not any(labels[tags.INDEX[name]] for name in ("ring", "halo", "diffuse low-q", "blank"))


# ---- features of films and of the beam ----------------------------------------------------------


def feature(name, experiment, **parameters):
    return get(name).contribute(parameters, experiment)


@pytest.mark.parametrize("kind", ["grazing: level film", "grazing: upright film"])
def test_arcs_of_a_textured_film_lie_about_its_normal_and_have_a_missing_wedge(kind):
    experiment = make_experiment(kind)
    normal, q = experiment.film.azimuth, 0.8 * experiment.q_high
    theta = np.degrees(np.arcsin(q * 1e9 * experiment.geometry.wavelength / (4 * np.pi)))
    one = {"position": q, "orders": 1, "mosaicity": 5.0, "powder": 0.0}
    away = np.degrees(np.abs((experiment.chi - normal + np.pi) % (2 * np.pi) - np.pi))
    (upright,) = feature("textured_film", experiment, angle=0.0, **one)
    # The normal itself is out of reach by half of the scattering angle.
    assert upright.azimuth[away.argmin()] == pytest.approx(
        np.exp(-0.5 * (theta / 5) ** 2), rel=0.01
    )
    (oblique,) = feature("textured_film", experiment, angle=50.0, **one)
    assert away[oblique.azimuth.argmax()] == pytest.approx(50, abs=max(2.0, theta)) or away[
        oblique.azimuth.argmax()
    ] == pytest.approx(130, abs=max(2.0, theta))
    vertical = kind == "grazing: level film"
    tilted = abs(np.degrees(normal) + (90 if vertical else 0)) % 180
    if min(tilted, 180 - tilted) < 10:
        name = "out of plane" if vertical else "in plane"
        assert f"ring: oriented {name}" in upright.tags
        assert "ring: oriented out of plane" not in oblique.tags


def test_rods_stand_along_the_normal_of_a_film():
    for kind in ("grazing: level film", "grazing: upright film"):
        experiment = make_experiment(kind)
        (rods,) = feature("bragg_rods", experiment, position=0.5 * experiment.q_high)
        assert rods.angle == experiment.film.azimuth
        (specular,) = feature("specular_rod", experiment)
        assert specular.angle == experiment.film.azimuth


def test_the_direct_beam_is_seen_where_no_beamstop_hides_it():
    shown = get("direct_beam").module.applies
    assert shown(make_experiment("beamstop: none", exclude_kinds=["beam: off the image"]))
    assert shown(make_experiment("beamstop: semi-transparent"))
    hidden = {"exclude_kinds": ["beamstop: semi-transparent", "beamstop: disk with a diode"]}
    assert not shown(make_experiment("beamstop: disk on a rod", **hidden))
    assert not shown(make_experiment("beam: off the image"))
    experiment = make_experiment("beam: on the detector")
    (spot,) = feature("direct_beam", experiment, size=2.0)
    image = as_image(spot, experiment)
    row, col = np.unravel_index(image.argmax(), image.shape)
    assert np.hypot(row - experiment.geometry.center[0], col - experiment.geometry.center[1]) < 1
    assert image.sum() == pytest.approx(1, rel=0.1)
