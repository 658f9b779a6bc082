"""Geometry and maps of detectors against pyFAI; gaps of the layouts; coverage."""

from dataclasses import replace

import numpy as np
import pytest

from tolerances import step_tolerance
from xscatter.geometry import Geometry
from xscatter.simulate import Experiment
from xscatter.simulate.instrument.detector import gap_mask
from xscatter.simulate.instrument.layouts import LAYOUTS
from xscatter.study import parse_study

pytestmark = pytest.mark.floats

pyfai = pytest.importorskip("pyFAI.integrator.azimuthal")

SHAPE = (60, 83)
GEOMETRIES = [
    Geometry(1.0e-10, 2.0, 172e-6, (31.3, 40.9)),
    Geometry(0.8e-10, 0.15, 900e-6, (10.0, 70.0), rot1=0.1, rot2=-0.2),
    Geometry(1.54e-10, 0.05, 900e-6, (-5.0, 20.0), rot1=-0.15, rot2=0.07),
]


def integrator(geometry):
    poni1, poni2 = geometry.poni
    detector = pyfai.AzimuthalIntegrator(
        geometry.distance, poni1, poni2, geometry.rot1, geometry.rot2, 0.0,
        pixel1=geometry.pixel_size, pixel2=geometry.pixel_size, wavelength=geometry.wavelength,
    )  # fmt: skip
    detector.detector.shape = SHAPE
    detector.detector.max_shape = SHAPE
    return detector


@pytest.fixture(params=GEOMETRIES, ids=["straight", "tilted", "beam off the detector"])
def pair(request):
    return request.param, integrator(request.param)


ROWS, COLS = np.arange(SHAPE[0])[:, None], np.arange(SHAPE[1])[None, :]


def test_q_and_azimuth_are_those_of_pyfai(pair):
    ours, theirs = pair
    q, chi = ours.q_chi(ROWS, COLS)
    # pyFAI keeps q and azimuth in float32.
    tolerance = step_tolerance(8) * q.max()
    np.testing.assert_allclose(q, theirs.qArray(SHAPE), rtol=0, atol=tolerance)
    # In radians times q: the azimuth means nothing at the beam.
    difference = q * np.angle(np.exp(1j * (chi - theirs.chiArray(SHAPE))))
    np.testing.assert_allclose(difference, 0, atol=np.pi * tolerance)


def test_solid_angle_and_polarisation_are_those_of_pyfai(pair):
    ours, theirs = pair
    np.testing.assert_allclose(
        ours.solid_angle(ROWS, COLS), theirs.solidAngleArray(SHAPE), rtol=step_tolerance(8)
    )
    for factor in (0.0, 0.95, -0.5):
        np.testing.assert_allclose(
            ours.polarisation(ROWS, COLS, factor),
            theirs.polarization(SHAPE, factor=factor),
            rtol=1e-5,
        )


def test_beam_centre_is_where_q_vanishes(pair):
    ours, _ = pair
    q, _ = ours.q_chi(np.array(ours.center[0]), np.array(ours.center[1]))
    assert q == pytest.approx(0, abs=1e-6)


def test_pixels_is_the_inverse_of_q_and_azimuth(pair):
    ours, _ = pair
    q, chi = ours.q_chi(ROWS, COLS)
    rows, cols = ours.pixels(q, chi)
    np.testing.assert_allclose(rows, np.broadcast_to(ROWS, SHAPE), atol=1e-6)
    np.testing.assert_allclose(cols, np.broadcast_to(COLS, SHAPE), atol=1e-6)


def test_a_ray_that_cannot_exist_has_no_pixel():
    rows, _ = GEOMETRIES[0].pixels(np.array([1e4]), np.array([0.0]))
    assert np.isnan(rows).all()


@pytest.mark.parametrize("name", ["pilatus", "eiger"])
def test_gaps_at_full_size_are_those_of_the_data_sheet(name):
    layout = LAYOUTS[name]
    mask = gap_mask(layout, 1600, 1.0, (0.0, 0.0))
    period = [layout.module[axis] + layout.gap[axis] for axis in (0, 1)]
    row_is_gap = np.arange(1600) % period[0] >= layout.module[0]
    col_is_gap = np.arange(1600) % period[1] >= layout.module[1]
    assert np.array_equal(mask, row_is_gap[:, None] | col_is_gap[None, :])


