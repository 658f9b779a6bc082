"""The noise of a stream, learnt from its own quiet frames."""

from typing import Any

import numpy as np
from scipy.special import fdtrc

SCALES = (1, 2, 4, 8, 16)  # frames that are tested together
# Square of a change in units of the scatter beyond photon noise. Of simulated streams that wander
# (Ornstein-Uhlenbeck, 3 to 10 components, over 5 frames) one reaches it in 1000 frames, and 2 % of
# finished records of 60 frames have such a change.
WANDERS = 12.0
_FEW = 8  # quiet frames that do not yet show how a stream wanders
_FORGET = 400  # quiet frames whose noise is remembered
_PRIOR = 2.0  # windows that speak for the noise of single frames at scales not seen yet


class QuietNoise:
    """The noise of the quiet frames of a stream, in one channel.

    Attributes:
        number: of residuals of single frames.
        outer: (n, n) sum of the products of residuals.
        fourth: sum of the squared squares.
        windows: by scale: number of independent windows, and sum of their mean squares.
    """

    def __init__(self, size: int, floor: float):
        self.number, self.fourth = 0.0, 0.0
        self.outer = np.zeros((size, size))
        self.windows = {scale: [0.0, 0.0] for scale in SCALES}
        self._floor = floor
        # Of what was learnt so far, until more is.
        self._known: tuple[int, float, float] | None = None
        self._beyond: float | None = None

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on, as plain values and arrays."""
        return {
            "number": self.number,
            "fourth": self.fourth,
            "outer": self.outer,
            "windows": list(self.windows.values()),
            "floor": self._floor,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "QuietNoise":
        """Return the noise with this :meth:`state`."""
        noise = cls(len(state["outer"]), state["floor"])
        noise.number, noise.fourth, noise.outer = state["number"], state["fourth"], state["outer"]
        noise.windows = dict(zip(SCALES, map(list, state["windows"]), strict=True))
        return noise

    def add(self, residuals: np.ndarray) -> None:
        """Learn from a quiet frame."""
        self._known = self._beyond = None
        if self.number >= _FORGET:
            # A stream may change its noise in a day.
            self.number, self.fourth, self.outer = (
                0.5 * self.number, 0.25 * self.fourth, 0.5 * self.outer,
            )  # fmt: skip
        self.number += 1
        self.outer += np.outer(residuals, residuals)
        self.fourth += float(residuals @ residuals) ** 2

    def add_window(self, scale: int, square: float) -> None:
        """Learn from the mean square of a quiet window; windows overlap, so each counts less."""
        kept = self.windows[scale]
        if kept[0] >= _FORGET / scale:
            kept[:] = [0.5 * value for value in kept]
        kept[0] += 1 / scale
        kept[1] += square / scale

    def factor(self, scale: int = 1) -> float:
        """Return the mean square of quiet residuals at `scale`."""
        size, trace, _ = self._learnt()
        single = max(trace / max(self.number, 1) / size, self._floor)
        if scale == 1:
            return single
        number, total = self.windows[scale]
        return max((_PRIOR * single + total) / (_PRIOR + number), self._floor)

    def beyond(self) -> float:
        """Return the mean square of quiet residuals beyond photon noise, if there is any.

        A stream that scatters more than photons do wanders; in the first frames it may.
        """
        if self.number < _FEW:
            return 3 * np.sqrt(2 / (_FEW * max(self.number, 1)))
        beyond = self.factor() - 1
        error = np.sqrt(2 / (self.number * self.freedom()[0]))
        return beyond if beyond > 3 * error else 0.0

    def freedom(self, scale: int = 1) -> tuple[float, float]:
        """Return the degrees of freedom of a test at `scale` and of the factor it is divided by.

        Correlated residuals count as fewer (Satterthwaite 1946): (tr S)²/tr S² of their covariance
        S, where tr S² comes from products of different frames, which is free of their noise.
        """
        number = self.number
        size, trace, squared = self._learnt()
        trace /= max(number, 1)
        pairs = number * (number - 1)
        if pairs < 6 or trace <= 0:
            free = float(size if self._floor else max(size / 8, 1))
        else:
            free = trace**2 / max((squared - self.fourth) / pairs, trace**2 / size)
        free = min(max(free, 1.0), size)  # a clip of NumPy is slow on single numbers
        windows = number if scale == 1 else _PRIOR + self.windows[scale][0]
        # That photons are the least noise is known before any frame.
        return free, max(windows, 1) * free + (_FEW if self._floor else 0)

    def chance(self, square: float, scale: int) -> float:
        """Return the probability of a mean square as large as `square` in a quiet stream.

        It is 1 for a change that is not larger than what the stream does all the time.
        """
        if self._beyond is None:
            self._beyond = self.beyond()
        if self._floor and (square - 1) / scale < WANDERS * self._beyond:
            return 1.0
        free, known = self.freedom(scale)
        ratio = square / max(self.factor(scale), 1e-300)
        return float(fdtrc(free, known, ratio))

    def _learnt(self) -> tuple[int, float, float]:
        """Return the number of residuals, and the traces of their products and its square."""
        if self._known is None:
            diagonal = np.diag(self.outer)
            # Rings without pixels have no residual.
            size = max(int(np.count_nonzero(diagonal)), 1)
            self._known = size, float(diagonal.sum()), float((self.outer**2).sum())
        return self._known
