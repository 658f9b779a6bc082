"""Find the strongest peak of a profile, and fit it: a Gaussian on a smooth curve."""

from typing import NamedTuple

import numpy as np
from scipy import signal

SIGNIFICANT = 5.0  # of a peak's height, in standard deviations
FWHM = 2 * np.sqrt(2 * np.log(2))
_STEPS = 30
_SMALL = 3e-3  # gain of a step, in squares of the noise, at which a fit is done
_WINDOWS = 4  # times that a window is fitted, each as wide as the last fit tells
_REACH = 1.6  # of a width, to both sides: what is fitted
_EDGE = 6  # first points, where the edge of a beamstop looks like the rise to a ring
_TRIES = 3  # maxima that are fitted, the strongest first, until one is a peak
_BELOW_ZERO = 0.1  # of a height, that a smooth curve may be below 0: light is not negative
_STUCK = 1e6  # damping at which no step is worth while: this is the minimum
_FEWEST = 7  # points of a fit
_CURVED = 14  # points from which what lies beneath is a parabola, and not a straight line


class RingPeak(NamedTuple):
    """A peak, with the covariance of (position, width, height).

    Attributes:
        position: of the maximum.
        width: full width at half maximum.
        height: above what lies beneath.
        base: what lies beneath, at the position.
        base_sd: its standard deviation.
        covariance: (3, 3).
        window: first and last place that were fitted.
        guide: position and width that say which places are at the ring; those of the first frame
            in which it was fitted, so that noise does not choose.
    """

    position: float
    width: float
    height: float
    base: float
    base_sd: float
    covariance: np.ndarray
    window: tuple[float, float]
    guide: tuple[float, float]


