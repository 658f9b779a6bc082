"""The Guinier law at low q: ln I = ln I(0) − Rg² q² / 3."""

from typing import NamedTuple

import numpy as np

REACH = 1.3  # of q Rg, where the law holds for most shapes
_FEWEST = 5
_ROUNDS = 8


class Guinier(NamedTuple):
    """Radius of gyration and intensity at q = 0, with their standard deviations.

    Attributes:
        radius: of gyration.
        radius_sd: its standard deviation.
        intensity: at q = 0.
        intensity_sd: its standard deviation.
        knee: radius that says how far the law reaches.
    """

    radius: float
    radius_sd: float
    intensity: float
    intensity_sd: float
    knee: float


def weighted_line(x: np.ndarray, y: np.ndarray, weight: np.ndarray):
    """Return offset and slope of a line, and their covariance by the noise of the values.

    Args:
        x: places.
        y: values.
        weight: one over the variance of each value.
    """
    table = np.stack([np.ones_like(x), x], 1)
    covariance = np.linalg.inv(table.T @ (table * weight[:, None]))
    line = covariance @ (table.T @ (weight * y))
    return line[0], line[1], covariance


def guinier_law(
    q: np.ndarray, intensity: np.ndarray, deviation: np.ndarray, lit: np.ndarray
) -> Guinier | None:
    """Return the Guinier law of a profile; None where it has no knee at low q.

    Args:
        q: (n,) places.
        intensity: (n,) profile.
        deviation: (n,) its standard deviations.
        lit: (n,) which rings have enough photons for a logarithm.
    """
    number = max(_FEWEST, len(q) // 12)
    for _ in range(_ROUNDS):
        if not _enough(number, lit):
            return None
        offset, slope, covariance = _line(number, q, intensity, deviation, lit)
        if slope >= 0 or covariance[1, 1] > (slope / 3) ** 2:
            if number >= len(q) // 2:
                return None
            number *= 2  # too few rings to see a slope
            continue
        radius = np.sqrt(-3 * slope)
        wanted = int(np.searchsorted(q, REACH / radius))
        if wanted < _FEWEST:
            return None
        if wanted == number:
            break
        number = wanted
    else:
        if slope >= 0 or covariance[1, 1] > (slope / 3) ** 2:
            return None
    return _law(offset, slope, covariance, np.sqrt(-3 * slope))


def guinier_again(
    q: np.ndarray, intensity: np.ndarray, deviation: np.ndarray, lit: np.ndarray, knee: float
) -> Guinier | None:
    """Return the Guinier law over the range that is known; None where the profile does not fall.

    Args:
        q: (n,) places.
        intensity: (n,) profile.
        deviation: (n,) its standard deviations.
        lit: (n,) which rings have enough photons for a logarithm.
        knee: radius that says how far the law reaches.
    """
    number = int(np.searchsorted(q, REACH / knee))
    if not _enough(number, lit):
        return None
    offset, slope, covariance = _line(number, q, intensity, deviation, lit)
    return None if slope >= 0 else _law(offset, slope, covariance, knee)


def _enough(number: int, lit: np.ndarray) -> bool:
    return bool(lit[:number].sum() >= _FEWEST)


def _line(number: int, q, intensity, deviation, lit):
    used = lit[:number]
    height = intensity[:number][used]
    weight = (height / deviation[:number][used]) ** 2
    return weighted_line(q[:number][used] ** 2, np.log(height), weight)


def _law(offset, slope, covariance, knee) -> Guinier:
    radius, size = np.sqrt(-3 * slope), np.exp(offset)
    sds = np.sqrt(np.diag(covariance))
    return Guinier(radius, sds[1] * 1.5 / radius, size, size * sds[0], knee)
