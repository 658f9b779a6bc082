"""Kinds of form factor: told where no other kind, of any size and spread of sizes, looks the same.

Curves are compared over ln q, where a change of size is a shift and a log-normal spread of sizes a
convolution (`physics/sizes.py`), so that one table serves all sizes. Every feature of a form factor
offers the shapes of its kind (`SHAPES`). A shape is averaged over several spreads of size and
blurred by several resolutions, between which that of the instrument lies. The alternatives are
compared in two steps: all shapes, spreads and sizes in their scale, on a smooth background; then
the best of each kind once more, with what makes up for the steps of the table: its derivative, and
mixtures with its neighbours in spread. Contrasts below a hundredth are lost in these steps.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.components import Particle
from xscatter.simulate.instrument.smearing import smear
from xscatter.simulate.kinds.fits import ALL, NONE, Difference, explained, orthonormal, unexplained
from xscatter.simulate.registry import all_features
from xscatter.tags import DETECTABLE

STEP = 0.025  # of ln q
BELOW, ABOVE = 104, 108  # steps compared: from 0.07 to 15 times q of the first minimum
TURNS, STRIDE = 5, 3  # sizes tried on either side, and the steps from one to the next
REACH = TURNS * STRIDE
MARGIN = 2  # steps for finer ones, and for derivatives
SPREADS = (0.02, 0.05, 0.085, 0.13, 0.2)  # of ln size
BLURS = (0.0, 0.03, 0.06, 0.1, 0.16, 0.25)  # standard deviation of q over that of the minimum
POWERS = (0.0, -1.0, -2.5, -4.0)  # of q: the smooth background
FINE = 0.02  # of x in which curves are blurred, in units of the first minimum


class Curves(NamedTuple):
    """Form factors of all kinds over ln q, 0 at the first minimum.

    Attributes:
        kinds: tag, first row and the row after the last of each kind.
        values: (blurs, shapes × spreads, points) float32.
    """

    kinds: tuple[tuple[str, int, int], ...]
    values: np.ndarray

    def blurred(self, blur: float) -> np.ndarray:
        """Return the curves at one resolution, the standard deviation of q over the minimum."""
        at = min(max(int(np.searchsorted(BLURS, blur)), 1), len(BLURS) - 1)
        low, high = BLURS[at - 1], BLURS[at]
        # For a small blur, the change of the curve is proportional to the square of the blur.
        part = np.float32(min((blur**2 - low**2) / (high**2 - low**2), 1.0))
        return (1 - part) * self.values[at - 1] + part * self.values[at]


def _first_minimum(q: np.ndarray, curve: np.ndarray) -> float:
    """Return q of the first minimum, of where most shapes have it if this one has none there."""
    falls = np.flatnonzero((curve[1:-1] < curve[:-2]) & (curve[1:-1] <= curve[2:])) + 1
    if len(falls) and q[falls[0]] < 9:
        return float(q[falls[0]])
    return 1.15 * float(q[np.argmax(curve < 3e-3 * curve[0])])


@cache
def curves() -> Curves:
    """Return the table of alternatives, made once in a process."""
    reach = BELOW + REACH + MARGIN
    points = reach + ABOVE + REACH + MARGIN
    fine = 5  # points of a step before averaging over sizes: none of the oscillations is lost
    axis = np.arange(-40 * fine, points * fine + 40 * fine) * (STEP / fine) - reach * STEP
    wave = np.fft.rfftfreq(len(axis), STEP / fine) * 2 * np.pi
    kinds: list[tuple[str, int, int]] = []
    spread_out: list[np.ndarray] = []
    for feature in all_features().values():
        first_row = len(spread_out)
        for shape in getattr(feature.module, "SHAPES", ()):
            at = np.geomspace(0.3, 30.0, 2000)
            first = _first_minimum(at, feature.module.form_factor(at, **shape, polydispersity=0.0))
            one = feature.module.form_factor(np.exp(axis) * first, **shape, polydispersity=0.0)
            # × q³, so that the two ends, which the transform joins, are of one size.
            one = np.fft.rfft(one * np.exp(3 * axis))
            for spread in SPREADS:
                # The factor shifts the mean by -3 σ²: the phase shifts it back.
                kernel = np.exp(-0.5 * (wave * spread) ** 2 - 3j * wave * spread**2)
                mixed = np.fft.irfft(one * kernel, len(axis))
                spread_out.append(mixed * np.exp(-3 * axis))
        if len(spread_out) > first_row:
            kinds.append((feature.tags[0], first_row, len(spread_out)))
    table = np.array(spread_out)[:, 40 * fine : -40 * fine]
    axis = axis[40 * fine : -40 * fine]
    x = np.arange(0, np.exp(axis[-1]) + FINE, FINE)
    on_x = np.array([np.interp(x, np.exp(axis), row) for row in table])
    at = np.exp(axis[::fine])
    values = np.empty((len(BLURS), len(table), len(at)), np.float32)
    for level, blur in enumerate(BLURS):
        blurred = smear(on_x, blur / FINE) if blur else on_x
        values[level] = [np.interp(at, x, row) for row in blurred]
    return Curves(tuple(kinds), values)


def particle_difference(
    particle: Particle,
    profile: np.ndarray,
    sums: tuple[np.ndarray, np.ndarray],
    q: np.ndarray,
    blur: float,
) -> Difference:
    """Return how a form factor differs from all other kinds.

    Args:
        particle: its kind, and where its first minimum is.
        profile: its expected counts (radii,), over those that the sums are in.
        sums: information and flux (radii,) of all that is isotropic.
        q: of the radii in nm⁻¹.
        blur: standard deviation of q by the instrument in nm⁻¹.
    """
    known, (tag, minimum) = curves(), particle
    place = np.rint(np.log(q / minimum) / STEP).astype(np.int64) + BELOW
    inside = (place >= 0) & (place < BELOW + ABOVE) & (sums[0] > 0)
    if not inside.any():
        return NONE
    # Only where there is something to compare.
    begin, end = int(place[inside].min()), int(place[inside].max()) + 1
    points = end - begin
    weights, flux = (np.bincount(place[inside] - begin, one[inside], points) for one in sums)
    log_q = (np.arange(begin, end) - BELOW) * STEP
    truth = np.interp(minimum * np.exp(log_q), q, profile)
    table = known.blurred(blur / minimum)[:, begin : end + 2 * (REACH + MARGIN)]
    smooth = np.exp(np.multiply.outer(POWERS, log_q))
    root = np.sqrt(weights)
    basis = orthonormal(smooth * root)
    target = truth * root
    # No difference is larger than the residual of the background alone.
    if np.linalg.norm(target - (basis @ target) @ basis) < DETECTABLE:
        return NONE
    row, start = _best(table, truth, root, basis)
    tops = np.array(
        [first + row[first:last].argmax() for kind, first, last in known.kinds if kind != tag]
    )
    candidates = _near(table, tops, start[tops], points, len(SPREADS))
    flat = candidates.reshape(-1, 2, points)
    fits = explained(flat * root, basis, target).reshape(len(tops), -1)
    worst = ALL
    for fit, candidate in zip(fits, candidates, strict=True):
        columns = np.concatenate([smooth, candidate[fit.argmax()]])
        information, light = unexplained(weights, flux, truth, columns)
        contrast = information / light if light > 0 else 0.0
        worst = worst.least(Difference(float(np.sqrt(information)), contrast))
    return worst


@compiled
def _near(table, rows, starts, points, spreads):
    """Return curves about some of the table, each with its derivative but for a factor.

    For each of `rows` (k,), which begins at `starts` (k,): that curve and mixtures with its
    neighbours in spread, moved by a step either way: (k, 9, 2, points).
    """
    near = np.empty((len(rows), 9, 2, points))
    for k in range(len(rows)):
        lowest = rows[k] // spreads * spreads
        for m in range(3):
            other = min(max(rows[k] + m - 1, lowest), lowest + spreads - 1)
            for n in range(3):
                for i in range(points):
                    at = starts[k] + n - 1 + i
                    values = near[k, 3 * m + n]
                    values[0, i] = 0.6 * table[rows[k], at] + 0.4 * table[other, at]
                    after = 0.6 * table[rows[k], at + 1] + 0.4 * table[other, at + 1]
                    before = 0.6 * table[rows[k], at - 1] + 0.4 * table[other, at - 1]
                    values[1, i] = after - before
    return near


def _best(
    table: np.ndarray,
    truth: np.ndarray,
    root: np.ndarray,
    basis: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each curve (n,) explains at best, and where in the table it then begins (n,).

    Args:
        table: (n, points + 2 (REACH + MARGIN)) curves.
        truth: (points,) the form factor.
        root: (points,) of Σ g²/λ.
        basis: (k, points) of the background times `root`, which is fitted with each curve.
    """
    rest = truth * root
    rest = rest - (basis @ rest) @ basis
    kernels = np.concatenate([rest[None], basis]) * root
    count, points = kernels.shape
    shifts = 2 * TURNS + 1
    # Correlations with all curves at all shifts, as one product of matrices.
    moved = np.zeros((count + 1, shifts, table.shape[1]), np.float32)
    for n in range(shifts):
        moved[:count, n, MARGIN + STRIDE * n : MARGIN + STRIDE * n + points] = kernels
        moved[count, n, MARGIN + STRIDE * n : MARGIN + STRIDE * n + points] = root**2
    product = (table @ moved[:count].reshape(-1, table.shape[1]).T).reshape(-1, count, shifts)
    square = table**2 @ moved[count].T
    shared = product[:, 1:]
    norm = np.maximum(square - np.einsum("nks,nks->ns", shared, shared), 1e-6 * square + 1e-30)
    gain = np.maximum(product[:, 0], 0) ** 2 / norm
    best = gain.argmax(axis=1)
    return gain[np.arange(len(best)), best], MARGIN + STRIDE * best
