"""Geometry and maps of detectors against pyFAI; gaps of the layouts; coverage."""

import numpy as np
import pytest

from xscatter.simulate import Experiment
from xscatter.simulate.detector import LAYOUTS, Geometry, gap_mask
from xscatter.study import parse_study

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
    np.testing.assert_allclose(q, theirs.qArray(SHAPE), rtol=1e-5, atol=1e-5)
    # In radians times q: the azimuth means nothing at the beam.
    difference = q * np.angle(np.exp(1j * (chi - theirs.chiArray(SHAPE))))
    np.testing.assert_allclose(difference, 0, atol=1e-5)


def test_solid_angle_and_polarisation_are_those_of_pyfai(pair):
    ours, theirs = pair
    np.testing.assert_allclose(ours.solid_angle(ROWS, COLS), theirs.solidAngleArray(SHAPE), rtol=1e-6)
    for factor in (0.0, 0.95, -0.5):
        np.testing.assert_allclose(
            ours.polarisation(ROWS, COLS, factor), theirs.polarization(SHAPE, factor=factor), rtol=1e-5
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
    study = parse_study({"name": "m", "seed": 3, "simulate": {"experiments": 40, "images": 1, "size": 96}})
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
            (experiment.q_index * experiment.q_step)[live], theirs.qArray((96, 96))[live], rtol=1e-5, atol=1e-6
        )
        expected = theirs.solidAngleArray((96, 96)) * theirs.polarization(
            (96, 96), factor=experiment.settings["polarisation"]
        )
        # What is left is the sensitivity of the pixels: 1 on average, a per cent or so wide.
        rest = experiment.response[live] / (expected[live] * experiment.scale**2)
        assert rest.mean() == pytest.approx(1, abs=2e-3)
        assert 0.004 < rest.std() < 0.03
