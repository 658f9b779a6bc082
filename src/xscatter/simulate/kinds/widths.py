"""Widths of rings: told where the same ring of a width at the border looks different."""

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.components import Peak
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.kinds.fits import NONE, Difference, Fraction, unexplained
from xscatter.simulate.physics.profiles import FULL_WIDTH
from xscatter.simulate.shared.rings import BROAD, SHARP

BORDERS = {
    "ring: sharp": (SHARP,),
    "ring: intermediate": (SHARP, BROAD),
    "ring: broad": (BROAD,),
}
WINDOW = 3.0  # full widths on each side in which the ring stands out of its background


@compiled
def _pseudo_voigt(x, lorentzian):
    """Height at `x` half widths from the centre."""
    return (1 - lorentzian) * np.exp(-np.log(2.0) * x * x) + lorentzian / (1 + x * x)


@compiled
def _ring_left(weights, flux, first, step, center, shown, other, lorentzian, reach):
    """Return Σ w s², Σ f |s|, Σ w r² and Σ f |r| of a ring and of what another width leaves.

    `weights` and `flux` (n,) are at `first` + i `step`.
    """
    points = len(weights)
    truth = np.empty(points)
    columns = np.empty((5, points))
    information, light = 0.0, 0.0
    for i in range(points):
        away = first + i * step - center
        truth[i] = _pseudo_voigt(2 * away / shown, lorentzian)
        x = away / reach
        columns[0, i], columns[1, i], columns[2, i] = 1.0, x, x * x
        y = 2 * away / other
        columns[3, i] = _pseudo_voigt(y, lorentzian)
        # The derivative, but for a factor.
        gaussian = (1 - lorentzian) * np.log(2.0) * np.exp(-np.log(2.0) * y * y)
        columns[4, i] = y * (gaussian + lorentzian / (1 + y * y) ** 2)
        information += weights[i] * truth[i] * truth[i]
        light += flux[i] * truth[i]
    rest, shine = unexplained(weights, flux, truth, columns)
    return information, light, rest, shine


def width_difference(
    shape: Peak,
    tag: str,
    sums: tuple[np.ndarray, np.ndarray],
    experiment: Experiment,
    seen: tuple[float, float],
) -> Difference:
    """Return how a ring differs from one whose width is the nearest border of its tag.

    Both are drawn with the blur of the instrument added in squares. The ring at the border is
    fitted in height and position, on a background that is a parabola.

    Args:
        shape: of the ring.
        tag: of its width.
        sums: information and flux (radii,) of its family.
        experiment: of the image.
        seen: d' and contrast of the ring.
    """
    center, blur = shape.center, FULL_WIDTH * experiment.resolution
    own = np.hypot(shape.width, experiment.wavelength_spread * center)
    shown = np.hypot(own, blur)
    worst = Fraction(np.inf, 1.0)
    for border in BORDERS[tag]:
        other = np.hypot(border * center, blur)
        reach = WINDOW * max(shown, other)
        begin, end = np.searchsorted(experiment.q, (center - reach, center + reach))
        if end - begin < 8:
            return NONE
        information, light, rest, shine = _ring_left(
            sums[0][begin:end], sums[1][begin:end], experiment.q[begin], experiment.q_step, center,
            shown, other, shape.lorentzian, reach,
        )  # fmt: skip
        if information <= 0 or light <= 0:
            return NONE
        if rest / information < worst.information:
            worst = Fraction(rest / information, shine / light)
    return worst.of(*seen)
