"""How many points a map with a transition needs: proposed, on a grid, and at random.

    python benchmarks/next_point.py [--campaigns 10] [--first-seed 1]

A map of two coordinates, 0 to 1 each, has a step along a curved border and a slow slope; values
have noise. Points are measured one way or another until the transition is known: less than 2 % of
the map is on the wrong side of the border, now and in the next three rounds. The scan is the same
in one dimension: a transition temperature is known when the steepest place of the process is within
0.5 % of the range of the true one.
"""

import argparse
import os
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from xscatter.advice.next_point import NextPoint

TARGET_MAP, TARGET_SCAN = 0.02, 0.005
MOST_MAP, MOST_SCAN = 100, 100


def map_truth(random):
    """A step across a curved border, and a slope."""
    offset, tilt, bend = random.uniform(0.3, 0.7), random.uniform(-0.3, 0.3), random.uniform(-1, 1)
    width, slope = random.uniform(0.01, 0.04), random.uniform(-0.3, 0.3)

    def truth(x):
        border = offset + tilt * (x[:, 0] - 0.5) + bend * (x[:, 0] - 0.5) ** 2
        return 1 / (1 + np.exp(-(x[:, 1] - border) / width)) + slope * x[:, 0]

    return truth


def scan_truth(random):
    """A step of one coordinate, and a slope."""
    middle, width = random.uniform(0.15, 0.85), random.uniform(0.004, 0.03)
    slope = random.uniform(-0.3, 0.3)
    return middle, lambda x: 1 / (1 + np.exp(-(x[:, 0] - middle) / width)) + slope * x[:, 0]


def grid(side, dimensions):
    """Points of a grid: the middles of its cells."""
    axis = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(*[axis] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)


def map_error(points, truth, fine):
    """Fraction of the map on the wrong side of the border, which is half-way up the step."""
    if len(points) < 4 or points.process() is None:
        return 1.0
    side = round(len(fine) ** 0.5)
    true, expected = (v.reshape(side, side) for v in (truth(fine), points.predict(fine)[0]))
    middle = (true[:, :1] + true[:, -1:]) / 2
    return float(((true > middle) != (expected > middle)).mean())


def scan_error(points, middle, fine):
    """Distance of the process's steepest place from the true one."""
    if len(points) < 4 or points.process() is None:
        return 1.0
    return float(abs(fine[np.argmax(points.process().slope(fine)), 0] - middle))


def reached(errors, target):
    """The first number of points from which the error stays below the target."""
    below = np.array([error < target for _, error in errors])
    bad = np.flatnonzero(~below)
    first = 0 if len(bad) == 0 else bad[-1] + 1
    return errors[first][0] if first < len(errors) else np.inf


def measured(points, x, truth, noise, random):
    points.tell(x, truth(x) + noise * random.standard_normal(len(x)), np.full(len(x), noise**2))


def campaign(kind, by, seed, noise, batch):
    """Return the number of points after which the target is reached, by one way of choosing."""
    random = np.random.default_rng([seed, 1 if kind == "map" else 2])
    if kind == "map":
        truth, fine, target, most = map_truth(random), grid(30, 2), TARGET_MAP, MOST_MAP
        error, dimensions = partial(map_error, truth=truth, fine=fine), 2
    else:
        middle, truth = scan_truth(random)
        fine, target, most = grid(801, 1), TARGET_SCAN, MOST_SCAN
        error, dimensions = partial(scan_error, middle=middle, fine=fine), 1
    errors = []
    if by == "grid":
        sides = range(3, int(most ** (1 / dimensions)) + 1, 1 if dimensions == 2 else 3)
        for side in sides:
            points = NextPoint()
            measured(points, grid(side, dimensions), truth, noise, random)
            errors.append((len(points), error(points)))
    else:
        points = NextPoint("variance" if by == "random" else by)
        while len(points) < most:
            if by == "random":
                x = fine[random.integers(len(fine), size=batch)]
            else:
                x = points.ask(fine, n=batch)
            measured(points, x, truth, noise, random)
            errors.append((len(points), error(points)))
            if len(errors) > 4 and all(e < target for _, e in errors[-4:]):
                break
    return reached(errors, target)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--campaigns", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.02)
    arguments = parser.parse_args()
    for kind, batch in (("scan", 2), ("map", 4)):
        print(f"{kind}: points until the target, median and all campaigns")
        for by in ("gradient", "variance", "random", "grid"):
            numbers = [
                campaign(kind, by, arguments.first_seed + n, arguments.noise, batch)
                for n in range(arguments.campaigns)
            ]
            print(f"  {by:9s} {np.median(numbers):6.0f}   {' '.join(f'{n:.0f}' for n in numbers)}")


if __name__ == "__main__":
    main()
