"""The homogeneity scan: find changes of the pattern in a stream of sums, without a network.

The last 1, 2, 4, 8 and 16 frames are compared with a reference of earlier quiet frames, by rings
(the radial profile) and by angular orders. The mean square T of the residuals is 1 for photons of a
constant pattern, at any flux. Real streams have more, so T is divided by its own mean over the
quiet frames of the stream, at each number of frames, and judged by the F distribution. All that is
kept is some sums: the memory does not grow with the stream.
"""

from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np

from xscatter.sequences.noise import SCALES, QuietNoise
from xscatter.sequences.nuisances import QuietMoves, compared, steadied
from xscatter.sequences.polar import Sums
from xscatter.sequences.residuals import CHANNELS, RADIAL, mean_square, sizes

FALSE_ALARMS = 1e-4  # a frame, in a stream without changes
TESTS = len(SCALES) * len(CHANNELS)
_LAG = SCALES[-1]  # frames wait so long, at most, before they join the reference
_LEAST_QUIET = 2  # residuals of quiet frames before anything is tested
_WARM = 5  # frames that are looked at together before the first is trusted
_LONE = 3.0  # ratio of mean squares by which a burst exceeds quiet frames in the beginning
_SAME = 0.5  # cosine between residuals of frames that changed in the same way
_INTERVAL = 6.0  # fall of the chi-square, in units of its factor, at the ends of the interval


@dataclass(frozen=True)
class Change:
    """A change of the pattern that the scan has found.

    Attributes:
        begin: number of the first changed frame.
        low: first frame at which the change may have begun.
        high: last frame at which the change may have begun.
        detected: number of the frame that raised the alarm.
        probability: of such an alarm in a stream without changes, for this test alone.
        scale: number of frames that were tested together.
        channel: one of `CHANNELS`.
        before: sums before the change.
        after: sums since the change.
        factors: by channel: mean square of the residuals of quiet frames.
    """

    begin: int
    low: int
    high: int
    detected: int
    probability: float
    scale: int
    channel: str
    before: Sums
    after: Sums
    factors: dict[str, float]


@dataclass(frozen=True)
class Verdict:
    """The answer of the scan to one frame.

    Attributes:
        probability: the least of all tests, in a stream without changes.
        bursts: numbers of earlier frames that differed alone, and were left out.
        change: that this frame has completed, or None.
    """

    probability: float = 1.0
    bursts: tuple[int, ...] = ()
    change: Change | None = None


