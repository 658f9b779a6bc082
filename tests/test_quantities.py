"""Quantities of a frame: their values against the drawn ones, and their errors against scatter."""

import time
from dataclasses import replace

import numpy as np
import pytest

from xscatter import Geometry
from xscatter.sequences.quantities import (
    RingFollower,
    Rings,
    all_quantities,
    measure_quantities,
    ring_q,
)
from xscatter.sequences.quantities.peak import baseline

RINGS, SECTORS = 256, 24
RADII = np.linspace(3, 180, RINGS)
Q = 0.02 * RADII
PIXELS = np.round(2 * np.pi * RADII * (RADII[1] - RADII[0]) / SECTORS)[:, None] * np.ones(SECTORS)
TRUTH = {
    "peak_position": 1.5, "spacing": 2 * np.pi / 1.5, "peak_width": 0.2, "orientation": 0.3,
    "domain_size": 2 * np.pi * 0.9 / 0.2, "direction": 40.0, "guinier_radius": 6.0,
}  # fmt: skip


def pattern(photons, size=1.0, radius=6.0, order=0.3):
    """Expected photons: a ring with arcs, a halo, particles of low q and a background."""
    sigma = TRUTH["peak_width"] / (2 * np.sqrt(2 * np.log(2)))
    # The mean over each sector, integrated finely.
    fine = 2 * np.pi * (np.arange(SECTORS * 50) + 0.5) / (SECTORS * 50)
    arcs = (1 + 2 * order * np.cos(2 * (fine - np.radians(40)))).reshape(SECTORS, 50).mean(1)
    ring = size * np.exp(-((Q - 1.5) ** 2) / 2 / sigma**2)[:, None] * arcs
    halo = 0.4 * np.exp(-((Q - 1.8) ** 2) / 2 / 0.7**2)
    low = 6 * np.exp(-((radius * Q) ** 2) / 3)
    expected = (ring + (halo + low + 0.05)[:, None]) * PIXELS
    return expected * photons / expected.sum()


