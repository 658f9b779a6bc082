"""Errors of quantities against the truth that the simulator stores, and its least error."""

import numpy as np
import pytest

from test_sequences import FRAMES, entry, event, make_sequence, middle
from test_sequences import experiment as experiment
from xscatter.frames import from_array
from xscatter.sequences.reduction import Reduction
from xscatter.simulate.render import render

pytestmark = pytest.mark.floats


def moving_ring(experiment, photons):
    """A ring that moves inwards by 2 %, on a background."""
    ring = [entry("ring", position=middle(experiment), width=0.1, lorentzian=0.0, orders=1)]
    law = event("expansion", "expansion", ring, onset=4.0, time=14.0, amount=0.02, form=0)
    return make_sequence(experiment, law, photons=photons)


def measured(sequence):
    """Quantities of each frame, about the beam centre of the simulator."""
    experiment, rows, reduction = sequence.experiment, [], None
    geometry = experiment.setup.geometry(experiment.size)
    for frame in range(len(sequence)):
        counts = np.zeros((experiment.size, experiment.size), np.uint32)
        sequence.simulate(frame, counts)
        mask = counts == np.iinfo(np.uint32).max
        item = from_array(np.where(mask, 0, counts), mask=mask, center=geometry.center)
        reduction = reduction or Reduction.of(item)
        rows.append(reduction.quantities(reduction.sums(item), 1.0))
    return rows


def test_the_least_error_is_that_of_a_fit_of_one_amplitude(experiment):
    """Without a changing parameter but the flux: the error of the total, sum of s²/λ."""
    sequence = make_sequence(experiment, photons=1e4, flux=0.1)
    errors = sequence.least_errors["photons"]
    # Frames of one pattern are scaled by flux, which is not exact where there are dark counts.
    for frame, tolerance in ((0, 1e-3), (7, 0.15)):
        scene = sequence.scene(frame)
        expected = render(scene, experiment).expected[experiment.live].astype(float)
        light = (expected - experiment.setup.detector.dark_counts) / scene["photons"]
        least = (light**2 / expected).sum() ** -0.5
        assert errors[frame] == pytest.approx(least, rel=tolerance)


def test_the_least_error_falls_with_photons_and_knows_what_cannot_be_known(experiment):
    dim, bright = (moving_ring(experiment, n).least_errors["ring.position"] for n in (1e4, 1e6))
    assert np.median(dim / bright) == pytest.approx(10, rel=0.2)
    halo = entry("halo", position=middle(experiment), width=0.4)
    ring = entry("ring", position=middle(experiment), width=0.05)
    law = event(
        "crystallisation", "crystallisation", [halo, ring], onset=8.0, time=3.0, exponent=3.0,
        crystallinity=0.4,
    )  # fmt: skip
    sequence = make_sequence(experiment, law)
    # Before there is a ring, no fit tells its share better than its own noise; and it stays finite.
    assert np.isfinite(sequence.least_errors["ring.share"]).all()
    assert len(sequence.least_errors["ring.share"]) == FRAMES


def test_errors_of_the_position_are_those_of_the_truth(experiment):
    """Over a simulated series: scatter as stated, and no error below the least possible.

    On a frame of 48 pixels the fit is off by a part of a pixel that changes slowly as the ring
    moves over the pixels, so z-scores are about a line.
    """
    sequence = moving_ring(experiment, 2e4)
    truth, least = sequence.quantities["ring.position"][1], sequence.least_errors["ring.position"]
    geometry = experiment.setup.geometry(experiment.size)
    rows = measured(sequence)
    pixels = np.array([row["peak_position"] for row in rows])
    # From pixels to q about the beam centre of the simulator.
    radii = np.linspace(1, experiment.size, 2000)
    q = geometry.q_chi(np.full(2000, geometry.center[0]), geometry.center[1] + radii)[0]
    value = np.interp(pixels[:, 0], radii, q)
    slope = np.interp(pixels[:, 0], radii, np.gradient(q, radii))
    error = pixels[:, 1] * slope
    assert np.abs((value - truth) / slope).max() < 0.5
    z = (value - truth) / error
    frames = np.arange(len(z))
    z = z - np.polyval(np.polyfit(frames, z, 1), frames)
    assert 0.5 < z.std() < 1.6
    assert (error > 0.8 * least).all()
    assert np.median(error / least) < 3
