"""Places where the gradients of an image cross."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xscatter.core.compiled import compiled
from xscatter.frames.center.reduced import noise, smooth

_VOTERS = 2500
_REACH = 1.0  # how far outside the frame a centre is searched, in its longer side
_SCALES = (1.5, 4.0)  # pixels over which gradients are taken
_SIGNIFICANT = 4.0  # standard deviations


@dataclass(frozen=True)
class Gradients:
    """The significant gradients of an image.

    Attributes:
        points: (n, 2), row and column in pixels of the image.
        lines: (n, 2), unit vectors.
        weight: (n,), significance in standard deviations.
    """

    points: np.ndarray
    lines: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def aligned(self, place: np.ndarray) -> float:
        """Return the fraction of the gradients that point to `place` or away from it."""
        pointing, far = self._pointing(place)
        return float(pointing.sum() / far.sum()) if far.any() else 0.0

    def pointing(self, place: np.ndarray) -> np.ndarray:
        """Return which (n,) of the gradients point to `place` or away from it."""
        return self._pointing(place)[0]

    def _pointing(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        offset = self.points - place
        distance = np.hypot(*offset.T)
        across = np.abs(offset[:, 0] * self.lines[:, 1] - offset[:, 1] * self.lines[:, 0])
        # Very near the centre any direction points to it.
        far = distance > 3
        return far & (across < 0.2 * distance), far

    def voted(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """Return up to five places through which most gradients point, for an image of `shape`."""
        # Cells of two pixels: votes are uncertain by more than that.
        reach, cell = _REACH * max(shape), 2.0
        low = np.array([-reach, -reach])
        size = tuple(int((length + 2 * reach) / cell) + 1 for length in shape)
        points = (self.points - low) / cell
        votes = _votes(points, self.lines, self.weight, size, 2.2 * max(shape) / cell, cell)
        # Lines of one centre miss each other by a cell or so.
        votes = ndimage.gaussian_filter(votes, 1.5)
        places = []
        for _ in range(5):
            row, col = np.unravel_index(np.argmax(votes), size)
            if votes[row, col] <= 0:
                break
            places.append(np.array([row, col]) * cell + low + cell / 2)
            # The surroundings of a place are cleared, so that the next one is another candidate.
            near = max(4, int(0.06 * max(shape) / cell))
            votes[max(row - near, 0) : row + near + 1, max(col - near, 0) : col + near + 1] = 0
        return places

    def crossing(self, start: np.ndarray) -> np.ndarray:
        """Return the point nearest to all lines, found from `start`; far lines count little.

        Iterated least squares with Cauchy weights.
        """
        # Wide at first, to be drawn in from afar; narrower with each step, to ignore outliers.
        place, width = start, 6.0
        for _ in range(12):
            matrix, right = _pull(self.points, self.lines, self.weight, place[0], place[1], width)
            # A weak pull to where it began keeps parallel lines from throwing the point away.
            back = 1e-3 * np.trace(matrix) * np.eye(2)
            place = np.linalg.solve(matrix + back, right + back @ start)
            width = max(1.5, width * 0.7)
        return place


def significant_gradients(level: np.ndarray, live: np.ndarray) -> Gradients:
    """Return the gradients of `level` (rows, cols) that stand out of its noise.

    Gradients are taken on several scales, away from pixels that are not `live` (rows, cols).
    """
    deviation = noise(level, live)
    points, lines, weight = [], [], []
    for sigma in _SCALES:
        smoothed, share = smooth(level, live, sigma)
        slope = np.stack(np.gradient(smoothed))
        # Noise of a Gaussian derivative: 1 / (sqrt(8 π) sigma²) for independent pixels of noise 1.
        significance = np.hypot(*slope) / (deviation * 0.2 / sigma**2)
        # A gap makes a strong gradient of its own at its edge.
        edge = ndimage.binary_erosion(live, iterations=round(1.5 * sigma), border_value=0)
        chosen = edge & (share > 0.9) & (significance > _SIGNIFICANT)
        points.append(np.argwhere(chosen).astype(float))
        size = np.hypot(*slope)[chosen]
        lines.append((slope[:, chosen] / size).T)
        # Bounded, or a few very bright pixels would decide alone.
        weight.append(np.minimum(significance[chosen], 30.0))
    arrays = np.concatenate(points), np.concatenate(lines), np.concatenate(weight)
    if len(arrays[2]) > _VOTERS:
        # The same choice every time: evenly through the pixels in order of place.
        kept = np.linspace(0, len(arrays[2]) - 1, _VOTERS).astype(int)
        return Gradients(*(array[kept] for array in arrays))
    return Gradients(*arrays)


@compiled
def _votes(points, lines, weight, size, reach, cell):
    """Votes (size) of lines through `points` (n, 2), in cells.

    The error of a line grows with the distance, so its votes fall.
    """
    votes = np.zeros(size)
    steps = int(2 * reach)
    for n in range(len(points)):
        for k in range(steps):
            # Both ways along the line: a gradient points to the beam or away from it.
            along = k - reach
            row, col = points[n, 0] + lines[n, 0] * along, points[n, 1] + lines[n, 1] * along
            if row >= 0 and col >= 0 and row < size[0] and col < size[1]:
                votes[int(row), int(col)] += weight[n] / (10.0 + abs(along) * cell)
    return votes


@compiled
def _pull(points, lines, weight, row, col, width):
    """Normal equations (2, 2) and (2,) of the point nearest to all lines.

    Lines are weighted by their distance from (row, col).
    """
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
