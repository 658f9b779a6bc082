"""Widths of rings: told where the same ring of a width at the border looks different."""

import numpy as np

from xscatter.simulate.components import Peak
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.kinds.fits import Difference, Fraction, fraction_left
from xscatter.simulate.physics.profiles import FULL_WIDTH, peak
from xscatter.simulate.shared.rings import BROAD, SHARP

BORDERS = {
    "ring: sharp": (SHARP,),
    "ring: intermediate": (SHARP, BROAD),
    "ring: broad": (BROAD,),
}
WINDOW = 3.0  # full widths on each side in which the ring stands out of its background


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
    worst = Fraction(np.inf, 1.0)
    for border in BORDERS[tag]:
        shown, other = np.hypot(own, blur), np.hypot(border * center, blur)
        reach = WINDOW * max(shown, other)
        begin, end = np.searchsorted(experiment.q, (center - reach, center + reach))
        if end - begin < 8:
            return Difference(0.0, 0.0)
        q = experiment.q[begin:end]
        alternative = peak(q, center, other, shape.lorentzian)
        x = (q - center) / reach
        columns = np.array([np.ones_like(x), x, x**2, alternative, np.gradient(alternative)])
        truth = peak(q, center, shown, shape.lorentzian)
        left = fraction_left(sums[0][begin:end], sums[1][begin:end], truth, columns)
        if left.information < worst.information:
            worst = left
    return worst.of(*seen)
