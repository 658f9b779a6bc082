import numpy as np
import pytest
from scipy.special import jn_zeros, jnp_zeros, jv

from tolerances import step_tolerance
from xscatter.fourier_bessel import basis
from xscatter.fourier_bessel.kernels import kaiser_bessel, kernel_polynomials, taps_for, width_for

pytestmark = pytest.mark.floats


@pytest.mark.parametrize("m", [0, 1, 2, 3, 17, 63])
def test_zeros_are_those_of_scipy(m):
    tolerance = step_tolerance(64, "float64")  # Newton's steps end within a few roundings of J_m
    np.testing.assert_allclose(basis.zeros(64, 40)[m], jn_zeros(m, 40), rtol=tolerance)
    expected = jnp_zeros(m, 40) if m else [0, *jnp_zeros(0, 39)]
    np.testing.assert_allclose(basis.zeros(64, 40, "neumann")[m], expected, rtol=tolerance)


@pytest.mark.parametrize("boundary", basis.BOUNDARIES)
def test_zeros_of_high_orders(boundary):
    zeros = basis.zeros(400, 300, boundary)
    m = np.arange(400)[:, None]
    value = jv(m, zeros) if boundary == "dirichlet" else jv(m - 1, zeros) - jv(m + 1, zeros)
    assert np.abs(value).max() < 1e-12


@pytest.mark.parametrize("boundary", basis.BOUNDARIES)
def test_the_basis_is_orthonormal(boundary):
    zeros = basis.zeros(9, 12, boundary)
    # Gauss-Legendre in r is exact enough for these few oscillations; 2π from the angle.
    x, w = np.polynomial.legendre.leggauss(120)
    r, w = (x + 1) / 2, w / 2
    values = basis.radial_values(zeros, r) * basis.norms(zeros, boundary)[:, None]
    gram = 2 * np.pi * np.einsum("mrk,r,mrl->mkl", values, r * w, values)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(12), gram.shape), atol=1e-12)


def test_radial_values_are_bessel_functions():
    zeros = basis.zeros(70, 50)
    r = np.random.default_rng(0).uniform(0, 1.1, 60)
    expected = jv(np.arange(70)[:, None, None], r[:, None] * zeros[:, None])
    # A recurrence over at most 70 orders, each of a product and a sum.
    tolerance = step_tolerance(2 * 70, "float64")
    np.testing.assert_allclose(basis.radial_values(zeros, r), expected, atol=tolerance)


@pytest.mark.parametrize("width", [4, 6, 9, 13])
def test_kernel_polynomials(width):
    t = np.linspace(0.001, 1, 200)
    expected = kaiser_bessel(t[:, None] - width / 2 + np.arange(width), width)
    powers, polynomials = t[:, None] ** np.arange(width + 4), kernel_polynomials(width)
    # Beside the error of the approximation, terms of both signs are larger than their sum.
    rounding = step_tolerance(width + 4, "float64") * (powers @ np.abs(polynomials)).max()
    np.testing.assert_allclose(powers @ polynomials, expected, atol=10.0 ** (-width - 1) + rounding)


def test_tighter_tolerances_take_wider_kernels():
    assert [width_for(t) for t in (1e-2, 1e-4, 1e-10)] == sorted(
        width_for(t) for t in (1e-2, 1e-4, 1e-10)
    )
    assert width_for(2.5e-5) == 6
    assert taps_for(2.5e-5) == 12
