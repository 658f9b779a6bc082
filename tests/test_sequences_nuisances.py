"""A moved beam and another dark level are no change of the pattern; a process is."""

import numpy as np
import pytest

from toy_sequences import ANGLE, CENTER, RADIUS, SIDE, unit
from xscatter.frames import from_array
from xscatter.sequences.nuisances import QuietMoves, compared, steadied
from xscatter.sequences.polar import PolarGrid
from xscatter.sequences.residuals import CHANNELS, residuals

GRID = PolarGrid(CENTER, np.zeros((SIDE, SIDE), bool))
_Y, _X = np.mgrid[:SIDE, :SIDE]


def pattern(row=0.0, col=0.0, ring=0.3):
    """A ring and spots on a halo about a centre that is not quite that of the grid."""
    y, x = _Y - CENTER[0] - row, _X - CENTER[1] - col
    radius = np.hypot(y, x)
    spot = np.exp(-((y - 12) ** 2 + (x + 9) ** 2) / 8)
    sharp = unit(np.exp(-(((radius - 20) / 3) ** 2)))
    return 0.6 * unit(np.exp(-radius / 12)) + ring * sharp + 0.1 * unit(spot)


def sums(image, photons=1e6, frames=1, level=0.0, seed=0):
    """The sums of some frames of an image, with a level that does not follow the light."""
    random = np.random.default_rng(seed)
    total = None
    for _ in range(frames):
        counts = random.poisson(photons * image + level)
        one = GRID.sums(from_array(counts, center=CENTER))
        total = one if total is None else total.plus(one)
    return total


def strength(test, reference):
    """Largest mean square of any channel, with and without the nuisances."""
    usable = test.usable & reference.usable
    plain = residuals(test.counts, reference.counts, usable)
    return [max(float(np.mean(one[c] ** 2)) for c in CHANNELS)
            for one in (plain, compared(test, reference))]  # fmt: skip


def test_a_beam_that_moves_by_a_part_of_a_pixel_changes_little():
    before, after = sums(pattern(), frames=8), sums(pattern(0.3, -0.2), seed=1)
    plain, left = strength(after, before)
    assert plain > 20
    # What is left is of second order in the move.
    assert left < 0.3 * plain


def test_moves_are_measured_in_pixels():
    moved = [
        steadied(sums(pattern(0.3, -0.2), seed=1 + n), sums(pattern(), frames=8)).squares
        for n in range(5)
    ]
    assert np.mean(moved, axis=0) == pytest.approx([0.09, 0.04], rel=0.2)


def test_a_level_that_does_not_follow_the_flux_changes_nothing():
    before = sums(pattern(), frames=8, level=60.0)
    after = sums(pattern(), photons=6e5, level=60.0, seed=1)
    plain, left = strength(after, before)
    assert plain > 50
    assert left < 8


def test_a_frame_of_the_dark_level_alone_is_no_other_pattern():
    before = sums(pattern(), frames=8, level=60.0)
    assert strength(sums(pattern(), photons=0.0, level=60.0, seed=1), before)[1] < 1e-9


def test_a_ring_that_grows_stays():
    before, after = sums(pattern(), frames=8), sums(pattern(ring=0.33), seed=1)
    plain, left = strength(after, before)
    assert left > 0.7 * plain > 20


def test_a_part_of_a_circle_that_widens_is_not_taken_for_a_move_of_a_quiet_beam():
    sector = (np.abs(ANGLE) < 0.4) & (RADIUS > 10)
    grid = PolarGrid(CENTER, ~sector)

    def on(radius, seed, frames=1):
        image = 2e6 * unit(np.exp(-(((RADIUS - radius) / 2) ** 2)) + 0.02)
        random = np.random.default_rng(seed)
        counts = [random.poisson(image) for _ in range(frames)]
        return grid.sums(from_array(np.sum(counts, axis=0), mask=~sector, center=CENTER))

    before, after = on(20, 0, 8), on(20.2, 1)
    quiet = QuietMoves()
    for seed in range(2, 8):
        quiet.add(steadied(on(20, seed), before).squares)

    def change(allowed):
        counts = steadied(after, before, allowed).counts
        return float(compared(after, before, counts=counts)["position"][0] ** 2)

    assert change(quiet.allowed) > 0.5 * change(np.full(2, 1e-12))
    assert change(None) < 0.2 * change(np.full(2, 1e-12))


def test_the_state_of_quiet_moves_makes_them_again():
    moves = QuietMoves()
    assert moves.allowed is None
    moves.add(np.array([0.01, 0.0]))
    assert np.array_equal(QuietMoves(**moves.state()).allowed, moves.allowed)
