import numpy as np
import pytest

from xscatter.simulate.features import cerium_dioxide, lanthanum_hexaboride, silver_behenate
from xscatter.simulate.physics import crystal, grazing, lattice, powder, profiles, sizes

pytestmark = pytest.mark.floats

STANDARDS = {"LaB6": lanthanum_hexaboride, "CeO2": cerium_dioxide}

# Squares of q over that of the first reflection, and multiplicities: standard tables.
TABLES = {
    lattice.SIMPLE_CUBIC: ([1, 2, 3, 4, 5, 6, 8, 9], [6, 12, 8, 6, 24, 24, 12, 30]),
    lattice.BODY_CENTRED: ([1, 2, 3, 4, 5, 6, 7, 8], [12, 6, 24, 12, 24, 8, 48, 6]),
    lattice.FACE_CENTRED: (
        [1, 4 / 3, 8 / 3, 11 / 3, 4, 16 / 3, 19 / 3, 20 / 3],
        [8, 6, 12, 24, 8, 6, 24, 24],
    ),
    lattice.HEXAGONAL: ([1, 3, 4, 7, 9, 12, 13, 16], [6, 6, 6, 12, 6, 6, 12, 6]),
    lattice.LAMELLAR: ([1, 4, 9, 16, 25, 36, 49, 64], [2] * 8),
}


@pytest.mark.parametrize("name", TABLES)
def test_reflections_agree_with_tables(name):
    squares, multiplicities = TABLES[name]
    ratio, multiplicity = lattice.reflections(name, 30)
    np.testing.assert_allclose(ratio[:8] ** 2, squares, rtol=1e-12)
    np.testing.assert_array_equal(multiplicity[:8], multiplicities)


@pytest.mark.parametrize("name", TABLES)
def test_all_reflections_are_found(name):
    """The number of reciprocal lattice points below q is the volume over that of the cell."""
    ratio, multiplicity = lattice.reflections(name, 30)
    spacing = 20.0
    radius = ratio[-1] * lattice.first_reflection(name, spacing)
    dimension = lattice.DIMENSION[name]
    volume = {3: spacing**3, 2: spacing**2 * 3**0.5 / 2, 1: spacing}[dimension] / lattice.PARTICLES[
        name
    ]
    ball = {3: 4 / 3 * np.pi * radius**3, 2: np.pi * radius**2, 1: 2 * radius}[dimension]
    points = 1 + multiplicity.sum() - multiplicity[-1] / 2
    # The particles of a cell scatter in phase: allowed points carry the weight of the others.
    assert points == pytest.approx(ball * volume / (2 * np.pi) ** dimension, rel=0.06)


@pytest.mark.parametrize("name", TABLES)
def test_reflections_carry_the_scattering_of_all_particles(name):
    """S(q) is 1 on average over reciprocal space: order moves scattering, it adds none."""
    spacing, count = 30.0, 30
    q, area = lattice.strengths(name, spacing, count)
    dimension = lattice.DIMENSION[name]
    volume = {3: spacing**3, 2: spacing**2 * 3**0.5 / 2, 1: spacing}[dimension] / lattice.PARTICLES[
        name
    ]
    sphere = {3: 4 * np.pi, 2: 2 * np.pi, 1: 2.0}[dimension]
    origin = (
        (2 * np.pi) ** dimension / volume / sphere
    )  # the beam itself is not among the reflections
    end = (q[-1] + q[-2]) / 2
    total = origin + np.sum((area * q ** (dimension - 1))[:-1])
    assert total == pytest.approx(end**dimension / dimension, rel=0.06)


@pytest.mark.parametrize("lorentzian", [0.0, 0.4, 1.0])
def test_peak_area(lorentzian):
    q = np.linspace(0, 400, 400_001)
    value = profiles.peak(q, 200.0, 2.0, lorentzian)
    assert np.trapezoid(value, q) == pytest.approx(2 * lattice.peak_area(lorentzian), rel=0.01)


def is_face_centred(n):
    """Whether n = h² + k² + l² for some h, k, l all even or all odd."""
    index = range(-10, 11)
    return any(
        h * h + k * k + m * m == n
        for h in index
        for k in index
        for m in index
        if (h + k) % 2 == 0 == (k + m) % 2
    )


def test_crystal_spots_lie_on_the_ewald_sphere_at_the_radii_of_the_powder():
    generator = np.random.default_rng(4)
    vectors = crystal.cubic_reflections(3.0, 20.0, "F") @ crystal.rotation(generator).T
    spots = crystal.ewald_spots(vectors, 0.1, 100.0, 2e-3)
    assert len(spots.q) >= 8
    allowed = 2 * np.pi / 3.0 * np.sqrt([n for n in range(1, 92) if is_face_centred(n)])
    assert np.abs(spots.q[:, None] - allowed).min(axis=1).max() < 0.03
    assert spots.intensity.max() <= 1


