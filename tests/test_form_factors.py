import shutil

import numpy as np
import pytest

from xscatter.simulate.features import (
    core_shell,
    cylinder,
    ellipsoid,
    hard_spheres,
    lamella,
    paracrystal,
)
from xscatter.simulate.physics.particles import sphere

pytestmark = pytest.mark.floats

Q = np.geomspace(0.01, 3.0, 250)  # nm⁻¹


def sasmodels_curve(model, q=Q, **parameters):
    """The curve of a sasmodels `model`; q in nm⁻¹, its lengths in Å."""
    if not (shutil.which("cc") or shutil.which("gcc")):
        pytest.skip("sasmodels compiles its models: it needs a C compiler")
    from sasmodels.core import load_model
    from sasmodels.direct_model import call_kernel

    kernel = load_model(model, dtype="double", platform="dll").make_kernel([q / 10])
    return call_kernel(kernel, {"background": 0.0, **parameters})


def agree(ours, theirs, tolerance=0.01):
    """Within `tolerance` of the local envelope: of minima only the position is compared."""
    theirs = theirs * (ours[0] / theirs[0])
    envelope = np.maximum.accumulate(theirs[::-1])[::-1]
    assert np.max(np.abs(ours - theirs) / envelope) < tolerance


@pytest.mark.parametrize("polydispersity", [0.0, 0.05, 0.2])
def test_sphere_agrees_with_sasmodels(polydispersity):
    sizes = {
        "radius_pd": polydispersity,
        "radius_pd_type": "lognormal",
        "radius_pd_n": 100,
        "radius_pd_nsigma": 8,
    }
    theirs = sasmodels_curve("sphere", radius=100.0, **(sizes if polydispersity else {}))
    agree(sphere(Q, 10.0, polydispersity), theirs)


@pytest.mark.parametrize(("core", "shell"), [(4.0, 2.0), (-3.0, 2.0), (1.0, 2.0)])
def test_core_shell_agrees_with_sasmodels(core, shell):
    theirs = sasmodels_curve(
        "core_shell_sphere",
        radius=60.0,
        thickness=40.0,
        sld_core=core,
        sld_shell=shell,
        sld_solvent=1.0,
    )
    agree(core_shell.form_factor(Q, 10.0, 0.6, (core - shell) / (shell - 1.0), 0.0), theirs, 1e-6)


@pytest.mark.parametrize("aspect", [0.3, 1.0, 3.0])
def test_ellipsoid_agrees_with_sasmodels(aspect):
    theirs = sasmodels_curve("ellipsoid", radius_polar=60.0 * aspect, radius_equatorial=60.0)
    agree(ellipsoid.form_factor(Q, 6.0, aspect, 0.0), theirs)


@pytest.mark.parametrize("aspect", [0.5, 5.0, 20.0])
def test_cylinder_agrees_with_sasmodels(aspect):
    theirs = sasmodels_curve("cylinder", radius=40.0, length=80.0 * aspect)
    agree(cylinder.form_factor(Q, 4.0, aspect, 0.0), theirs, 0.015)


def test_lamella_agrees_with_sasmodels_where_it_is_wide():
    q = np.linspace(0.05, 3, 200)
    agree(lamella.form_factor(q, 5.0, 1000.0, 0.0), sasmodels_curve("lamellar", q, thickness=50.0))


def test_lamella_agrees_with_a_thin_disk():
    q = np.geomspace(1e-3, 0.5, 100)
    thin = cylinder.form_factor(q, 40.0, 0.5 / 40.0, 0.0)
    np.testing.assert_allclose(lamella.form_factor(q, 1.0, 40.0, 0.0), thin, rtol=0.02)


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.45])
def test_hard_spheres_agree_with_sasmodels(fraction):
    theirs = sasmodels_curve("hardsphere", radius_effective=50.0, volfraction=fraction)
    np.testing.assert_allclose(hard_spheres.structure_factor(Q, 5.0, fraction), theirs, rtol=1e-3)


def test_polydisperse_hard_spheres_agree_with_sasmodels_in_the_decoupling_approximation():
    sizes = {
        "radius_pd": 0.1,
        "radius_pd_type": "lognormal",
        "radius_pd_n": 100,
        "radius_pd_nsigma": 8,
    }
    theirs = sasmodels_curve(
        "sphere@hardsphere", radius=50.0, volfraction=0.3, radius_effective=50.0,
        radius_effective_mode=0,
        structure_factor_mode=1, **sizes,
    )  # fmt: skip
    agree(hard_spheres.intensity(Q, 5.0, 0.1, 0.3, 1.0), theirs, 0.02)


@pytest.mark.parametrize(
    ("curve", "radius_of_gyration"),
    [
        (lambda q: sphere(q, 10.0, 0.0), (3 / 5) ** 0.5 * 10),
        (lambda q: ellipsoid.form_factor(q, 10.0, 2.0, 0.0), 10 * ((2 + 4) / 5) ** 0.5),
        (lambda q: cylinder.form_factor(q, 5.0, 4.0, 0.0), (25 / 2 + 40**2 / 12) ** 0.5),
    ],
)
def test_guinier_limit(curve, radius_of_gyration):
    q = np.array([0.05, 0.15]) / radius_of_gyration
    low, high = curve(q)
    measured = np.sqrt(3 * np.log(low / high) / (q[1] ** 2 - q[0] ** 2))
    assert measured == pytest.approx(radius_of_gyration, rel=0.01)


def test_porod_limit():
    """Averaged over oscillations, q⁴ P(q) of a sphere is 9/(2 R⁴); sizes weigh as R⁶ then."""
    q = np.linspace(20, 60, 4000)
    assert np.mean(q**4 * sphere(q, 1.0, 0.0)) == pytest.approx(4.5, rel=0.02)


def test_paracrystal_tends_to_the_gas_and_to_the_lattice():
    q = np.linspace(0.01, 3, 4000)
    assert np.abs(paracrystal.structure_factor(q, 10.0, 0.5)[q > 1.5] - 1).max() < 0.01
    ordered = paracrystal.structure_factor(q, 10.0, 0.02)
    assert q[q > 0.1][ordered[q > 0.1].argmax()] == pytest.approx(2 * np.pi / 10, rel=0.01)
