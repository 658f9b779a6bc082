"""Whether the errors of quantities are right, and what a frame's quantities cost.

    python benchmarks/quantities.py [--patterns 40] [--frames 20] [--photons 1e5] [--size 96]

Patterns are frames of simulated sequences. Each is a stream whose frames differ by the noise of
photons alone, and is measured without noise by what the stream has chosen to follow. Printed: the
processor time of one frame; then by quantity how often the value without noise is within the 50 and
90 % bounds of the error, the median and spread of the distance in errors (z), and in how many
frames there is a value. Left out are frames in which the stream changes to another ring, and an
order within two errors of 0 or 1, where it cannot be lower or higher.
"""

import argparse
import os
import time
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import special

from xscatter import Study
from xscatter.frames import BeamGeometry, from_array
from xscatter.sequences.polar import SECTORS, Sums
from xscatter.sequences.quantities import RingFollower
from xscatter.sequences.reduction import Reduction
from xscatter.simulate.render import render
from xscatter.simulate.sequence import draw_sequence, sequence_experiment
from xscatter.simulate.shadows import shaded

OF_RING = {
    "peak_position", "peak_width", "spacing", "domain_size", "ring_to_halo", "orientation",
    "direction",
}  # fmt: skip


def patterns(number, size, photons, seed):
    """Yield a reduction and expected counts (pixels) of simulated frames with a beam centre."""
    study = Study(name="quantities", seed=seed, simulate={"size": size}, sequence={"frames": 20})
    given = 0
    for n in range(10 * number):
        sequence = draw_sequence(sequence_experiment(study, n))
        experiment = sequence.experiment
        scene = {**sequence.scene(10), "photons": photons}
        expected = render(scene, shaded(experiment, scene.get("shadows", []))).expected
        expected = np.where(experiment.live, expected, 0)
        place = experiment.setup.geometry(size)
        center = place.center
        if expected.sum() < 0.02 * photons or not all(0 <= c < size for c in center):
            continue
        first = from_array(
            np.random.default_rng(n).poisson(expected), mask=~experiment.live, center=center
        )
        known = BeamGeometry(place.wavelength, place.distance, place.pixel_size, center)
        yield Reduction.of(replace(first, geometry=known)), expected
        given += 1
        if given == number:
            return


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patterns", type=int, default=40)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--first", type=int, default=4, help="frames before the first that counts")
    parser.add_argument("--photons", type=float, default=1e5)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    z, seen, spent, number, others = {}, {}, 0.0, 0, 0
    random = np.random.default_rng(0)
    for reduction, expected in patterns(
        arguments.patterns, arguments.size, arguments.photons, arguments.seed
    ):
        grid = reduction.grid
        cells = grid.rings * SECTORS
        # One more cell holds what is never usable.
        counts = np.bincount(grid._cell.ravel(), expected.ravel(), cells + 1)[:-1]
        counts = counts.reshape(grid.rings, SECTORS)
        still, follower = Sums(counts, grid.live > 0), RingFollower()
        for frame in range(arguments.first + arguments.frames):
            noisy = Sums(random.poisson(counts).astype(float), grid.live > 0)
            begin = time.process_time()
            measured = reduction.quantities(noisy, 1.0, follower)
            spent += time.process_time() - begin
            number += 1
            if frame < arguments.first:
                continue
            copy = RingFollower.from_state(follower.state())
            exact = reduction.quantities(still, 1.0, copy)
            ring = exact["peak_position"].value
            other = abs(measured["peak_position"].value - ring) > exact["peak_width"].value
            others += other
            order, error = exact["orientation"]
            for name, (value, sd) in measured.items():
                if not np.isfinite(exact[name].value) or (other and name in OF_RING):
                    continue
                if name == "orientation" and not 2 * error < order < 1 - 2 * error:
                    continue
                seen.setdefault(name, []).append(np.isfinite(value))
                if np.isfinite(value):
                    distance = value - exact[name].value
                    if name == "direction":
                        distance = (distance + 90) % 180 - 90
                    z.setdefault(name, []).append(distance / sd)
    print(
        f"{number} frames of {arguments.photons:g} photons; {1e3 * spent / number:.2f} ms a frame; "
        f"another ring in {others}"
    )
    fifty, ninety = special.ndtri((0.75, 0.95))
    for name, values in z.items():
        values = np.array(values)
        inside = [(np.abs(values) < bound).mean() for bound in (fifty, ninety)]
        spread = np.subtract(*np.quantile(values, [0.84, 0.16])) / 2
        print(
            f"{name:18s} 50 % holds {inside[0]:.2f}, 90 % holds {inside[1]:.2f}, z "
            f"{np.median(values):+.2f} ± {spread:.2f}, a value in {np.mean(seen[name]):.2f} "
            f"of {len(seen[name])}"
        )


if __name__ == "__main__":
    main()
