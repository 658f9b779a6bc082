"""Lattices: told where the reflections of no other lattice, of any spacing, lie as these do.

The alternative has peaks of the same widths at the reflections of the other lattice. Their areas
are its multiplicities, under the same envelope (the particles' form factor and the Debye-Waller
factor) but for a parabola over ln q that is fitted with it, as are position and a smooth
background. One of its first three reflections lies on that which shows best, or its first on the
second best; a finer shift is fitted. Blur and a spread of wavelengths are added to the widths in
squares.
"""

from functools import cache

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.components import Pattern
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.kinds.fits import Difference, explained, orthonormal, unexplained
from xscatter.simulate.physics.lattice import DIMENSION, peak_area, strengths
from xscatter.simulate.physics.profiles import FULL_WIDTH

REFLECTIONS = 24  # as many as the features draw
POWERS = (0.0, -1.0, -2.5, -4.0)  # of q: the smooth background
WINDOW = 3.0  # full widths on each side to which a peak is followed


@compiled
def _patterns(first, step, points, centers, areas, width, strain, lorentzian):
    """Return patterns (n, points) of pseudo-Voigt peaks, at `first` + i `step`.

    `centers` and `areas` (n, peaks), in areas of height 1; full widths are √(width² + (strain q)²).
    """
    values = np.zeros((len(centers), points))
    for m in range(len(centers)):
        for n in range(centers.shape[1]):
            center = centers[m, n]
            wide = np.sqrt(width**2 + (strain * center) ** 2)
            reach = WINDOW * wide
            begin = max(0, int((center - reach - first) / step))
            end = min(points - 1, int((center + reach - first) / step) + 1)
            height = areas[m, n] / wide
            for i in range(begin, end + 1):
                x = 2 * (first + i * step - center) / wide
                gaussian = (1 - lorentzian) * np.exp(-np.log(2.0) * x * x)
                values[m, i] += height * (gaussian + lorentzian / (1 + x * x))
    return values


@cache
def _units(lattice: str) -> np.ndarray:
    """Return centres and areas (2, 5, n) of S(q) for a spacing of 1: `lattice`, then all others."""
    order = (lattice, *(other for other in DIMENSION if other != lattice))
    return np.array([strengths(name, 1.0, REFLECTIONS) for name in order]).transpose(1, 0, 2)


def lattice_difference(
    pattern: Pattern,
    scale: float,
    shown: np.ndarray,
    sums: tuple[np.ndarray, np.ndarray],
    experiment: Experiment,
) -> Difference:
    """Return how the reflections of a lattice differ from those of all others.

    Args:
        pattern: its reflections.
        scale: counts over intensities.
        shown: q in nm⁻¹ of the two reflections that show best.
        sums: information and flux (radii,) of its family.
        experiment: of the image.
    """
    seen = np.flatnonzero(sums[0] > 0)
    # Half pixels are fine enough for peaks that the pixel has blurred.
    begin = int(seen[0])
    count = min((int(seen[-1]) - begin) // 2 + 1, (len(experiment.q) - begin) // 2)
    pairs = slice(begin, begin + 2 * count, 2), slice(begin + 1, begin + 2 * count + 1, 2)
    weights, flux = (one[pairs[0]] + one[pairs[1]] for one in sums)
    q = 0.5 * (experiment.q[pairs[0]] + experiment.q[pairs[1]])
    log_q, root = np.log(q / q[-1]), np.sqrt(weights)
    width = np.hypot(pattern.width, FULL_WIDTH * experiment.resolution)
    strain = np.hypot(pattern.strain, experiment.wavelength_spread)

    unit = _units(pattern.lattice)
    # Every lattice with one of its first reflections on that which shows best, or the first on the
    # second best.
    spacings = np.concatenate([unit[0, 1:, :3] / shown[0], unit[0, 1:, :1] / shown[-1]], axis=1)
    lattices = np.repeat(np.arange(1, len(DIMENSION)), spacings.shape[1])
    lattices, spacing = (
        np.concatenate([first, rest.ravel()])
        for first, rest in (([0], lattices), ([pattern.spacing], spacings))
    )
    # S(q) of a spacing is that of spacing 1 at q × spacing: areas over q go with 1/spacing.
    centers, areas = unit[:, lattices] / spacing[:, None]
    # All of a peak has the envelope of its centre, wherever blur has carried it.
    areas *= np.interp(centers, experiment.q, pattern.envelope, right=0.0)
    areas /= peak_area(pattern.lorentzian)
    patterns = _patterns(
        q[0], 2 * experiment.q_step, count, centers, areas, width, strain, pattern.lorentzian
    )
    truth, others = scale * patterns[0], patterns[1:]
    # Columns of every alternative: itself, its tilt and bend, its derivative but for a factor.
    columns = np.zeros((len(others), 4, count))
    columns[:, 0] = others
    columns[:, 1] = columns[:, 0] * log_q
    columns[:, 2] = columns[:, 1] * log_q
    columns[:, 3, 1:-1] = columns[:, 0, 2:] - columns[:, 0, :-2]
    smooth = np.exp(np.multiply.outer(POWERS, log_q))
    best = explained(root * columns, orthonormal(root * smooth), root * truth).argmax()
    information, light = unexplained(weights, flux, truth, np.concatenate([smooth, columns[best]]))
    return Difference(float(np.sqrt(information)), information / light if light > 0 else 0.0)
