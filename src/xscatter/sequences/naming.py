"""Names for changes: the answers of a temporal network, online and in a finished record.

The scan says when something changes, the network what it is. A change that the network cannot name
keeps the family that it is sure of, or that of the evidence, and is of unknown kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from xscatter.scores.processes import Segment
from xscatter.scores.tracks import ONSET, segments_of
from xscatter.sequences.events import BEAM_LOST, UNKNOWN, ProcessSpan

_SURE = 0.5  # probability of a family from which it is given
_GONE = 3  # frames without a process after which it has ended
_SMOOTHED = 5  # frames of which the second pass takes the median
_NEAR = 3  # frames by which a change may lie outside of the process that it belongs to


@dataclass(frozen=True)
class Naming:
    """The vocabulary of a temporal network.

    Attributes:
        processes: names, P.
        family: of each process, P.
        families: names, K.
        threshold: (P,) probability from which a change is given the name of a process.
        alarm: probability from which a process is reported without a change that the scan sees.
        model: hash of the network.
    """

    processes: Sequence[str]
    family: Sequence[str]
    families: Sequence[str]
    threshold: np.ndarray
    alarm: float
    model: str


@dataclass(frozen=True)
class Answer:
    """The answer of a temporal network to one frame, from all frames up to it.

    Attributes:
        naming: what its numbers are about.
        active: (P,) probability that each process goes on.
        onset: (P,) probability that it has just begun.
        families: (K,) probability that any process of each family goes on.
    """

    naming: Naming
    active: np.ndarray
    onset: np.ndarray
    families: np.ndarray

    @property
    def named(self) -> dict[str, float]:
        """Probabilities of the processes that go on, by name, the most probable first."""
        sure = np.flatnonzero(self.active >= self.naming.threshold)
        order = sure[np.argsort(-self.active[sure], kind="stable")]
        names = self.naming.processes
        # A lost beam is known from the total.
        return {names[p]: float(self.active[p]) for p in order if names[p] != BEAM_LOST}

    def family(self, process: str) -> str:
        """Return the family of a process; of an unknown one, that which is sure, or ""."""
        if process in self.naming.processes:
            return self.naming.family[self.naming.processes.index(process)]
        best = int(np.argmax(self.families))
        return self.naming.families[best] if self.families[best] >= _SURE else ""


Ask = Callable[[Sequence[float]], Answer]  # from the significance at each scale of the scan


class NamedProcesses:
    """Processes that a network reports while frames arrive, beside the change that the scan sees.

    Attributes:
        on: processes that go on, by name.
    """

    def __init__(self) -> None:
        self.on: dict[str, ProcessSpan] = {}

    def state(self) -> dict[str, Any]:
        """Return plain values."""
        return {name: asdict(span) for name, span in self.on.items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "NamedProcesses":
        """Return the processes with this :meth:`state`."""
        named = cls()
        named.on = {name: ProcessSpan(**span) for name, span in state.items()}
        return named

    def name_of(self, answer: Answer | None) -> str:
        """Return the most probable process that is not reported yet, or that of unknown kind."""
        known = () if answer is None else answer.named
        return next((name for name in known if name not in self.on), UNKNOWN)

    def push(
        self, number: int, answer: Answer, but: str
    ) -> tuple[list[ProcessSpan], list[ProcessSpan]]:
        """Return the processes that begin at a frame, and those that have ended.

        Args:
            number: of the frame.
            answer: of the network.
            but: process that is reported already, as the name of a change.
        """
        begun, named = [], answer.named
        for name, probability in named.items():
            if name in self.on:
                self.on[name] = self.on[name].extended(number + 1, probability)
            elif name != but and probability >= answer.naming.alarm:
                begun.append(_span(name, probability, number, answer))
                self.on[name] = begun[-1]
        over = [name for name, span in self.on.items() if number + 1 - span.end >= _GONE]
        return begun, [replace(self.on.pop(name), open=False) for name in over]


def _span(name: str, probability: float, number: int, answer: Answer) -> ProcessSpan:
    """A process that the network has reported at a frame."""
    just = answer.onset[answer.naming.processes.index(name)] >= _SURE
    # One that has just begun did so within the last frames; of another one less is known.
    low = max(number + 1 - (ONSET if just else 2 * ONSET), 0)
    begin = max(number + 1 - (ONSET // 2 if just else ONSET), 0)
    words = f"{evidence_of(answer, name)}, frame by frame"
    return ProcessSpan(
        name,
        answer.family(name),
        probability,
        begin,
        low,
        number,
        number + 1,
        True,
        number,
        words,
        answer.naming.model,
    )


def evidence_of(answer: Answer, name: str) -> str:
    """Return the answer of the network about a process in words."""
    return f"temporal network: {name} with probability {answer.named[name]:.2f}"


def chances(answers: Sequence[Answer | None]) -> list[dict[str, float]]:
    """Return, for each frame, the probability of every process that is named in any frame."""
    names = list(dict.fromkeys(name for one in answers if one is not None for name in one.named))
    return [
        {}
        if one is None
        else {name: float(one.active[one.naming.processes.index(name)]) for name in names}
        for one in answers
    ]


def named_record(
    spans: Sequence[ProcessSpan],
    answers: Sequence[Answer | None],
    reported: Sequence[ProcessSpan] = (),
) -> list[ProcessSpan]:
    """Return the processes of a finished record with their names, the earliest first.

    This is the second pass: probabilities are smoothed over frames before and after each, and make
    segments; a change that the record shows within one is that process, and tells its begin.

    Args:
        spans: changes that the record shows.
        answers: of all frames; None: there is none.
        reported: processes as they were reported while frames arrived.
    """
    known = [answer for answer in answers if answer is not None]
    if not known:
        return list(spans)
    naming = known[0].naming
    active, onset, families = (
        np.array([np.zeros_like(getattr(known[0], k)) if a is None else getattr(a, k)
                  for a in answers])
        for k in ("active", "onset", "families")
    )  # fmt: skip
    size = min(_SMOOTHED, len(answers))
    smooth = ndimage.median_filter(active, size=(size, 1), mode="nearest")
    segments = segments_of(0, smooth, onset, naming.threshold)
    left, named = list(spans), []
    for segment in sorted(segments, key=lambda one: -one.score):
        name = naming.processes[segment.process]
        if name == BEAM_LOST:
            continue
        near = [one for one in left if one.process == UNKNOWN and _overlaps(one, segment)]
        live = [one.detected for one in reported if one.process == name]
        last = len(answers) - 1
        span = _joined(segment, near, naming, min(live, default=last))
        named.append(replace(span, open=span.end > last))
        left = [one for one in left if one not in near]
    for one in left:
        part = families[one.begin : max(one.end, one.begin + ONSET)]
        best = int(np.argmax(part.mean(axis=0))) if len(part) else 0
        sure = len(part) and one.process == UNKNOWN and part[:, best].mean() >= _SURE
        named.append(replace(one, family=naming.families[best]) if sure else one)
    return sorted(named, key=lambda span: span.begin)


def _overlaps(span: ProcessSpan, segment: Segment) -> bool:
    return span.begin <= segment.end + _NEAR and span.end >= min(segment.begin, segment.low) - _NEAR


def _joined(
    segment: Segment, near: Sequence[ProcessSpan], naming: Naming, detected: int
) -> ProcessSpan:
    """A segment of the network with the changes that the scan sees in it."""
    name, family = naming.processes[segment.process], naming.family[segment.process]
    words = f"temporal network: {name} with probability {segment.score:.2f}"
    span = ProcessSpan(
        name,
        family,
        segment.score,
        segment.begin,
        segment.low,
        segment.high,
        segment.end,
        False,
        detected,
        words,
        naming.model,
    )
    if near:
        first = min(near, key=lambda one: one.begin)
        span = replace(
            span,
            begin=first.begin,
            low=first.low,
            high=first.high,
            end=max(segment.end, *(one.end for one in near)),
            detected=min(detected, *(one.detected for one in near)),
            evidence=f"{first.evidence}; {words}",
        )
    return span