def test_maps_of_an_experiment_are_those_of_its_geometry():
    plain = {"exclude_kinds": ["read-out: tiles"]}  # each with a sensitivity of its own
    simulate = {"experiments": 40, "images": 1, "size": 96, **plain}
    study = parse_study({"name": "m", "seed": 3, "simulate": simulate})
    for number in range(12):
        experiment = Experiment(study, number)
        g = experiment.geometry
        poni1, poni2 = g.poni
        theirs = pyfai.AzimuthalIntegrator(
            g.distance, poni1, poni2, g.rot1, g.rot2, 0.0, pixel1=g.pixel_size, pixel2=g.pixel_size,
            wavelength=g.wavelength,
        )  # fmt: skip
        theirs.detector.shape = theirs.detector.max_shape = (96, 96)
        live = experiment.live
        np.testing.assert_allclose(
            (experiment.q_index * experiment.q_step)[live],  # float32, as is pyFAI's
            theirs.qArray((96, 96))[live],
            rtol=0,
            atol=step_tolerance(8) * experiment.q_high,
        )
        expected = theirs.solidAngleArray((96, 96)) * theirs.polarization(
            (96, 96), factor=experiment.setup.beam.polarisation
        )
        # What is left is the sensitivity of the pixels: 1 on average, a per cent or so wide.
        expected = np.where(experiment.zeros, np.inf, expected)
        live = live & ~experiment.zeros
        rest = experiment.response[live] / (expected[live] * experiment.scale**2)
        assert rest.mean() == pytest.approx(1, abs=2e-3)
        assert 0.004 < rest.std() < 0.03


def wide_experiments(strips, number=60, size=128):
    study = parse_study(
        {"name": "m", "seed": 8, "simulate": {"experiments": number, "images": 1, "size": size}}
    )
    found = [Experiment(study, n) for n in range(number)]
    return [e for e in found if min(e.setup.detector.outline.extent) < 0.9] if strips else found


def test_strips_are_masked_as_real_ones_are_in_the_square_input():
    """The same rows and columns are live as `prepare` leaves of a frame of that shape."""
    from xscatter.frames.frame import Frame as RealFrame
    from xscatter.tagging.prepare import prepare

    strips = wide_experiments(True)
    assert len(strips) > 8
    assert any(min(e.setup.detector.outline.extent) < 0.2 for e in strips)
    for experiment in strips:
        rows, cols = (round(1475 * part) for part in experiment.setup.detector.outline.extent)
        real = prepare(
            RealFrame(np.ones((rows, cols), np.int32), *np.zeros((2, rows, cols), bool)),
            experiment.size,
        )
        for axis in (0, 1):
            ours, theirs = experiment.live.any(axis), ~real.mask.all(axis)
            assert np.count_nonzero(ours & ~theirs) <= 2
            # What is dead of it are gaps.
            first, last = np.flatnonzero(ours)[[0, -1]]
            assert abs(last - first + 1 - np.count_nonzero(theirs)) <= 2 + round(
                17 / 195 * theirs.sum()
            )


@pytest.mark.parametrize("turned", [False, True])
def test_a_detector_of_whole_modules_shows_all_of_them(turned):
    """PILATUS 6M: 12 x 5 modules; at 1000 pixels gaps are seven and three pixels wide."""
    layout = LAYOUTS["pilatus"]
    if turned:
        layout = layout._replace(module=layout.module[::-1], gap=layout.gap[::-1])
    dead = gap_mask(layout, 1000, 2.527, (0.0, 0.0))
    axis = 0 if turned else 1
    blocks = np.count_nonzero(np.diff(np.r_[True, dead.all(axis), True].astype(int)) == -1)
    assert blocks == 12


def test_the_beam_is_off_the_image_where_it_misses_the_detector():
    seen = set()
    for experiment in wide_experiments(False, 160):
        row, col = (round(x * 1000) for x in experiment.setup.placement.center)
        beside = np.ones(
            (1600, 1600), bool
        )  # 300 parts of a thousand about the square, for beams outside of it
        rectangle = replace(experiment.setup.detector.outline, aperture=None, bend=0.0, tilt=0.0)
        beside[300:1300, 300:1300] = rectangle.outside((np.arange(1000) + 0.5) / 1000)
        near = beside[row + 298 : row + 303, col + 298 : col + 303]
        if near.all() or not near.any():
            assert experiment.setup.placement.on_image == (not near.any())
            seen.add((experiment.setup.placement.on_image, 0 <= row < 1000 and 0 <= col < 1000))
    assert {(True, True), (False, False), (False, True)} <= seen


def test_a_patch_darkens_its_rectangle_and_has_no_tag():
    patched = [e for e in wide_experiments(False) if e.setup.patch]
    assert 3 < len(patched) < 20
    for experiment in patched:
        patch = experiment.setup.patch
        (factor,) = (f.factor for f in experiment.factors() if f.name == "patch")
        assert "patch" not in experiment.altered
        assert 1 - patch.opacity - step_tolerance(8) <= factor.min()
        index = (np.arange(experiment.size) + 0.5) / experiment.size
        y, x = index[:, None] - patch.center[0], index[None, :] - patch.center[1]
        far = np.hypot(y, x) > np.hypot(*patch.half) + 0.2
        assert not far.any() or factor[far].min() > 0.98
        if experiment.scale * experiment.size * min(patch.half) > 6 * patch.blur:
            middle = np.hypot(y, x) < 0.5 * min(patch.half)
            assert not middle.any() or factor[middle].max() < 1 - 0.7 * patch.opacity