def test_a_thicker_reciprocal_lattice_shows_more_spots():
    vectors = crystal.cubic_reflections(4.0, 15.0) @ crystal.rotation(np.random.default_rng(1)).T
    counts = [
        len(crystal.ewald_spots(vectors, 0.1, 300.0, mosaic).q) for mosaic in (1e-4, 3e-3, 2e-2)
    ]
    assert counts[0] < counts[1] < counts[2]


@pytest.mark.parametrize("seed", range(3))
def test_rotations_are_rotations(seed):
    for matrix in (
        crystal.rotation(np.random.default_rng(seed)),
        crystal.tilt(0.2 + seed, 1.0, 2.0),
    ):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)


def test_fresnel_transmission():
    """4 at the critical angle without absorption, 0 at the horizon, 1 far above (Vineyard 1982)."""
    angle = np.array([-0.1, 0.0, 2e-3, 0.2])
    np.testing.assert_allclose(grazing.transmission(angle, 2e-3, 0.0), [0, 0, 4, 1], atol=1e-3)


def test_fresnel_energy_is_conserved_without_absorption():
    """Above the critical angle, |r|² + |t|² k_z'/k_z = 1."""
    angle = np.array([2.5e-3, 4e-3, 1e-2])
    inside = np.sqrt(angle**2 - 4e-6)
    reflected = ((angle - inside) / (angle + inside)) ** 2
    np.testing.assert_allclose(
        reflected + grazing.transmission(angle, 2e-3, 0.0) * inside / angle, 1, rtol=1e-9
    )


@pytest.mark.parametrize("name", STANDARDS)
def test_tabulated_intensities_are_recovered_from_ring_strengths(name):
    """A diffractometer collects the Lorentz and polarisation factors again."""
    q, strength = STANDARDS[name].rings()
    sine2 = (q * powder.COPPER / (4 * np.pi)) ** 2
    intensity = strength * q**2 * (1 + (1 - 2 * sine2) ** 2) / (sine2 * np.sqrt(1 - sine2))
    np.testing.assert_allclose(
        intensity / intensity.max(), np.array(STANDARDS[name].INTENSITIES) / 100, rtol=1e-9
    )


@pytest.mark.parametrize("name", ["AgBh", "LaB6", "CeO2"])
def test_standards_agree_with_pyfai(name):
    from pyFAI.calibrant import get_calibrant

    theirs = 2 * np.pi / (0.1 * np.array(get_calibrant(name).dspacing))
    q = silver_behenate.rings(10.0)[0] if name == "AgBh" else STANDARDS[name].rings()[0]
    # pyFAI leaves out rings that are weak: every one of ours is among its own.
    assert all(np.abs(theirs - value).min() < 2e-4 * value for value in q)


def test_size_average_of_a_power_is_its_log_normal_moment():
    """⟨s⁶ s^p⟩/⟨s⁶⟩ = exp(((6 + p)² − 36) σ²/2)."""
    nodes, weights = sizes.size_nodes(0.2)
    for power in (-2, 1, 2):
        assert weights @ nodes**power == pytest.approx(
            np.exp(((6 + power) ** 2 - 36) * 0.04 / 2), rel=0.01
        )


def test_tabulated_average_agrees_with_the_direct_one():
    q = np.linspace(0.01, 3, 800)

    def shape(k):
        return 1 / (1 + (5 * k) ** 2) ** 2

    np.testing.assert_allclose(
        sizes.tabulated_average(shape, q, 0.15), sizes.size_average(shape, q, 0.15), rtol=2e-3
    )
    np.testing.assert_array_equal(sizes.tabulated_average(shape, q, 0.0), shape(q))


@pytest.mark.parametrize("seed", range(4))
def test_vectors_about_the_sphere_give_the_spots_of_all_vectors(seed):
    turn = crystal.rotation(np.random.default_rng(seed))
    every = crystal.cubic_reflections(5.0, 20.0) @ turn.T
    near = crystal.near_sphere(2 * np.pi / 5.0 * turn.T, 0.1, 20.0)
    assert len(near) < 0.6 * len(every)
    one, two = (crystal.ewald_spots(vectors, 0.1, 500.0, 1e-3) for vectors in (every, near))
    assert len(one.q) > 50
    np.testing.assert_allclose(np.sort(two.q), np.sort(one.q), rtol=1e-9)
    np.testing.assert_allclose(np.sort(two.intensity), np.sort(one.intensity), rtol=1e-6)
