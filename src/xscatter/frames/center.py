"""Where the beam meets the detector, from the image alone.

About the beam, scattering is (nearly) a function of the radius: the gradient of a ring, an arc or a
low-q cone points to the beam centre or away from it. So every significant gradient votes for the
points on its line (a Hough transform); the best places are refined by least squares on the lines,
then by the centre for which radial profiles explain most of the image. A second candidate is the
point about which the image is most like itself after half a turn. The more trustworthy one is
returned. Gaps are left out; the centre may lie outside of the frame. Nothing can be known from a
blank frame, or from spots alone that have no symmetry: the confidence says so.

The counts n are used as t = 2 sqrt(n + 3/8) (Anscombe 1948), whose photon noise is 1 everywhere, so
that the significance of a gradient is known.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, optimize

from xscatter.core.compiled import compiled

_VOTING = 128  # pixels on the longer side of the image that votes
_FITTING = 256  # and of the one on which the centre is fitted
_VOTERS = 2500
_REACH = 1.0  # how far outside of the frame a centre is looked for, in its longer side
_SCALES = (1.5, 4.0)  # pixels over which gradients are taken
_SIGNIFICANT = 4.0  # standard deviations

# Logistic regression of "within 1 % of the longer side" on what `_evidence` says, on simulated frames:
# samples, standards, spots alone, and blanks (`benchmarks/beam_center.py --fit`).
_WEIGHTS = (-15.9, 0.77, 4.57, 1.78, -0.90, 3.03)


@dataclass(frozen=True)
class Estimate:
    """An estimated beam centre: row and column in pixels, confidence 0 to 1, and the evidence it comes from."""

    center: tuple[float, float]
    confidence: float
    evidence: tuple[float, ...] = ()


def estimate(counts: np.ndarray, mask: np.ndarray | None = None) -> Estimate:
    """Beam centre of `counts` (rows, cols), `mask` True = not usable.

    Returns:
        The estimate; confidence 0 where there is nothing to go by, with the middle of the frame as centre.
    """
    mask = np.zeros(counts.shape, bool) if mask is None else mask
    middle = ((counts.shape[0] - 1) / 2, (counts.shape[1] - 1) / 2)
    level, live, step = _reduced(counts, mask, _VOTING)
    points, lines, weight = _gradients(level, live)
    if len(points) < 30:
        return Estimate(middle, 0.0)
    fine, fine_live, fine_step = _reduced(counts, mask, _FITTING)
    profile = _Profile(fine, fine_live)
    symmetry = _Symmetry(level, live)
    # Two ways to a centre: where the gradients cross, and about which half a turn changes least.
    starts = [
        _crossing(points, lines, weight, start)
        for start in _voted(points, lines, weight, level.shape)
    ]
    starts = [_between(start, step, fine_step) for start in starts]
    places = [profile.refined(max(starts, key=profile.explained))] if starts else []
    if symmetry.best is not None:
        places.append(_between(symmetry.best, step, fine_step))
    found = Estimate(middle, 0.0)
    for place in places:
        coarse = _between(place, fine_step, step)
        evidence = _evidence(
            points, lines, weight, coarse, profile.explained(place), symmetry.at(coarse)
        )
        logit = _WEIGHTS[0] + float(np.dot(_WEIGHTS[1:], evidence))
        confidence = float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))
        if confidence > found.confidence:
            row, col = _between(place, fine_step, 1.0)
            found = Estimate((float(row), float(col)), confidence, evidence)
    return found


def _between(place: np.ndarray, old: float, new: float) -> np.ndarray:
    """A place in pixels of `old` pixels of the frame, in pixels of `new`."""
    return (place + 0.5) * (old / new) - 0.5


def _reduced(
    counts: np.ndarray, mask: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """t of sums over square blocks, so that the longer side has about `side` pixels; live blocks; their size."""
    block = max(1, round(max(counts.shape) / side))
    rows, cols = (length // block for length in counts.shape)
    cut = (slice(rows * block), slice(cols * block))
    live = ~mask[cut]
    values = np.where(live, np.maximum(counts[cut], 0), 0).astype(np.float32)
    number = live.reshape(rows, block, cols, block).sum((1, 3))
    blocks = values.reshape(rows, block, cols, block)
    # One hot pixel must not stand for its block: the counts of a block end at some times its neighbourhood's.
    total = blocks.sum((1, 3)) * (block**2 / np.maximum(number, 1))
    level = 2 * np.sqrt(total + 0.375)
    usable = number >= 0.5 * block**2
    around = ndimage.median_filter(np.where(usable, level, 0), 3)
    level = np.where(level > 3 * around + 6, around, level)
    return level.astype(np.float32), usable, float(block)


def _smooth(level: np.ndarray, live: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian mean over live pixels, and how much of the Gaussian was live."""
    weight = ndimage.gaussian_filter(live.astype(np.float32), sigma, mode="constant")
    total = ndimage.gaussian_filter(np.where(live, level, 0), sigma, mode="constant")
    return total / np.maximum(weight, 1e-3), weight


