"""Whole images against independent programs: sasmodels for what is seen, pyFAI for where."""

import numpy as np
import pytest

from xscatter.simulate import Experiment
from xscatter.simulate.features import silver_behenate
from xscatter.simulate.instrument.poisson import poisson_counts
from xscatter.simulate.registry import get
from xscatter.simulate.render import render
from xscatter.study import parse_study

pytestmark = pytest.mark.floats

azimuthal = pytest.importorskip("pyFAI.integrator.azimuthal")
SIZE = 400


def experiments(keep, number, size=SIZE):
    study = parse_study(
        {"name": "o", "seed": 4, "simulate": {"experiments": 2000, "images": 1, "size": size}}
    )
    found = []
    for n in range(2000):
        experiment = Experiment(study, n)
        if not experiment.grazing and not experiment.setup.window and keep(experiment):
            found.append(experiment)
        if len(found) == number:
            return found
    raise AssertionError("no such experiment")


def _hidden(experiment):
    hidden = experiment.mask.copy()
    for factor in experiment.factors():
        hidden |= factor.factor < 0.999
    return hidden


def integrate(experiment, image, points):
    """Radial average by pyFAI over live pixels clear of the beamstop: q (nm⁻¹), intensity."""
    g = experiment.geometry
    ai = azimuthal.AzimuthalIntegrator(
        g.distance,
        *g.poni,
        g.rot1,
        g.rot2,
        0.0,
        pixel1=g.pixel_size,
        pixel2=g.pixel_size,
        wavelength=g.wavelength,
    )
    result = ai.integrate1d(
        image, points, unit="q_nm^-1", mask=_hidden(experiment),
        correctSolidAngle=True, polarization_factor=experiment.setup.beam.polarisation,
        flat=experiment.flat_field, method=("full", "csr", "cython"),
    )  # fmt: skip
    return result.radial, result.intensity


@pytest.mark.parametrize(
    ("feature", "model", "parameters", "theirs"),
    [
        (
            "sphere", "sphere", {"polydispersity": 0.12},
            lambda r: {"radius": r, "sld": 4, "sld_solvent": 1},
        ),
        (
            "core_shell", "core_shell_sphere",
            {"core": 0.6, "contrast": 2.0, "polydispersity": 0.12},
            lambda r: {
                "radius": 0.6 * r, "thickness": 0.4 * r,
                "sld_core": 4, "sld_shell": 2, "sld_solvent": 1,
            },
        ),
    ],
)  # fmt: skip
def test_radial_average_is_that_of_sasmodels(feature, model, parameters, theirs):
    """Within 1 %: geometry, solid angle, polarisation and tables leave the curve as it is."""
    direct = pytest.importorskip("sasmodels.direct_model")
    from sasmodels.core import load_model

    (experiment,) = experiments(lambda e: e.setup.placement.rot1**2 < 1e-3 and 1 < e.q_high < 8, 1)
    radius = 8 / experiment.q_high
    entry = {"feature": feature, "share": 1.0, "parameters": {"radius": radius, **parameters}}
    scene = {"photons": 1e9, "drift": [0.0, 0.0], "zingers": 0, "features": [entry]}
    expected = render(scene, experiment).expected - experiment.setup.detector.dark_counts
    q, curve = integrate(experiment, expected, 150)
    # Sizes of sasmodels in Å; its polydispersity of one size scales the other only by a second
    # distribution, so the average over sizes is taken here, of its monodisperse curves.
    sigma = np.sqrt(np.log1p(parameters["polydispersity"] ** 2))
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    kernel = load_model(model, dtype="double")
    call = lambda r: direct.call_kernel(  # noqa: E731
        kernel.make_kernel([q / 10]), {**theirs(10 * r), "background": 0, "scale": 1}
    ) * r**3  # fmt: skip
    model_curve = sum(
        w * call(radius * np.exp(sigma * x)) for x, w in zip(nodes, weights, strict=True)
    )
    good = (
        (q > 1.5 * experiment.q_low) & (q < 0.9 * experiment.q_high) & (curve > 1e-4 * curve.max())
    )
    ratio = curve[good] / model_curve[good]
    assert good.sum() > 60
    assert np.abs(ratio / np.median(ratio) - 1).max() < 0.01


@pytest.mark.parametrize("name", ["lanthanum_hexaboride", "cerium_dioxide", "silver_behenate"])
def test_rings_of_standards_lie_where_pyfai_expects_them_on_tilted_detectors(name):
    calibrants = pytest.importorskip("pyFAI.calibrant")
    known = {"lanthanum_hexaboride": "LaB6", "cerium_dioxide": "CeO2", "silver_behenate": "AgBh"}
    spacing = np.array(calibrants.get_calibrant(known[name]).dspacing)
    theirs = 2 * np.pi / (0.1 * spacing)
    low, high = (2, 12) if name == "silver_behenate" else (25, 200)
    feature = get(name)
    tilted = experiments(
        lambda e: (
            np.hypot(e.setup.placement.rot1, e.setup.placement.rot2) > 0.03
            and low < e.q_high < high
        ),
        2,
    )
    for experiment in tilted:
        entry = {"feature": name, "share": 1.0, "parameters": feature.check({})}
        scene = {"photons": 1e9, "drift": [0.0, 0.0], "zingers": 0, "features": [entry]}
        q, curve = integrate(experiment, render(scene, experiment).expected, 1500)
        step = q[1] - q[0]
        seen = 0
        for position in theirs[
            (theirs > 2 * experiment.q_low) & (theirs < 0.95 * experiment.q_high)
        ]:
            near = np.abs(q - position) < 6 * experiment.q_per_pixel
            others = np.abs(theirs - position)
            if np.sort(others)[1] < 14 * experiment.q_per_pixel or curve[
                near
            ].max() < 2 * np.median(curve):
                continue
            top = curve[near] - curve[near].min()
            centroid = np.sum(q[near] * top) / top.sum()
            assert abs(centroid - position) < max(0.25 * experiment.q_per_pixel, step)
            seen += 1
        assert seen >= 2
    assert silver_behenate.rings(10.0)[0][0] == pytest.approx(2 * np.pi / 5.838, rel=1e-3)


def test_counts_of_an_image_are_poisson_about_what_is_expected():
    (experiment,) = experiments(lambda e: e.setup.beamstop.kind == "none", 1, 200)
    ring = {"position": 0.5 * experiment.q_high, "width": 0.1}
    entries = [
        {"feature": "background", "share": 1.0, "parameters": {}},
        {"feature": "ring", "share": 1.0, "parameters": ring},
    ]
    done = render(
        {"photons": 3e5, "drift": [0.0, 0.0], "zingers": 0, "features": entries}, experiment
    )
    live, expected = experiment.live, done.expected.astype(float)
    total = np.zeros(expected.shape)
    squares = np.zeros(expected.shape)
    repeats = 40
    out = np.empty(expected.shape, np.uint32)
    for k in range(repeats):
        counts = poisson_counts(done.expected, live, 2**31, np.random.SeedSequence(k), out).astype(
            float
        )
        total += counts
        squares += (counts - expected) ** 2
    z = (total - repeats * expected)[live] / np.sqrt(repeats * expected[live])
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert z.var() == pytest.approx(1, abs=5 * np.sqrt(2 / z.size))
    assert squares[live].sum() / (repeats * expected[live].sum()) == pytest.approx(1, abs=0.01)
