"""The rule that a process is over.

A process is over when (1) it was detected, (2) the change that is still to come is below 5 % of the
change so far, with a probability of 95 %, and (3) the last frames had the power to see such a
change. Without the third clause a dim stream would always be over. Clause 2 is the prediction by
laws that end and laws that do not, weighed by their evidence.
"""

from typing import Any, NamedTuple

import numpy as np

from xscatter.advice.course import ChangeRecord
from xscatter.core.errors import UserError
from xscatter.sequences.polar import Sums
from xscatter.sequences.trends.trend import fit_trend

LITTLE = 0.05  # of the change so far: less than this may still come
CERTAIN = 0.95  # probability that less is to come: the upper bound of the 90 % interval
# A change of LITTLE in standard deviations, that is seen with a probability of 90 % by a test with
# 5 % of false alarms: 1.645 + 1.282.
POWER = 2.93
LAWS = ("linear", "exponential", "power", "avrami", "logistic")
_FEWEST = 6  # last frames that are looked at
_SHARE = 0.2  # of the frames since the process began, which are looked at
_MOVING = 0.1  # part of the change so far, within the last frames, above which no law is fitted


class Judgement(NamedTuple):
    """The answer of the rule at one frame.

    Attributes:
        finished: whether the process is over; False: too few photons to tell.
        probability: that less than 5 % of the change is to come.
        factor: more photons, or frames, needed to tell; 1 when it is over.
        why: in words.
    """

    finished: bool
    probability: float
    factor: float
    why: str


class FinishRule:
    """The rule for one sequence, frame by frame.

    Attributes:
        begin: first frame at which the process may have begun; None: no process goes on.
    """

    def __init__(self) -> None:
        self.begin: int | None = None
        self._record = ChangeRecord()
        self._next = 0  # frame before which it is no use to look

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return {"begin": self.begin, "record": self._record.state(), "next": self._next}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FinishRule":
        """Return the rule with this :meth:`state`."""
        rule = cls()
        rule.begin, rule._next = state["begin"], state["next"]
        rule._record = ChangeRecord.from_state(state["record"])
        return rule

    def onset(self, begin: int, detected: int) -> None:
        """Take the onset of a process; one that goes on already keeps its beginning.

        Args:
            begin: first frame at which it may have begun.
            detected: number of the frame that showed it.
        """
        if self.begin is None:
            self.begin = begin
        self._next = detected + _FEWEST // 2

    def reset(self) -> None:
        """The process is over: wait for the next one."""
        self.begin = None
        self._record.forget()

    def take(self, number: int, sums: Sums, noise_factor: float, settled: bool) -> Judgement | None:
        """Take a frame; return the judgement, None while the process goes on.

        Args:
            number: of the frame.
            sums: of the frame.
            noise_factor: variance of a quiet frame over that of photons alone.
            settled: the scan has seen no change for some frames.
        """
        self._record.add(number, sums, self.begin is None)
        if self.begin is None or number < self._next:
            return None
        elapsed = number - self.begin + 1
        window = max(_FEWEST, round(_SHARE * elapsed))
        since = number - window + 1
        if since < self.begin:
            return None
        factor = noise_factor if sums.poisson else 0.0
        course = self._record.course(self.begin, since, factor)
        if course is None:
            return None
        late = course.frame >= since + window / 2
        early = (course.frame >= since) & ~late
        if late.sum() < 2 or early.sum() < 2:
            return None
        (one, one_sd), (two, two_sd) = (_mean(course.place[h], course.sd[h]) for h in (early, late))
        error = float(np.hypot(one_sd, two_sd))
        if abs(two - one) > _MOVING + 2 * error:
            return None
        if self._record.moves(self.begin, since, factor, LITTLE):
            return None
        sd = error / 2  # of the mean of both halves
        if sd * POWER > LITTLE:
            if not settled or abs(two - one) > 2 * error:
                return None
            more = float((sd * POWER / LITTLE) ** 2)
            why = (
                f"the change seems to be over, but {LITTLE:.0%} of it would not be seen in the "
                f"last {window} frames; that takes {more:.2g} times the photons"
            )
            return Judgement(False, 0.0, more, why)
        self._next = number + max(1, window // 4)
        probability = self._over(course, number, elapsed)
        if probability < CERTAIN:
            return None
        why = (
            f"less than {LITTLE:.0%} of the change since frame {self.begin} is still to come; "
            f"the last {window} frames would show it"
        )
        return Judgement(True, probability, 1.0, why)

    def _over(self, course, number: int, elapsed: int) -> float:
        """Return the probability that little is to come, as long as the process took so far."""
        try:
            trend = fit_trend(course.frame, course.place, course.sd, law=LAWS)
        except UserError:
            return 0.0
        curves, _ = trend.draw(np.array([number, number + elapsed], float), "law")
        # The change so far is 1 by the scale of the course.
        return float(np.mean(np.abs(curves[:, 1] - curves[:, 0]) < LITTLE))


def _mean(values: np.ndarray, sd: np.ndarray) -> tuple[float, float]:
    """Return the weighted mean, and its standard deviation."""
    weight = 1 / sd**2
    return float(weight @ values / weight.sum()), float(weight.sum() ** -0.5)
