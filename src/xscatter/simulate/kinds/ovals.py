"""Ellipses: told from every circular pattern, whatever its profile.

The best circular pattern is the mean over the azimuth, weighted with what is seen there. The
weights over q and over the azimuth are those of the family, taken as independent of each other.
"""

import numpy as np

from xscatter.simulate.kinds.fits import Fraction
from xscatter.simulate.render import SECTORS

EVERY = 4  # sectors that taken together


def oval_fraction(
    profile: np.ndarray,
    stretch: np.ndarray,
    radial: tuple[np.ndarray, np.ndarray],
    sectors: tuple[np.ndarray, np.ndarray],
) -> Fraction:
    """Return the fraction of an elliptical component that no circular one explains.

    Args:
        profile: (radii,) of the component.
        stretch: (angles,) factor of q.
        radial: information and flux (radii,) of its family.
        sectors: information and flux (SECTORS,) of its family.
    """
    count = SECTORS // 2 // EVERY  # of half a turn: the other half is stretched as it is
    index = np.arange(len(profile), dtype=float)
    at = index[::2]  # half pixels are fine enough
    middle = stretch.reshape(2, count, -1).mean(axis=(0, 2))
    shown = np.array([np.interp(at * factor, index, profile) for factor in middle])
    angular, light = (one.reshape(2, count, EVERY).sum(axis=(0, 2)) for one in sectors)
    if angular.sum() <= 0 or light.sum() <= 0:
        return Fraction(0.0, 0.0)
    angular, light = angular / angular.sum(), light / light.sum()
    # The sums over radii are at q × stretch: brought to q.
    weights, flux = (np.interp(at * middle.mean(), index, one) for one in radial)
    rest = shown - angular @ shown
    whole = float(angular @ (shown**2 @ weights))
    bright = float(light @ (shown @ flux))
    if whole <= 0 or bright <= 0:
        return Fraction(0.0, 0.0)
    return Fraction(
        float(angular @ (rest**2 @ weights)) / whole, float(light @ (np.abs(rest) @ flux)) / bright
    )