def baseline(intensity: np.ndarray, reach: int) -> np.ndarray:
    """Return the smooth curve beneath the peaks, by clipping at ever smaller distances (SNIP).

    C. G. Ryan et al., Nucl. Instrum. Methods B 34 (1988) 396.

    Args:
        intensity: (n,) profile.
        reach: half the width of the widest peak, in points.
    """
    level = np.log1p(np.log1p(np.maximum(intensity, 0)))
    for distance in range(min(reach, (len(level) - 1) // 2), 0, -1):
        inner = level[distance:-distance]
        sides = (level[: -2 * distance] + level[2 * distance :]) / 2
        level = level.copy()
        level[distance:-distance] = np.minimum(inner, sides)
    return np.expm1(np.expm1(level))


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Return the running mean over `width` points, shorter at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    n = np.arange(len(values))
    low, high = np.maximum(n - width // 2, 0), np.minimum(n + width // 2 + 1, len(values))
    return (total[high] - total[low]) / (high - low)


def above_baseline(intensity: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the profile above its baseline in standard deviations, smoothed over 3 points."""
    level = smooth(intensity, 3)
    # The baseline of a smoother profile is not pulled down by every fluctuation.
    beneath = baseline(smooth(intensity, 5), max(len(intensity) // 12, 4))
    return (level - beneath) / (deviation / np.sqrt(3))


def maxima(intensity: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the places of narrow maxima that stand out of the noise.

    A ring on a slope so steep that it is no maximum is not seen; but a knee is never taken for one.

    Args:
        intensity: (n,) profile.
        deviation: (n,) its standard deviations.
    """
    level, noise = smooth(intensity, 3), deviation / np.sqrt(3)
    # A prominence above rounding: a plateau has no width.
    least = 1e-9 * float(np.abs(level).max()) + np.finfo(float).tiny
    places, shape = signal.find_peaks(level, prominence=least, width=(1, len(level) / 6))
    kept = (shape["prominences"] >= SIGNIFICANT * noise[places]) & (places >= _EDGE)
    return places[kept]


def strongest_peak(
    q: np.ndarray,
    intensity: np.ndarray,
    deviation: np.ndarray,
    places: np.ndarray,
    strength: np.ndarray,
    chosen: np.ndarray,
) -> RingPeak | None:
    """Return the peak that stands highest above the smooth scattering, None if there is none.

    Args:
        q: (n,) places.
        intensity: (n,) profile.
        deviation: (n,) its standard deviations.
        places: of :func:`maxima`.
        strength: (n,) of :func:`above_baseline`, which decides between them.
        chosen: which of `places` may be returned.
    """
    if len(q) < 3 * _FEWEST:
        return None
    order = places[chosen][np.argsort(-strength[places[chosen]], kind="stable")]
    for top in order[:_TRIES]:
        peak = _peak_at(int(top), q, intensity, deviation, places)
        if peak is not None and strength[top] >= SIGNIFICANT:
            return peak
    return None


def fit_ring(
    q: np.ndarray, intensity: np.ndarray, deviation: np.ndarray, ring: RingPeak
) -> RingPeak | None:
    """Return a ring that was fitted in another frame, fitted again at the same places.

    Args:
        q: (n,) places.
        intensity: (n,) profile.
        deviation: (n,) its standard deviations.
        ring: of the other frame.
    """
    window = (q >= ring.window[0]) & (q <= ring.window[1])
    if window.sum() < _FEWEST:
        return None
    shape = q[window], intensity[window], deviation[window]
    peak = _fitted(*shape, ring.position, ring.width)
    return None if peak is None else peak._replace(guide=ring.guide)


def _peak_at(top: int, q, intensity, deviation, places) -> RingPeak | None:
    """Return the fitted peak about the maximum `top`; None if it is none."""
    net = above_baseline(intensity, deviation) * deviation
    below = net < net[top] / 2
    left = top - int(np.argmax(below[top::-1])) if below[: top + 1].any() else 0
    right = top + int(np.argmax(below[top:])) if below[top:].any() else len(q) - 1
    # As far as the neighbouring rings allow: to the valleys between them and this one.
    before, after = places[places < top], places[places > top]
    first, last = 0, len(q) - 1
    if len(before):
        first = before[-1] + int(np.argmin(intensity[before[-1] : top]))
    if len(after):
        last = top + int(np.argmin(intensity[top : after[0] + 1]))
    left, right = max(left, first), min(right, last)
    position, width = q[top], max(q[right] - q[left], q[1] - q[0])
    peak, used = None, None
    for _ in range(_WINDOWS):
        # The window follows the width of the fit, which is far less noisy than where the profile
        # falls to half: what lies beneath would otherwise shift the fit by another amount in every
        # frame.
        low, high = np.searchsorted(q, [position - _REACH * width, position + _REACH * width])
        low, high = max(int(low), first), min(int(high), last + 1)
        while high - low < _FEWEST:
            low, high = max(low - 1, 0), min(high + 1, len(q))
        if (low, high) == used:
            break
        used = low, high
        window = slice(low, high)
        fit = _fitted(q[window], intensity[window], deviation[window], position, width)
        if fit is not None:
            peak, (position, width) = fit, fit[:2]
        elif peak is not None:
            break
        else:
            width /= 2  # too much is beside the ring for one smooth curve
    return peak


def _fitted(q, intensity, deviation, position, width) -> RingPeak | None:
    """Fit a Gaussian on a line or parabola by Levenberg-Marquardt steps from a first guess."""
    middle, spacing = q[len(q) // 2], float(q[-1] - q[0]) / (len(q) - 1)
    unit = max(width / FWHM, 0.5 * spacing)
    x, place = (q - middle) / unit, (position - middle) / unit
    beneath = np.stack([np.ones_like(x), x, x * x][: 3 if len(x) >= _CURVED else 2], 1)
    # The best height and smooth curve at the first position and width.
    start = np.column_stack([np.exp(-((x - place) ** 2) / 2), beneath]) / deviation[:, None]
    linear = np.linalg.lstsq(start, intensity / deviation, rcond=None)[0]
    p = np.array([place, 0.0, max(linear[0], 1e-30), *linear[1:]])
    limit = float(np.ptp(x))

    def model(p):
        sigma = np.exp(p[1])
        z = (x - p[0]) / sigma
        bell = np.exp(-z * z / 2)
        rows = np.column_stack([p[2] * bell * z / sigma, p[2] * bell * z * z, bell, beneath])
        rest = intensity - p[2] * bell - beneath @ p[3:]
        return rest / deviation, rows / deviation[:, None]

    rest, rows = model(p)
    squares, damping = rest @ rest, 1e-3
    for _ in range(_STEPS):
        normal = rows.T @ rows
        step = np.linalg.solve(
            normal + damping * np.diag(np.diag(normal)) + 1e-300 * np.eye(len(p)), rows.T @ rest
        )
        step[:2] = np.clip(step[:2], -1, 1)
        trial = p + step
        new_rest, new_rows = model(trial)
        new_squares = new_rest @ new_rest
        if new_squares <= squares:
            small = squares - new_squares < _SMALL
            p, rest, rows, squares, damping = trial, new_rest, new_rows, new_squares, damping / 5
            if small or not (x[0] <= p[0] <= x[-1] and np.exp(p[1]) < limit):
                break
        else:
            damping *= 8
            if damping > _STUCK:
                break
    else:
        return None
    inside = x[0] <= p[0] <= x[-1] and spacing / unit * 0.2 < np.exp(p[1]) < limit
    powers = p[0] ** np.arange(beneath.shape[1])
    under = float(powers @ p[3:])
    if not inside or p[2] <= 0 or under < -_BELOW_ZERO * p[2]:
        return None
    # Photons alone: a peak of another shape misfits in the same way in every frame.
    every = np.linalg.pinv(rows.T @ rows)
    covariance = every[:3, :3]
    if p[2] < SIGNIFICANT * np.sqrt(covariance[2, 2]):
        return None
    # From the fit's numbers to position, full width and height.
    scale = np.array([unit, np.exp(p[1]) * FWHM * unit, 1.0])
    return RingPeak(
        float(middle + unit * p[0]),
        float(scale[1]),
        float(p[2]),
        under,
        float(np.sqrt(powers @ every[3:, 3:] @ powers)),
        covariance * scale[:, None] * scale,
        (float(q[0]), float(q[-1])),
        (float(middle + unit * p[0]), float(scale[1])),
    )