def series(expected, number=80, live=PIXELS, **options):
    """Quantities of frames that differ by photon noise alone: by name, values and errors."""
    random = np.random.default_rng(1)
    rows = [
        measure_quantities(Rings(random.poisson(expected), live, Q, **options))
        for _ in range(number)
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("photons", [1e5, 1e6])
def test_errors_are_those_of_the_photons(photons):
    """The distance to the truth in stated errors is normal with standard deviation 1."""
    expected = pattern(photons)
    exact = measure_quantities(Rings(expected, PIXELS, Q))
    for name, table in series(expected).items():
        if name in ("orders", "porod_exponent"):
            continue
        value = TRUTH.get(name, exact[name].value)
        z = (table[:, 0] - value) / table[:, 1]
        assert np.isfinite(z).all(), name
        # The Guinier law is a limit, and at 10⁶ photons a halo below it begins to count.
        # At 10⁶ photons what lies beneath begins to count: the Guinier law is a limit, and the
        # halo under the ring is no parabola.
        assert abs(z.mean()) < (0.5 if photons < 1e6 else 1.5), name
        assert 0.75 < z.std() < 1.3, name


def ring_at(place, size, width=0.08):
    return size * np.exp(-((Q - place) ** 2) / 2 / width**2)[:, None] * PIXELS


def followed(patterns, seed=2, restart=None):
    """The ring's position and error in each frame of a stream, or NaN."""
    random, follower, rows = np.random.default_rng(seed), RingFollower(), []
    for number, expected in enumerate(patterns):
        if number == restart:
            follower = RingFollower.from_state(follower.state())
        rings = Rings(random.poisson(expected), PIXELS, Q)
        rings = replace(rings, followed=follower.take(rings))
        rows.append(measure_quantities(rings)["peak_position"])
    return np.array(rows)


def test_one_ring_of_two_equal_ones_is_followed():
    """Alone, each frame takes the ring that its noise makes the stronger one."""
    two = 0.3 * (0.5 * PIXELS + ring_at(1.4, 1.51) + ring_at(2.4, 1.0))
    alone = series(two, 40)["peak_position"][:, 0]
    assert min((alone > 1.9).sum(), (alone < 1.9).sum()) > 4
    table = followed([two] * 60)[4:]
    assert np.ptp(table[:, 0]) < 0.1
    z = (table[:, 0] - (1.4 if table[0, 0] < 1.9 else 2.4)) / table[:, 1]
    assert 0.75 < z.std() < 1.3


def test_a_ring_that_moves_is_followed_and_one_that_goes_is_left():
    places = 1.4 + 0.01 * np.arange(60)
    moving = [0.5 * PIXELS + ring_at(place, 2.0) + ring_at(2.6, 1.0) for place in places]
    table = followed(moving)
    assert np.abs((table[:, 0] - places) / table[:, 1]).max() < 5
    gone = [0.5 * PIXELS + ring_at(1.4, 2.0)] * 20 + [0.5 * PIXELS + ring_at(2.6, 2.0)] * 20
    table = followed(gone)
    assert np.abs(table[:20, 0] - 1.4).max() < 0.1
    assert np.abs(table[22:, 0] - 2.6).max() < 0.1


def test_a_follower_goes_on_from_its_state():
    moving = [0.5 * PIXELS + ring_at(1.4 + 0.02 * n, 2.0) for n in range(30)]
    assert (followed(moving) == followed(moving, restart=17)).all()


def test_rings_are_counted():
    expected = pattern(1e6)
    for place in (2.2, 2.9):
        expected = expected + 30 * np.exp(-((Q - place) ** 2) / 2 / 0.04**2)[:, None]
    values = series(expected, 10)["orders"][:, 0]
    assert np.median(values) == 3


def test_a_power_law_has_its_exponent():
    expected = 1e4 * Q[:, None] ** -2.5 * PIXELS / PIXELS[0, 0]
    table = series(expected)["porod_exponent"]
    z = (table[:, 0] - 2.5) / table[:, 1]
    assert abs(z.mean()) < 0.5
    assert 0.75 < z.std() < 1.3


def test_gaps_of_the_detector_change_nothing():
    """With a third of all sectors missing, the same orientation and position."""
    live = PIXELS.copy()
    live[:, [3, 4, 5, 10, 15, 16, 20, 21]] = 0
    live[100:104] = 0
    table = series(np.where(live > 0, pattern(1e6), 0), live=live)
    for name in ("orientation", "direction", "peak_position", "peak_width"):
        z = (table[name][:, 0] - TRUTH[name]) / table[name][:, 1]
        assert abs(z.mean()) < 1.0, name
        assert 0.7 < z.std() < 1.4, name


def test_what_is_not_there_has_no_value():
    flat = series(0.5 * PIXELS, 20)
    for name in ("peak_position", "spacing", "orientation", "direction", "ring_to_halo"):
        assert np.isnan(flat[name]).mean() > 0.9, name
    isotropic = series(pattern(1e5, order=0.0), 20)
    assert np.isnan(isotropic["direction"]).mean() > 0.8
    assert np.nanmedian(isotropic["orientation"][:, 0]) < 0.02
    empty = measure_quantities(Rings(np.zeros_like(PIXELS), PIXELS, Q))
    assert empty["total"].value == 0
    assert np.isnan(empty["peak_position"].value)
    masked = measure_quantities(Rings(np.zeros_like(PIXELS), np.zeros_like(PIXELS), Q))
    assert np.isnan(masked["peak_position"].value)


def test_the_noise_of_the_stream_widens_errors():
    counts = np.random.default_rng(0).poisson(pattern(1e5))
    quiet, loud = (
        measure_quantities(Rings(counts, PIXELS, Q, noise_factor=factor)) for factor in (1.0, 4.0)
    )
    for name in ("total", "invariant", "guinier_radius", "direction"):
        assert loud[name].sd == pytest.approx(2 * quiet[name].sd, rel=0.25), name


def test_without_a_geometry_there_are_pixels():
    counts = np.random.default_rng(0).poisson(pattern(1e6))
    measured = measure_quantities(Rings(counts, PIXELS, RADII, in_q=False))
    assert measured["peak_position"].value == pytest.approx(75, abs=0.5)
    assert np.isnan(measured["spacing"].value)
    assert all_quantities()["peak_position"].unit(in_q=False) == "pixels"
    assert all_quantities()["orientation"].unit(in_q=False) == ""


def test_a_profile_has_no_direction():
    counts = np.random.default_rng(0).poisson(pattern(1e6)).sum(1, keepdims=True)
    measured = measure_quantities(Rings(counts, PIXELS.sum(1, keepdims=True), Q))
    assert measured["peak_position"].value == pytest.approx(1.5, abs=0.01)
    assert np.isnan(measured["orientation"].value)


def test_a_profile_in_other_units_has_the_noise_of_its_scatter():
    counts = np.random.default_rng(0).poisson(pattern(1e6)).sum(1, keepdims=True)
    live = PIXELS.sum(1, keepdims=True)
    photons = measure_quantities(Rings(counts, live, Q))
    # The same profile as intensities a pixel, in some unit.
    other = measure_quantities(Rings(1e-4 * counts / live, np.ones_like(live), Q, poisson=False))
    for name in ("peak_position", "peak_width", "guinier_radius"):
        assert other[name].value == pytest.approx(photons[name].value, rel=0.02), name
        assert 0.3 < other[name].sd / photons[name].sd < 3, name


def test_every_quantity_says_what_it_is():
    for quantity in all_quantities().values():
        assert quantity.title
        assert isinstance(quantity.unit(), str)


def test_q_of_rings_is_that_of_the_geometry():
    geometry = Geometry(wavelength=1e-10, distance=2.0, pixel_size=172e-6, center=(50.0, 60.0))
    expected = 4 * np.pi / 0.1 * np.sin(np.arctan(100 * 172e-6 / 2.0) / 2)
    assert ring_q(geometry, np.array([100.0]))[0] == pytest.approx(expected)


def test_the_baseline_runs_beneath_peaks():
    x = np.linspace(0, 1, 200)
    smooth = 5 + 3 * x
    peak = 20 * np.exp(-((x - 0.5) ** 2) / 2 / 0.02**2)
    assert np.abs(baseline(smooth + peak, 25) - smooth)[20:-20].max() < 0.6


def test_a_frame_costs_little_processor_time():
    """A generous bound, in units of a matrix product on the same processor."""
    rings = [Rings(np.random.default_rng(n).poisson(pattern(1e5)), PIXELS, Q) for n in range(20)]
    measure_quantities(rings[0])
    begin = time.process_time()
    for one in rings:
        measure_quantities(Rings(one.counts, one.live, one.q))
    assert (time.process_time() - begin) / len(rings) < 0.02
