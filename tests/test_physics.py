import numpy as np
import pytest

from xscatter.simulate.physics import lattice, orientation, peaks, sizes

CHI = np.linspace(-np.pi, np.pi, 7200, endpoint=False)

# Squares of the ratios of q to the first reflection, and multiplicities: standard tables of powder diffraction.
TABLES = {
    lattice.SIMPLE_CUBIC: ([1, 2, 3, 4, 5, 6, 8, 9], [6, 12, 8, 6, 24, 24, 12, 30]),
    lattice.BODY_CENTRED: ([1, 2, 3, 4, 5, 6, 7, 8], [12, 6, 24, 12, 24, 8, 48, 6]),
    lattice.FACE_CENTRED: ([1, 4 / 3, 8 / 3, 11 / 3, 4, 16 / 3, 19 / 3, 20 / 3], [8, 6, 12, 24, 8, 6, 24, 24]),
    lattice.HEXAGONAL: ([1, 3, 4, 7, 9, 12, 13, 16], [6, 6, 6, 12, 6, 6, 12, 6]),
    lattice.LAMELLAR: ([1, 4, 9, 16, 25, 36, 49, 64], [2] * 8),
}


@pytest.mark.parametrize("name", TABLES)
def test_reflections_agree_with_tables(name):
    squares, multiplicities = TABLES[name]
    ratio, multiplicity = lattice.reflections(name)
    np.testing.assert_allclose(ratio[:8] ** 2, squares, rtol=1e-12)
    np.testing.assert_array_equal(multiplicity[:8], multiplicities)


@pytest.mark.parametrize("name", TABLES)
def test_all_reflections_are_found(name):
    """The number of reciprocal lattice points below q is the volume of the sphere over that of the cell."""
    ratio, multiplicity = lattice.reflections(name, 30)
    spacing = 20.0
    radius = ratio[-1] * lattice.first_reflection(name, spacing)
    dimension = lattice.DIMENSION[name]
    volume = {3: spacing**3, 2: spacing**2 * 3**0.5 / 2, 1: spacing}[dimension] / lattice.PARTICLES[name]
    ball = {3: 4 / 3 * np.pi * radius**3, 2: np.pi * radius**2, 1: 2 * radius}[dimension]
    points = 1 + multiplicity.sum() - multiplicity[-1] / 2
    # The particles of a cell scatter in phase: allowed points carry the weight of the forbidden ones.
    assert points == pytest.approx(ball * volume / (2 * np.pi) ** dimension, rel=0.06)


@pytest.mark.parametrize("name", TABLES)
def test_lattice_factor_is_one_on_average(name):
    """The average is over reciprocal space, so that the scattering of the particles is conserved."""
    spacing, count = 30.0, 30
    first = lattice.first_reflection(name, spacing)
    ratio, _ = lattice.reflections(name, count)
    q = np.linspace(1e-3, first * (ratio[-1] + ratio[-2]) / 2, 20000)
    factor = lattice.lattice_factor(q, name, spacing, 0.02 * first, 0.0, 0.0, count)
    weight = q ** (lattice.DIMENSION[name] - 1)
    dimension = lattice.DIMENSION[name]
    volume = {3: spacing**3, 2: spacing**2 * 3**0.5 / 2, 1: spacing}[dimension] / lattice.PARTICLES[name]
    area = {3: 4 * np.pi, 2: 2 * np.pi, 1: 2.0}[dimension]
    origin = (2 * np.pi) ** dimension / volume / area  # the point at the origin is left out
    total = np.trapezoid(factor * weight, q) + origin
    assert total == pytest.approx(np.trapezoid(weight, q), rel=0.05)


def test_peak_shapes_have_the_width_and_area_they_claim():
    q = np.linspace(-200, 200, 400_001)
    for lorentzian in (0.0, 0.4, 1.0):
        peak = peaks.pseudo_voigt(q, 0.0, 2.0, lorentzian)
        assert peak.max() == pytest.approx(1)
        assert np.interp(1.0, q, peak) == pytest.approx(0.5, abs=1e-6)
        assert np.trapezoid(peak, q) == pytest.approx(2 * peaks.pseudo_voigt_area(lorentzian), rel=0.01)
    assert np.interp(1.0, q, peaks.gaussian(q, 0.0, 2.0)) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("eta", [0.0, 0.05, 0.4, 0.8, 0.95])
@pytest.mark.parametrize("fold", [2, 4, 6])
def test_wrapped_cauchy_moments(eta, fold):
    """Mean 1; Fourier coefficients of order k·fold are ηᵏ; the maximum lies at the direction."""
    intensity = orientation.wrapped_cauchy(CHI, eta, fold, 0.3)
    assert intensity.mean() == pytest.approx(1)
    for k in (1, 2):
        moment = np.mean(intensity * np.exp(1j * k * fold * (CHI - 0.3)))
        assert moment == pytest.approx(eta**k, abs=1e-9)
    assert np.cos(fold * (CHI[intensity.argmax()] - 0.3)) == pytest.approx(1, abs=1e-4) or eta == 0


@pytest.mark.parametrize("eta", [1e-8, 0.01, 0.3, 0.7, 0.97])
def test_hermans_parameter_agrees_with_its_closed_form(eta):
    intensity = orientation.wrapped_cauchy(CHI, eta, 2, 0.2)
    assert orientation.order_parameter(CHI, intensity, 0.2) == pytest.approx(
        orientation.wrapped_cauchy_order(eta), abs=2e-5
    )


def test_hermans_parameter_of_perfect_alignment_is_one_and_across_it_minus_a_half():
    intensity = np.exp(20_000 * (np.cos(2 * CHI) - 1))
    assert orientation.order_parameter(CHI, intensity, 0.0) > 0.99
    assert orientation.order_parameter(CHI, intensity, np.pi / 2) == pytest.approx(-0.5, abs=0.01)


def test_size_average_of_a_power_is_its_log_normal_moment():
    """⟨s⁶ s^p⟩/⟨s⁶⟩ = exp(((6 + p)² − 36) σ²/2)."""
    nodes, weights = sizes.size_nodes(0.2)
    for power in (-2, 1, 2):
        assert weights @ nodes**power == pytest.approx(np.exp(((6 + power) ** 2 - 36) * 0.04 / 2), rel=0.01)


def test_tabulated_average_agrees_with_the_direct_one():
    q = np.linspace(0.01, 3, 800)

    def shape(k):
        return 1 / (1 + (5 * k) ** 2) ** 2

    np.testing.assert_allclose(sizes.tabulated_average(shape, q, 0.15), sizes.size_average(shape, q, 0.15), rtol=2e-3)
    np.testing.assert_array_equal(sizes.tabulated_average(shape, q, 0.0), shape(q))
