"""Residuals between two sums of frames under the hypothesis that their patterns are the same."""

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.sequences.polar import BINS, SECTORS, binned

ORDERS = (1, 2, 4, 6)  # angular orders; the first one is a moving beam
GROUPS = 8  # of rings, for the angular orders
RADIAL, ANGULAR, POSITION, WIDTH = "radial", "angular", "position", "width"
CHANNELS = (RADIAL, ANGULAR, POSITION, WIDTH)
_LEAST_COUNTS = 5.0  # expected in a ring: with fewer, squares are far from a chi-square
_ANGLE = 2 * np.pi * (np.arange(SECTORS) + 0.5) / SECTORS
WAVES = np.concatenate([[np.cos(m * _ANGLE), np.sin(m * _ANGLE)] for m in ORDERS]).T


def sizes(shape: tuple[int, int]) -> dict[str, int]:
    """Return the number of residuals of each channel for sums of `shape`."""
    angular = GROUPS * WAVES.shape[1] if shape[1] == SECTORS else 0
    channels = {RADIAL: min(shape[0], BINS), POSITION: 1, WIDTH: 1}
    return channels | {ANGULAR: angular} if angular else channels


def shapes(profile: np.ndarray, weights: np.ndarray, turned: bool) -> np.ndarray:
    """Return the changes (2, rings) of a profile whose rings move outwards, and become wider.

    Args:
        profile: (rings,) counts.
        weights: (rings,) pixels or points in each.
        turned: these are rings about a centre, so that all move by the same part of the radius.
    """
    level = profile / weights
    slope = np.gradient(level)
    ring = np.arange(len(level)) + 0.5 if turned else np.ones(len(level))
    return np.stack([-ring * slope, np.gradient(slope)]) * weights


def residuals(
    test: np.ndarray,
    reference: np.ndarray,
    usable: np.ndarray,
    poisson: bool = True,
    weights: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the residuals of `test` against `reference` in units of photon noise, by channel.

    The total is free, so that no flux makes a residual; for angular orders, that of every ring is.
    A ring that moves by a part of a bin shows in no bin, so two residuals are about all rings
    together: by how much they have moved, and widened.

    Args:
        test: (rings, sectors) sums of the frames that are tested.
        reference: (rings, sectors) sums of quiet frames.
        usable: (rings, sectors) bool, the cells to compare.
        poisson: False: the values are no counts; no ring is left out for having few.
        weights: (rings,) pixels or points in each; None: as many in each.
    """
    rings_of = np.zeros((4, len(test)))
    cells_of = np.zeros((2, GROUPS, SECTORS))
    angular = test.shape[1] == SECTORS
    if not _collect(test, reference, usable, rings_of, cells_of if angular else cells_of[:, :0]):
        return {name: np.zeros(size) for name, size in sizes(test.shape).items()}
    counts, total, spread, ratio = (*rings_of[:3], rings_of[3, 0])
    change = counts - total
    rings = binned(spread)
    # Values that are no counts may be near zero: they get a floor instead of being left out.
    floor = _LEAST_COUNTS * (1 + ratio) if poisson else 0.01 * float(rings.mean())
    difference = binned(change)
    if poisson:
        known = rings >= floor
        radial = np.where(known, difference / np.sqrt(np.where(known, rings, 1)), 0)
    else:
        radial = difference / np.sqrt(np.maximum(rings, floor) + 1e-300)
    if weights is None:
        weights = np.ones(len(change))
    templates = shapes(total, weights, angular)
    few = spread < (floor if poisson else 1e-300)
    error = np.sqrt(np.where(few, 1, np.maximum(spread, 0 if poisson else floor / len(spread))))
    templates = np.where(few, 0, templates / error)
    norms = np.maximum(np.linalg.norm(templates, axis=1), 1e-300)
    moved, wider = (templates @ np.where(few, 0, change / error) / norms)[:, None]
    channels = {RADIAL: radial, POSITION: moved, WIDTH: wider}
    if not angular:
        return channels
    turned, cells = cells_of
    variance = cells @ WAVES**2
    known = variance >= floor
    waves = np.where(known, (turned @ WAVES) / np.sqrt(np.where(known, variance, 1)), 0)
    return channels | {ANGULAR: waves.ravel()}


@compiled(fastmath=None)
def _collect(
    test: np.ndarray,
    reference: np.ndarray,
    usable: np.ndarray,
    rings: np.ndarray,
    cells: np.ndarray,
) -> bool:
    """Sum the usable cells by rings, and by sectors of groups of rings; False: no reference.

    Args:
        test: (rings, sectors).
        reference: (rings, sectors).
        usable: (rings, sectors) bool.
        rings: (4, rings) results: counts, expected counts, their variance; ratio of the totals.
        cells: (2, groups, sectors) results: counts beyond those of the ring, and their variance;
            without sectors, none.
    """
    above, below = 0.0, 0.0
    for r in range(test.shape[0]):
        for s in range(test.shape[1]):
            if usable[r, s]:
                above += test[r, s]
                below += reference[r, s]
    if below <= 0:
        return False
    ratio = above / below
    rings[3] = ratio
    height = test.shape[0] // max(cells.shape[1], 1)
    for r in range(test.shape[0]):
        for s in range(test.shape[1]):
            if usable[r, s]:
                expected = ratio * reference[r, s]
                rings[0, r] += test[r, s]
                rings[1, r] += expected
                rings[2, r] += max(expected, 0.0) * (1 + max(ratio, 0.0))
        if not cells.shape[1]:
            continue
        # Within a ring: what its own total does is the business of the radial channel.
        share = rings[0, r] / rings[1, r] if rings[1, r] > 0 else 0.0
        for s in range(test.shape[1]):
            if usable[r, s]:
                expected = ratio * reference[r, s] * share
                cells[0, r // height, s] += test[r, s] - expected
                cells[1, r // height, s] += max(expected * (1 + ratio), 0.0)
    return True


def mean_square(values: np.ndarray) -> float:
    """Return the mean square of the residuals that are not left out."""
    return float((values**2).sum() / max(np.count_nonzero(values), 1))
