"""Radial profiles about a centre, and the fraction of an image that they explain."""

import numpy as np
from scipy import optimize

from xscatter.core.compiled import compiled
from xscatter.frames.center.reduced import smooth

_PLACES = 16000  # pixels that take part, at most


class RadialProfile:
    """An image (rows, cols) as a function of the radius about any centre."""

    def __init__(self, level: np.ndarray, live: np.ndarray):
        # A little smoothing: single photons would hide the profile.
        smoothed, share = smooth(level, live, 1.0)
        places = np.argwhere(live & (share > 0.5))
        if len(places) > _PLACES:
            # Spread evenly, and the same choice every time.
            places = places[np.linspace(0, len(places) - 1, _PLACES).astype(int)]
        self.places = places.astype(float)
        self.values = smoothed[tuple(places.T)].astype(float)
        # A bright core would decide alone, so ranks, which know no dynamic range, are half of it.
        order = np.argsort(np.argsort(self.values, kind="stable"), kind="stable")
        self.values = 0.5 * order / max(len(order), 1) + 0.5 * _unit(
            np.log(np.maximum(self.values, 1e-3))
        )
        self.total = float(((self.values - self.values.mean()) ** 2).sum())

    def explained(self, center: np.ndarray) -> float:
        """Return the fraction of the variance that the best profile about `center` explains.

        It is corrected for the number of points of the profile.
        """
        if self.total <= 0:
            return 0.0
        rest, used = _unexplained(self.places, self.values, float(center[0]), float(center[1]))
        # A profile of many points explains noise too; the correction is that of adjusted R².
        free = max(len(self.values) - used, 1)
        return 1 - rest / self.total * (len(self.values) - 1) / free

    def refined(self, start: np.ndarray) -> np.ndarray:
        """Return the centre near `start` that explains most."""
        simplex = start + np.array([[0, 0], [3.0, 0], [0, 3.0]])
        return optimize.minimize(
            lambda place: -self.explained(place),
            start,
            method="Nelder-Mead",
            options={"initial_simplex": simplex, "xatol": 0.03, "fatol": 1e-6, "maxfev": 60},
        ).x


@compiled
def _unexplained(places, values, row, col):
    """Squares of `values` that the profile about (row, col) leaves, and its number of points."""
    count = len(values)
    radius = np.empty(count)
    least, most = np.inf, 0.0
    for n in range(count):
        radius[n] = np.sqrt((places[n, 0] - row) ** 2 + (places[n, 1] - col) ** 2)
        least, most = min(least, radius[n]), max(most, radius[n])
    # One point of the profile for each pixel of radius, and one beyond for interpolation.
    size = int(most - least) + 2
    number, total = np.zeros(size), np.zeros(size)
    for n in range(count):
        place = radius[n] - least
        k = int(place)
        part = place - k
        number[k] += 1 - part
        number[k + 1] += part
        total[k] += (1 - part) * values[n]
        total[k + 1] += part * values[n]
    used = 0
    for k in range(size):
        used += number[k] > 0.5
        total[k] /= max(number[k], 1e-9)
    rest = 0.0
    for n in range(count):
        place = radius[n] - least
        k = int(place)
        part = place - k
        rest += (values[n] - (1 - part) * total[k] - part * total[k + 1]) ** 2
    return rest, used


def _unit(values: np.ndarray) -> np.ndarray:
    # Percentiles, not extremes: single bright pixels must not set the scale.
    low, high = np.percentile(values, (1, 99))
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1)
