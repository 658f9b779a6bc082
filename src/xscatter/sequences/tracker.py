"""One sequence: its frames one by one, the events that they cause, and its processes at the end."""

from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from xscatter.sequences.events import BEAM_LOST, UNKNOWN, Answer, Event, ProcessSpan
from xscatter.sequences.evidence import Axis, Evidence, compare
from xscatter.sequences.history import Block, BlockRecord
from xscatter.sequences.polar import Sums
from xscatter.sequences.record import processes_of
from xscatter.sequences.residuals import CHANNELS
from xscatter.sequences.scan import TESTS, Change, Scan

SETTLED = 8  # frames without an alarm after which a process has ended
_NO_BEAM = 0.05  # part of the median total below which there is no beam
_RECENT = 64  # totals of which the median is taken
_NAMED = 0.5  # probability of a process from which it is named
_LOST = 2  # frames without beam before it is reported


@dataclass(frozen=True)
class Step:
    """A frame as a tracker takes it.

    Attributes:
        file: name of its file.
        sums: of the frame; None: it could not be read.
        time: in seconds, or None.
        answer: of a temporal network, or None.
    """

    file: str
    sums: Sums | None
    time: float | None = None
    answer: Answer | None = None


class Tracker:
    """The scan of one sequence, and what follows from it.

    Args:
        axis: along the rings of the sums.
        at_rest: nobody changes the sample on purpose, so that a change may be damage.
        record: keep a bounded record, from which :meth:`finish` finds processes again.

    Attributes:
        number: of frames so far.
        z: significance of a change at the last frame, in standard deviations.
        bursts: numbers of frames that differed alone, while there is a record.
        dark: numbers of frames without beam, while there is a record.
    """

    def __init__(self, axis: Axis, at_rest: bool = False, record: bool = True):
        self.axis, self.at_rest = axis, at_rest
        self.number, self.z = 0, 0.0
        self.bursts: list[int] = []
        self.dark: list[int] = []
        self._record = record
        self._scan = Scan(weights=axis.weights)
        self._history = BlockRecord()
        self._spans: list[ProcessSpan] = []
        self._changing: ProcessSpan | None = None
        self._totals: deque[float] = deque(maxlen=_RECENT)
        self._alarmed = 0  # number of the frame of the last alarm
        self._without_beam = 0
        self._lost: ProcessSpan | None = None

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on without a record, as plain values and arrays."""
        changing, lost = (None if s is None else asdict(s) for s in (self._changing, self._lost))
        return {
            "at_rest": self.at_rest,
            "number": self.number,
            "scan": self._scan.state(),
            "changing": changing,
            "alarmed": self._alarmed,
            "totals": list(self._totals),
            "without_beam": self._without_beam,
            "lost": lost,
        }

    @classmethod
    def from_state(cls, axis: Axis, state: dict[str, Any]) -> "Tracker":
        """Return the tracker with this :meth:`state`; it keeps no record."""
        tracker = cls(axis, state["at_rest"], record=False)
        tracker.number, tracker._alarmed = state["number"], state["alarmed"]
        tracker._scan = Scan.from_state(state["scan"], axis.weights)
        tracker._changing, tracker._lost = (
            None if s is None else ProcessSpan(**s) for s in (state["changing"], state["lost"])
        )
        tracker._totals.extend(state["totals"])
        tracker._without_beam = state["without_beam"]
        return tracker

    def push(self, step: Step) -> list[Event]:
        """Take the next frame, and return what it shows."""
        number, self.number, self.z = self.number, self.number + 1, 0.0
        events: list[Event] = []
        if step.sums is None:
            return self._settle(number, step)
        if self._is_dark(step.sums.total):
            return self._darkness(number, step)
        if self._without_beam:
            events += self._light(number, step)
        verdict = self._scan.push(number, step.sums)
        self.z = float(-ndtri(np.clip(verdict.probability * TESTS, 1e-300, 0.5)))
        if self._record:
            self._history.add(number, step.sums)
            for burst in verdict.bursts:
                self.bursts.append(burst)
                self._history.drop(burst)
        if verdict.change is not None:
            events += self._alarm(verdict.change, step, step.sums.poisson)
        return events + self._settle(number, step)

    @property
    def blocks(self) -> list[Block]:
        """The record: sums of one or more frames that follow one another."""
        return self._history.blocks

    @property
    def beam(self) -> bool:
        """Whether the last frame had beam."""
        return self._without_beam == 0

    @property
    def noise_factor(self) -> float:
        """Variance of a quiet frame over that of photons alone, as learnt so far."""
        return self._scan.noise_factor

    @property
    def scales(self) -> list[float]:
        """Significance of a change at the last frame, at each scale of the scan."""
        return [
            float(-ndtri(np.clip(chance * len(CHANNELS), 1e-300, 0.5)))
            for chance in self._scan.chances.values()
        ]

    def finish(self) -> list[ProcessSpan]:
        """Return the processes of the sequence, as the finished record shows them."""
        online = [*self._spans, *([self._changing] if self._changing else [])]
        lost = [self._lost] if self._lost else []
        if not self._record:
            return sorted([*online, *lost], key=lambda span: span.begin)
        return processes_of(self._history, [*online, *lost], self.axis, self.number)

    def _is_dark(self, total: float) -> bool:
        median = float(np.median(self._totals)) if self._totals else 0.0
        if total <= max(_NO_BEAM * median, 0.0):
            return True
        self._totals.append(total)
        return False

    def _darkness(self, number: int, step: Step) -> list[Event]:
        """Leave out a frame without beam; report it when it is not the only one."""
        self._without_beam += 1
        if self._record:
            self.dark.append(number)
        if self._without_beam != _LOST or not self._totals:
            return []
        why = f"total below {_NO_BEAM:.0%} of the median since frame {number - _LOST + 1}"
        begin = number - _LOST + 1
        self._lost = ProcessSpan(
            BEAM_LOST, "instrument", 1.0, begin, begin, begin, number + 1, True, number, why
        )
        return [self._event("onset", self._lost, number, step, "pause")]

    def _light(self, number: int, step: Step) -> list[Event]:
        self._without_beam = 0
        if self._lost is None:
            return []
        lost, self._lost = replace(self._lost, end=number, open=False), None
        self._keep(lost)
        return [self._event("end", lost, number, step, None)]

    def _alarm(self, change: Change, step: Step, poisson: bool) -> list[Event]:
        probability = max(1 - change.probability * TESTS, 0.0)
        before = self._changing
        if before is not None and change.low - before.end <= SETTLED:
            self._changing = replace(
                before.extended(change.begin, probability), detected=before.detected
            )
            self._alarmed = change.detected
            return []
        events = [] if before is None else self._ended(before, change.detected, step)
        evidence = compare(change.before, change.after, change.usable, self.axis, poisson)
        # The scan says when something changes, a network what it is.
        named = step.answer is not None and step.answer.probability >= _NAMED
        self._changing = ProcessSpan(
            step.answer.process if named and step.answer else UNKNOWN,
            evidence.family,
            probability,
            change.begin,
            change.low,
            change.high,
            change.begin,
            True,
            change.detected,
            self._words(evidence, change),
            step.answer.model if named and step.answer else None,
        )
        self._alarmed = change.detected
        advice = "move" if self.at_rest and evidence.family != "instrument" else "look"
        return [*events, self._event("onset", self._changing, change.detected, step, advice)]

    def _words(self, evidence: Evidence, change: Change) -> str:
        z = -ndtri(max(change.probability, 1e-300))
        words = f"{evidence.text} (z {z:.1f}, {change.channel}, {change.scale} frames)"
        if self.at_rest and evidence.family != "instrument":
            words += "; the sample is at rest: beam damage, or a process of its own"
        return words

    def _settle(self, number: int, step: Step) -> list[Event]:
        """End a process after some frames without an alarm."""
        if self._changing is None or number - self._alarmed < SETTLED:
            return []
        span, self._changing = self._changing, None
        return self._ended(span, number, step)

    def _ended(self, span: ProcessSpan, number: int, step: Step) -> list[Event]:
        ended = replace(span, open=False)
        self._keep(ended)
        return [self._event("end", ended, number, step, None)]

    def _keep(self, span: ProcessSpan) -> None:
        if self._record:
            self._spans.append(span)

    def _event(
        self, kind: str, span: ProcessSpan, number: int, step: Step, advice: str | None
    ) -> Event:
        return Event(
            kind,
            span.process,
            number,
            step.file,
            step.time,
            span.probability,
            (span.low, span.high),
            advice,
            span.evidence,
            span.model,
        )
