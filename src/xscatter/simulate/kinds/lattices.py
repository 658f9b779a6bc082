"""Lattices: told where the reflections of no other lattice, of any spacing, lie as these do.

The alternative has peaks of the same widths at the reflections of the other lattice. Their areas
are its multiplicities, under the same envelope (the particles' form factor and the Debye-Waller
factor) but for a parabola over ln q that is fitted with it, as are position and a smooth
background. One of its first three reflections lies on one of the two that show best; a finer shift
is fitted. Blur and a spread of wavelengths are added to the widths in squares.
"""

from functools import cache

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.components import Pattern
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.kinds.fits import Difference, unexplained
from xscatter.simulate.physics.lattice import DIMENSION, peak_area, strengths
from xscatter.simulate.physics.profiles import FULL_WIDTH

REFLECTIONS = 24  # as many as the features draw
POWERS = (0.0, -1.0, -2.5, -4.0)  # of q: the smooth background
WINDOW = 4.0  # full widths on each side to which a peak is followed


@compiled
def _add_peaks(values, first, step, centers, areas, width, strain, lorentzian):
    """Add pseudo-Voigt peaks to `values`, at `first` + i `step`; areas are in those of height 1.

    Full widths are √(width² + (strain q)²).
    """
    points = len(values)
    for n in range(len(centers)):
        center = centers[n]
        wide = np.sqrt(width**2 + (strain * center) ** 2)
        reach = WINDOW * wide
        begin = max(0, int((center - reach - first) / step))
        end = min(points - 1, int((center + reach - first) / step) + 1)
        height = areas[n] / wide
        for i in range(begin, end + 1):
            x = 2 * (first + i * step - center) / wide
            gaussian = (1 - lorentzian) * np.exp(-np.log(2.0) * x * x)
            values[i] += height * (gaussian + lorentzian / (1 + x * x))


@cache
def _unit(lattice: str) -> np.ndarray:
    """Return centres and areas (2, n) of the peaks of S(q) for a spacing of 1."""
    return np.array(strengths(lattice, 1.0, REFLECTIONS))


def _spacings(lattice: str, brightest: np.ndarray) -> list[float]:
    """Return spacings that put one of the first reflections of `lattice` on one of `brightest`."""
    spacings: list[float] = []
    for spacing in (_unit(lattice)[0, :3] / brightest[:, None]).ravel().tolist():
        # Once each: two pairs of reflections may be in one ratio.
        if all(abs(spacing / other - 1) > 1e-6 for other in spacings):
            spacings.append(spacing)
    return spacings


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
    first = int(seen[0])
    count = min((int(seen[-1]) - first) // 2 + 1, (len(experiment.q) - first) // 2)
    pairs = slice(first, first + 2 * count, 2), slice(first + 1, first + 2 * count + 1, 2)
    weights, flux = (one[pairs[0]] + one[pairs[1]] for one in sums)
    q = 0.5 * (experiment.q[pairs[0]] + experiment.q[pairs[1]])
    log_q, root = np.log(q / q[-1]), np.sqrt(weights)
    width = np.hypot(pattern.width, FULL_WIDTH * experiment.resolution)
    strain = np.hypot(pattern.strain, experiment.wavelength_spread)

    def add(values: np.ndarray, lattice: str, spacing: float) -> None:
        # S(q) of a spacing is that of spacing 1 at q × spacing: areas over q go with 1/spacing.
        centers, areas = _unit(lattice) / spacing
        inside = centers < experiment.q[-1]
        centers, areas = centers[inside], areas[inside] / peak_area(pattern.lorentzian)
        # All of a peak has the envelope of its centre, wherever blur has carried it.
        areas *= np.interp(centers, experiment.q, pattern.envelope)
        _add_peaks(
            values, q[0], 2 * experiment.q_step, centers, areas, width, strain, pattern.lorentzian
        )

    truth = np.zeros(len(q))
    add(truth, pattern.lattice, pattern.spacing)
    truth *= scale
    others = [
        (lattice, spacing)
        for lattice in DIMENSION
        if lattice != pattern.lattice
        for spacing in _spacings(lattice, shown)
    ]
    # Columns of every alternative: itself, its tilt and bend, its derivative but for a factor.
    columns = np.zeros((len(others), 4, len(q)))
    for values, other in zip(columns[:, 0], others, strict=True):
        add(values, *other)
    columns[:, 1] = columns[:, 0] * log_q
    columns[:, 2] = columns[:, 1] * log_q
    columns[:, 3, 1:-1] = columns[:, 0, 2:] - columns[:, 0, :-2]
    smooth = np.exp(np.multiply.outer(POWERS, log_q))
    best = _explained(root * columns, root * smooth, root * truth).argmax()
    information, light = unexplained(weights, flux, truth, np.concatenate([smooth, columns[best]]))
    return Difference(float(np.sqrt(information)), information / light if light > 0 else 0.0)


def _explained(columns: np.ndarray, smooth: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return what of Σ `target`² each alternative explains beyond the background.

    Args:
        columns: (n, k, points) of the alternatives.
        smooth: (k, points) the background.
        target: (points,) the lattice.
    """
    basis = np.linalg.qr(smooth.T)[0]
    shared = columns @ basis
    gram = columns @ columns.transpose(0, 2, 1) - shared @ shared.transpose(0, 2, 1)
    product = columns @ (target - basis @ (target @ basis))
    # The position of an alternative without a peak on the image has no effect.
    gram += np.eye(gram.shape[1]) * (
        1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-300
    )
    return np.einsum("ni,ni->n", product, np.linalg.solve(gram, product[..., None])[..., 0])