@dataclass
class _Kept:
    """A frame that is not yet part of the reference."""

    number: int
    sums: Sums
    residuals: dict[str, np.ndarray] = field(default_factory=dict)
    squares: dict[tuple[str, int], float] = field(default_factory=dict)
    moves: np.ndarray = field(default_factory=lambda: np.zeros(2))
    steady: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return {
            "number": self.number,
            "sums": self.sums.state(),
            "residuals": self.residuals,
            "squares": [[*key, value] for key, value in self.squares.items()],
            "moves": self.moves,
            "steady": self.steady,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "_Kept":
        squares = {(name, scale): value for name, scale, value in state["squares"]}
        sums = Sums(**state["sums"])
        moves, steady = state["moves"], state["steady"]
        return cls(state["number"], sums, state["residuals"], squares, moves, steady)


class Scan:
    """The homogeneity scan of one stream.

    Args:
        false_alarms: wanted rate of false alarms a frame.
        weights: (rings,) pixels or points in each; None: as many in each.

    Attributes:
        limit: probability below which a single test raises an alarm.
        chances: least probability at each scale, of the last frame.
        moves: of the beam, in quiet frames.
    """

    def __init__(self, false_alarms: float = FALSE_ALARMS, weights: np.ndarray | None = None):
        self._weights = weights
        self.limit = false_alarms / TESTS
        self.chances: dict[int, float] = {}
        self._noise: dict[str, QuietNoise] = {}
        self.moves = QuietMoves()
        self._reference: Sums | None = None
        self._age = 0  # frames since the reference began
        self._waiting: list[_Kept] = []
        self._suspect: _Kept | None = None
        self._first: list[_Kept] = []

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on, as plain values and arrays."""
        return {
            "noise": {name: noise.state() for name, noise in self._noise.items()},
            "moves": self.moves.state(),
            "reference": None if self._reference is None else self._reference.state(),
            "age": self._age,
            "waiting": [frame.state() for frame in self._waiting],
            "suspect": None if self._suspect is None else self._suspect.state(),
            "first": [frame.state() for frame in self._first],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], weights: np.ndarray | None = None) -> "Scan":
        """Return the scan with this :meth:`state`."""
        scan = cls(weights=weights)
        scan._noise = {name: QuietNoise.from_state(one) for name, one in state["noise"].items()}
        scan.moves = QuietMoves(**state["moves"])
        if state["reference"] is not None:
            scan._reference = Sums(**state["reference"])
        scan._age = state["age"]
        scan._waiting = [_Kept.from_state(one) for one in state["waiting"]]
        scan._suspect = None if state["suspect"] is None else _Kept.from_state(state["suspect"])
        scan._first = [_Kept.from_state(one) for one in state["first"]]
        return scan

    @property
    def noise_factor(self) -> float:
        """Variance of the rings of a quiet frame over that of photons, as learnt so far."""
        noise = self._noise.get(RADIAL)
        return 1.0 if noise is None or noise.number < _LEAST_QUIET else noise.factor()

    def push(self, number: int, sums: Sums) -> Verdict:
        """Test the next frame.

        Args:
            number: of the frame, growing.
            sums: of the frame.
        """
        frame = _Kept(number, sums)
        self.chances = dict.fromkeys(SCALES, 1.0)
        if self._reference is None:
            self._first.append(frame)
            return self._start() if len(self._first) == _WARM else Verdict()
        return self._test(frame)

    def _start(self) -> Verdict:
        """Choose the reference among the first frames: not one that differs from all others."""
        first, self._first = self._first, []
        floor = 1.0 if first[0].sums.poisson else 0.0
        self._noise = {
            name: QuietNoise(size, floor)
            for name, size in sizes(first[0].sums.counts.shape).items()
        }
        lone = _lone(first)
        kept = [frame for frame in first if frame.number != lone]
        self._begin(kept[:1])
        verdicts = [self._test(frame) for frame in kept[1:]]
        bursts = tuple(number for verdict in verdicts for number in verdict.bursts)
        return replace(verdicts[-1], bursts=(() if lone is None else (lone,)) + bursts)

    def _test(self, frame: _Kept) -> Verdict:
        self._measure(frame, [frame], 1)
        probability, channel = self._least(frame, 1)
        bursts: tuple[int, ...] = ()
        suspect, self._suspect = self._suspect, None
        if probability < self.limit:
            if suspect is not None and _alike(suspect, frame, channel):
                return Verdict(
                    probability, (), self._change([suspect, frame], probability, 1, channel)
                )
            # One frame alone may be a burst: the next one decides.
            self._suspect = frame
            return Verdict(probability, () if suspect is None else (suspect.number,))
        if suspect is not None:
            bursts = (suspect.number,)
        self._waiting.append(frame)
        for scale in SCALES[1:]:
            if scale > len(self._waiting):
                break
            self._measure(frame, self._waiting[-scale:], scale)
            chance, where = self._least(frame, scale)
            if chance < probability:
                probability, channel = chance, where
            if chance < self.limit:
                lone = self._burst(scale, where)
                if lone is None:
                    return Verdict(chance, bursts, self._change([], chance, scale, where))
                self._waiting.remove(lone)
                return Verdict(probability, (*bursts, lone.number))
        self._age += 1
        self._learn()
        return Verdict(probability, bursts)

    def _measure(self, frame: _Kept, tested: list[_Kept], scale: int) -> None:
        """Compare the sum of `tested` with the reference; the result is kept with `frame`."""
        assert self._reference is not None
        if scale == 1:
            steady = steadied(frame.sums, self._reference, self.moves.allowed)
            frame.steady, frame.moves = steady.counts, steady.squares
        # The fit is linear, so sums of frames need none of their own.
        counts = np.sum([one.steady for one in tested], axis=0)
        usable = np.logical_and.reduce([one.sums.usable for one in tested])
        window = Sums(counts, usable, all(one.sums.poisson for one in tested))
        values = compared(window, self._reference, self._weights, counts)
        for name, some in values.items():
            frame.squares[name, scale] = mean_square(some)
        if scale == 1:
            frame.residuals = values

    def _least(self, frame: _Kept, scale: int) -> tuple[float, str]:
        """The least probability at a scale, and its channel."""
        chances = [
            (noise.chance(frame.squares[name, scale], scale), name)
            for name, noise in self._noise.items()
            if noise.number >= _LEAST_QUIET
        ]
        least = min(chances, default=(1.0, RADIAL))
        self.chances[scale] = least[0]
        return least

    def _burst(self, scale: int, channel: str) -> _Kept | None:
        """Return the one of the last `scale` frames without which they are quiet, or None."""
        tested = self._waiting[-scale:]
        worst = max(tested, key=lambda frame: frame.squares[channel, 1])
        if worst is tested[-1] and scale == 2:
            return None  # of two frames the later one may have just changed
        rest = _Kept(worst.number, worst.sums)
        self._measure(rest, [frame for frame in tested if frame is not worst], scale)
        quiet = self._noise[channel].chance(rest.squares[channel, scale], scale)
        return worst if quiet > 1e3 * self.limit else None

    def _learn(self) -> None:
        """Move the oldest waiting frames into the reference, and learn the noise from them."""
        # A slow change must be seen before it becomes part of the reference; in the first frames
        # there is little to wait for.
        while len(self._waiting) > np.clip(self._age // 2, 1, _LAG):
            frame = self._waiting.pop(0)
            for name, noise in self._noise.items():
                noise.add(frame.residuals[name])
            for (name, scale), square in frame.squares.items():
                if scale > 1:
                    self._noise[name].add_window(scale, square)
            self.moves.add(frame.moves)
            assert self._reference is not None
            self._reference = self._reference.plus(frame.sums)

    def _begin(self, frames: list[_Kept]) -> None:
        """Begin a new reference with `frames`."""
        self._reference = _sum(frames)
        self._age, self._waiting, self._suspect = len(frames), [], None

    def _change(self, more: list[_Kept], probability: float, scale: int, channel: str) -> Change:
        """Return the change that the last frame completes, and begin a new reference after it."""
        frames = self._waiting + more
        assert self._reference is not None
        sums = [self._reference, *(one.sums for one in frames)]
        # Sums of the first 1, 2, … and of the last 1, 2, …: the border is the best of all.
        earlier = list(accumulate(sums[:-1], Sums.plus))
        later = list(accumulate(sums[:0:-1], Sums.plus))[::-1]
        factors = {name: noise.factor() for name, noise in self._noise.items()}
        gains = []
        for before, after in zip(earlier, later, strict=True):
            steady = steadied(after, before, self.moves.allowed)
            values = compared(after, before, self._weights, steady.counts)
            gains.append(sum(float((values[n] ** 2).sum()) / factors[n] for n in values))
        best = int(np.argmax(gains))
        near = np.flatnonzero(np.array(gains) >= gains[best] - _INTERVAL)
        change = Change(
            frames[best].number,
            frames[near[0]].number,
            frames[near[-1]].number,
            frames[-1].number,
            probability,
            scale,
            channel,
            earlier[best],
            later[best],
            factors,
        )
        # The last frames since the change: a change that continues has left the first ones behind.
        since = frames[best:]
        self._begin(since[len(since) // 2 :])
        return change


def _sum(frames: list[_Kept]) -> Sums:
    return reduce(Sums.plus, (frame.sums for frame in frames))


def _lone(frames: list[_Kept]) -> int | None:
    """Return the number of the one frame that differs from all others, or None."""
    distance = np.zeros((len(frames), len(frames)))
    for i, one in enumerate(frames):
        for j, other in enumerate(frames[:i]):
            values = compared(one.sums, other.sums)
            distance[i, j] = distance[j, i] = mean_square(values[RADIAL])
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1)
    worst = int(np.argmax(nearest))
    typical = float(np.median(np.delete(nearest, worst)))
    # The last frame may be the first of a change.
    if worst == len(frames) - 1 or nearest[worst] < _LONE * max(typical, frames[0].sums.poisson):
        return None
    return frames[worst].number


def _alike(one: _Kept, other: _Kept, channel: str) -> bool:
    """Whether two frames differ from the reference in the same way."""
    a, b = (frame.residuals[channel] for frame in (one, other))
    if len(a) == 1:  # one number alone has the same sign in half of all cases
        a, b = (
            np.append(frame.residuals[RADIAL], frame.residuals[channel]) for frame in (one, other)
        )
    return float(a @ b) > _SAME * float(np.sqrt((a @ a) * (b @ b)))