def _noise(level: np.ndarray, live: np.ndarray) -> float:
    """Standard deviation of t from pixel to pixel: 1 for photon noise, more where counts have a gain."""
    step = np.diff(level, 2, axis=1)[live[:, 2:] & live[:, 1:-1] & live[:, :-2]]
    return float(max(np.median(np.abs(step)) / 0.6745 / np.sqrt(6), 0.1)) if step.size else 1.0


def _gradients(level: np.ndarray, live: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (n, 2), unit gradients (n, 2) and significances (n,) of the pixels that vote."""
    noise = _noise(level, live)
    points, lines, weight = [], [], []
    for sigma in _SCALES:
        smooth, share = _smooth(level, live, sigma)
        slope = np.stack(np.gradient(smooth))
        # Noise of a Gaussian derivative: 1 / (sqrt(8 π) sigma²) for unit noise of independent pixels.
        significance = np.hypot(*slope) / (noise * 0.2 / sigma**2)
        edge = ndimage.binary_erosion(live, iterations=round(1.5 * sigma), border_value=0)
        chosen = edge & (share > 0.9) & (significance > _SIGNIFICANT)
        points.append(np.argwhere(chosen).astype(float))
        size = np.hypot(*slope)[chosen]
        lines.append((slope[:, chosen] / size).T)
        weight.append(np.minimum(significance[chosen], 30.0))
    found = np.concatenate(points), np.concatenate(lines), np.concatenate(weight)
    if len(found[2]) > _VOTERS:
        # The same choice every time: evenly through the pixels in order of place.
        chosen = np.linspace(0, len(found[2]) - 1, _VOTERS).astype(int)
        found = tuple(part[chosen] for part in found)  # type: ignore[assignment]
    return found


def _voted(
    points: np.ndarray, lines: np.ndarray, weight: np.ndarray, shape: tuple[int, ...]
) -> list[np.ndarray]:
    """Up to five places through which most gradients point."""
    reach, cell = _REACH * max(shape), 2.0
    low = np.array([-reach, -reach])
    size = tuple(int((length + 2 * reach) / cell) + 1 for length in shape)
    votes = _votes((points - low) / cell, lines, weight, size, 2.2 * max(shape) / cell, cell)
    votes = ndimage.gaussian_filter(votes, 1.5)
    found = []
    for _ in range(5):
        row, col = np.unravel_index(np.argmax(votes), size)
        if votes[row, col] <= 0:
            break
        found.append(np.array([row, col]) * cell + low + cell / 2)
        radius = max(4, int(0.06 * max(shape) / cell))
        votes[max(row - radius, 0) : row + radius + 1, max(col - radius, 0) : col + radius + 1] = 0
    return found


@compiled
def _votes(points, lines, weight, size, reach, cell):
    """Votes (size) of lines through `points` (n, 2), in cells; errors grow with the distance, so votes fall."""
    votes = np.zeros(size)
    steps = int(2 * reach)
    for n in range(len(points)):
        for k in range(steps):
            along = k - reach
            row, col = points[n, 0] + lines[n, 0] * along, points[n, 1] + lines[n, 1] * along
            if row >= 0 and col >= 0 and row < size[0] and col < size[1]:
                votes[int(row), int(col)] += weight[n] / (10.0 + abs(along) * cell)
    return votes


def _crossing(
    points: np.ndarray, lines: np.ndarray, weight: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """The point nearest to all lines, far ones counting little: iterated least squares with Cauchy weights."""
    place, width = start, 6.0
    for _ in range(12):
        matrix, right = _pull(points, lines, weight, place[0], place[1], width)
        # A weak pull to where it began keeps parallel lines from throwing the point away.
        back = 1e-3 * np.trace(matrix) * np.eye(2)
        place = np.linalg.solve(matrix + back, right + back @ start)
        width = max(1.5, width * 0.7)
    return place


@compiled
def _pull(points, lines, weight, row, col, width):
    """Normal equations (2, 2) and (2,) of the point nearest to all lines, weighed by their distance from (row, col)."""
    matrix, right = np.zeros((2, 2)), np.zeros(2)
    for n in range(len(points)):
        y, x = points[n, 0] - row, points[n, 1] - col
        a, b = lines[n, 1], -lines[n, 0]  # across the line
        allowed = np.sqrt(1 + (y * y + x * x) / weight[n] ** 2)
        w = 1 / (allowed**2 * (1 + ((y * a + x * b) / (width * allowed)) ** 2))
        along = w * (points[n, 0] * a + points[n, 1] * b)
        matrix[0, 0] += w * a * a
        matrix[0, 1] += w * a * b
        matrix[1, 1] += w * b * b
        right[0] += along * a
        right[1] += along * b
    matrix[1, 0] = matrix[0, 1]
    return matrix, right


class _Profile:
    """How much of an image radial profiles about a centre explain."""

    def __init__(self, level: np.ndarray, live: np.ndarray):
        smooth, share = _smooth(level, live, 1.0)
        places = np.argwhere(live & (share > 0.5))
        if len(places) > 16000:
            places = places[np.linspace(0, len(places) - 1, 16000).astype(int)]
        self.places = places.astype(float)
        self.values = smooth[tuple(places.T)].astype(float)
        # Bright cores would decide alone: ranks are blind to the dynamic range.
        order = np.argsort(np.argsort(self.values, kind="stable"), kind="stable")
        self.values = 0.5 * order / max(len(order), 1) + 0.5 * _unit(
            np.log(np.maximum(self.values, 1e-3))
        )
        self.total = float(((self.values - self.values.mean()) ** 2).sum())

    def explained(self, center: np.ndarray) -> float:
        """Part of the variance that the best profile of the radius explains, corrected for its number of points."""
        if self.total <= 0:
            return 0.0
        rest, used = _unexplained(self.places, self.values, float(center[0]), float(center[1]))
        free = max(len(self.values) - used, 1)
        return 1 - rest / self.total * (len(self.values) - 1) / free

    def refined(self, start: np.ndarray) -> np.ndarray:
        """The centre near `start` that explains most."""
        simplex = start + np.array([[0, 0], [3.0, 0], [0, 3.0]])
        found = optimize.minimize(
            lambda place: -self.explained(place),
            start,
            method="Nelder-Mead",
            options={"initial_simplex": simplex, "xatol": 0.03, "fatol": 1e-6, "maxfev": 60},
        )
        return found.x


@compiled
def _unexplained(places, values, row, col):
    """What the profile of the radius about (row, col) leaves of `values`, squared; how many points it has."""
    count = len(values)
    radius = np.empty(count)
    least, most = np.inf, 0.0
    for n in range(count):
        radius[n] = np.sqrt((places[n, 0] - row) ** 2 + (places[n, 1] - col) ** 2)
        least, most = min(least, radius[n]), max(most, radius[n])
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


class _Symmetry:
    """Correlation of an image with itself turned by half a turn, about every point at once.

    Small-angle scattering is the same at q and -q (Friedel's law), spots, arcs and streaks
    included. Masked normalised correlation by FFT (Padfield 2012, 10.1109/TIP.2011.2181402): the
    image turned about c is its convolution with itself at 2c.
    """

    def __init__(self, level: np.ndarray, live: np.ndarray):
        smooth, _ = _smooth(level, live, 1.0)
        around, _ = _smooth(level, live, 10.0)
        detail = np.where(live, smooth - around, 0)
        scale = np.median(np.abs(detail[live])) if live.any() else 0.0
        detail = np.where(live, np.tanh(detail / max(4 * scale, 1e-6)), 0)
        size = tuple(int(fft.next_fast_len(2 * length - 1)) for length in level.shape)
        image, square, weight = (
            fft.rfft2(x, size) for x in (detail, detail**2, live.astype(np.float64))
        )

        def together(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            found = fft.irfft2(a * b, size)
            return found[: 2 * level.shape[0] - 1, : 2 * level.shape[1] - 1]

        number = np.maximum(together(weight, weight), 1e-3)
        mean = together(image, weight) / number
        variance = together(square, weight) / number - mean**2
        likeness = (together(image, image) / number - mean**2) / np.maximum(variance, 1e-6)
        enough = number > 0.2 * live.sum()
        self.score = np.where(
            enough & (variance > 1e-4), likeness * np.sqrt(number / max(live.sum(), 1)), 0
        )
        self.best: np.ndarray | None = None
        if self.score.max() > 0.05:
            self.best = _peak(self.score) / 2

    def at(self, place: np.ndarray) -> float:
        """The correlation near `place`, weighted by the root of the part of the image that takes part in it."""
        row, col = np.rint(2 * place).astype(int)
        near = self.score[max(row - 2, 0) : max(row + 3, 0), max(col - 2, 0) : max(col + 3, 0)]
        return float(near.max()) if near.size else 0.0


def _peak(score: np.ndarray) -> np.ndarray:
    """Row and column of the maximum, by a parabola through its neighbours."""
    place = np.array(np.unravel_index(np.argmax(score), score.shape))
    found = place.astype(float)
    for axis in (0, 1):
        if 0 < place[axis] < score.shape[axis] - 1:
            step = np.eye(2, dtype=int)[axis]
            low, here, high = (
                score[tuple(place - step)],
                score[tuple(place)],
                score[tuple(place + step)],
            )
            curvature = low - 2 * here + high
            found[axis] += (
                np.clip(0.5 * (low - high) / curvature, -0.5, 0.5) if curvature < 0 else 0.0
            )
    return found


def _unit(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, (1, 99))
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1)


def _evidence(
    points: np.ndarray,
    lines: np.ndarray,
    weight: np.ndarray,
    place: np.ndarray,
    explained: float,
    likeness: float,
) -> tuple[float, ...]:
    """What the confidence rests on.

    Log of the variance that radial profiles explain, which is little where there are spots alone; part
    of the gradients that point to the centre beyond chance; log of the number of voters; log of the
    uncertainty of the crossing; likeness after half a turn.
    """
    offset = points - place
    distance = np.hypot(*offset.T)
    across = np.abs(offset[:, 0] * lines[:, 1] - offset[:, 1] * lines[:, 0])
    far = distance > 3
    voters, radial = float(np.log(len(points))), float(np.log(max(explained, 0) + 0.02))
    if far.sum() < 10:
        return (radial, 0.0, voters, 5.0, likeness)
    aligned = float(np.mean(across[far] / distance[far] < 0.2))  # 0.128 by chance
    allowed = np.hypot(1.0, distance / weight) * (1 + across / 2)
    normal = np.stack([lines[:, 1], -lines[:, 0]], 1) / allowed[:, None]
    spread = np.linalg.eigvalsh(normal.T @ normal)[0]
    return (radial, aligned, voters, float(0.5 * np.log(10 / max(spread, 1e-6))), likeness)
