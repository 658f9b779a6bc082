"""Lattices: told where the reflections of no other lattice, of any spacing, lie as these do.

The alternative has peaks of the same widths at the reflections of the other lattice. Their areas
are its multiplicities, under the same envelope (the particles' form factor and the Debye-Waller
factor) but for a power of q that is fitted with it, as are height, position and a smooth
background. One of its first three reflections lies on one of the two that show best; a finer shift
is fitted. Blur and a spread of wavelengths are added to the widths in squares.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from xscatter import tags
from xscatter.core.compiled import compiled
from xscatter.simulate.components import Pattern
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.kinds.fits import ALL, Difference, unexplained
from xscatter.simulate.physics.lattice import DIMENSION, peak_area, reflections, strengths
from xscatter.simulate.physics.profiles import FULL_WIDTH

REFLECTIONS = 24  # as many as the features draw
POWERS = (0.0, -1.0, -2.0, -3.0, -4.0)  # of q: the smooth background
WINDOW = 6.0  # full widths on each side to which a peak is followed


@compiled
def _peaks(step, radii, centers, areas, widths, envelope, lorentzian, area):
    """Sum of pseudo-Voigt peaks at `step` × 0, 1, 2 ..., each with the envelope of its place."""
    values = np.zeros(radii)
    for n in range(len(centers)):
        reach = WINDOW * widths[n]
        first = max(0, int((centers[n] - reach) / step))
        last = min(radii - 1, int((centers[n] + reach) / step) + 1)
        height = areas[n] / (widths[n] * area)
        for i in range(first, last + 1):
            x = 2 * (i * step - centers[n]) / widths[n]
            x2 = x * x
            values[i] += height * envelope[i] * (
                (1 - lorentzian) * np.exp(-0.6931471805599453 * x2) + lorentzian / (1 + x2)
            )
    return values


def _profile(
    pattern: Pattern, lattice: str, spacing: float, experiment: Experiment
) -> np.ndarray:
    """Return the peaks (radii,) of `lattice` with the widths and the envelope of `pattern`."""
    centers, areas = strengths(lattice, spacing, REFLECTIONS)
    inside = centers < experiment.q[-1]
    centers, areas = centers[inside], areas[inside]
    blur = FULL_WIDTH * experiment.resolution
    spread = np.hypot(pattern.strain, experiment.wavelength_spread)
    widths = np.sqrt(pattern.width**2 + (spread * centers) ** 2 + blur**2)
    return _peaks(
        experiment.q_step, len(experiment.q), centers, areas, widths, pattern.envelope,
        pattern.lorentzian, peak_area(pattern.lorentzian),
    )  # fmt: skip


@cache
def _firsts(lattice: str) -> float:
    """Return q of the first reflection times the spacing."""
    return float(strengths(lattice, 1.0, 1)[0][0])


def _spacings(lattice: str, brightest: np.ndarray) -> Iterator[float]:
    """Yield spacings of `lattice` that put one of its first reflections on one of `brightest`."""
    ratios = reflections(lattice, 3)[0]
    firsts = (brightest[:, None] / ratios[None, :]).ravel()
    for first in np.unique(np.round(firsts / firsts[0], 6)) * firsts[0]:
        yield _firsts(lattice) / float(first)


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
    part = slice(int(seen[0]), int(seen[-1]) + 1)
    weights, flux = (np.ascontiguousarray(one[part]) for one in sums)
    q = experiment.q[part]
    truth = scale * _profile(pattern, pattern.lattice, pattern.spacing, experiment)[part]
    root = np.sqrt(weights)
    smooth = np.linalg.qr((np.exp(np.multiply.outer(POWERS, np.log(q / q[-1]))) * root).T)[0]
    target = truth * root
    target = target - smooth @ (smooth.T @ target)
    worst = ALL
    for lattice in DIMENSION:
        if lattice == pattern.lattice:
            continue
        for spacing in _spacings(lattice, shown):
            other = _profile(pattern, lattice, spacing, experiment)[part]
            columns = np.array([other, other * np.log(q / q[-1]), np.gradient(other)]) * root
            columns -= (columns @ smooth) @ smooth.T
            information, light = unexplained(
                np.ones(len(q)), flux / np.maximum(root, 1e-300), target, columns
            )
            if information < worst.strength**2:
                worst = Difference(float(np.sqrt(information)), information / max(light, 1e-300))
            # An alternative that fits ends the search: the kind is not told.
            if worst.strength < tags.DETECTABLE:
                return worst
    return worst
