"""Advice while frames come in: each with its evidence and its probability; silence otherwise."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from xscatter.advice.finished import FinishRule
from xscatter.sequences.events import Event
from xscatter.sequences.reduction import Item
from xscatter.sequences.stream import FrameStream, Reduced

STOP, EXPOSE = "stop", "expose"


class Advice(NamedTuple):
    """What to do, and why.

    Attributes:
        action: "stop" (the process is over), "move" (beam damage, at rest), "pause" (no beam),
            "expose" (longer) or "look" (a change without a name).
        why: the evidence in words.
        probability: of what is said.
        frame: number of the frame that completed the evidence.
    """

    action: str
    why: str
    probability: float
    frame: int


class Advisor:
    """Follow a stream of frames, and say when something should be done. It never acts.

    Args:
        at_rest: nobody changes the sample on purpose, so that a change may be beam damage.

    Attributes:
        finished: whether the last process of this stream was reported to be over.

    Example:
        A ring that grows and is complete after some frames:

        >>> import numpy as np
        >>> from xscatter import Advisor
        >>> from xscatter.frames import from_array
        >>> random = np.random.default_rng(0)
        >>> y, x = np.mgrid[:64, :64] - 31.5
        >>> ring = 60 * np.exp(-(((np.hypot(y, x) - 25) / 2) ** 2))
        >>> advisor = Advisor()
        >>> for n in range(60):
        ...     grown = 1 - np.exp(-(max(n - 15, 0) / 6) ** 2)
        ...     frame = from_array(random.poisson(20 + grown * ring), center=(31.5, 31.5))
        ...     advisor.tell(frame, time=n)
        ...     advice = advisor.ask()
        ...     if advice and advice.action == "stop":
        ...         break
        >>> 25 < n < 35
        True
    """

    def __init__(self, at_rest: bool = False):
        self.finished = False
        self._stream = FrameStream(at_rest, record=False, measure=False)
        self._rule = FinishRule()
        self._sequence = 0
        self._begin = (0, 0)
        self._process = ""
        self._settled = self._exposed = False
        self._advice: Advice | None = None

    def tell(self, item: Item, time: float | None = None) -> None:
        """Take the next frame or profile.

        Args:
            item: a frame, a profile, or why it could not be read.
            time: in seconds.
        """
        reduced = self._stream.reduce(item)
        self.follow(self._stream, reduced, self._stream.take(reduced, time))
        self._stream.messages = []

    def ask(self) -> Advice | None:
        """Return the advice since the last call; None: there is nothing to do."""
        advice, self._advice = self._advice, None
        return advice

    def follow(
        self, stream: FrameStream, reduced: Reduced, events: Sequence[tuple[int, Event]]
    ) -> list[tuple[int, Event]]:
        """Follow a stream that another one feeds; return the events of advice.

        Args:
            stream: that took the frame.
            reduced: the frame.
            events: that it caused.
        """
        row = stream.row
        assert row is not None
        if row.sequence != self._sequence:
            self._sequence, self._rule = row.sequence, FinishRule()
            self.finished = self._settled = False
        for _, event in events:
            self._heard(event)
        if reduced.sums is None or not stream.beam:
            return []
        judgement = self._rule.take(row.frame, reduced.sums, stream.noise_factor, self._settled)
        if judgement is None or (not judgement.finished and self._exposed):
            return []
        action = STOP if judgement.finished else EXPOSE
        if judgement.finished:
            self.finished = True
            self._rule.reset()
        else:
            self._exposed = True
        event = Event(
            "advice",
            self._process,
            row.frame,
            row.file,
            row.time,
            judgement.probability,
            self._begin,
            action,
            judgement.why,
        )
        self._advise(event)
        return [(row.sequence, event)]

    def _heard(self, event: Event) -> None:
        """Take an event of the stream: some are advice already."""
        if event.advice is not None:
            self._advise(event)
        if event.kind == "end":
            self._settled = True
        elif event.kind == "onset" and event.advice in ("look", "move"):
            if self._rule.begin is None:
                self._begin, self._process, self._exposed = event.begin, event.process, False
            self._settled = self.finished = False
            self._rule.onset(event.begin[0], event.frame)

    def _advise(self, event: Event) -> None:
        assert event.advice is not None
        self._advice = Advice(event.advice, event.why, event.probability, event.frame)

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on beside another stream, as plain values and arrays."""
        return {
            "finished": self.finished,
            "rule": self._rule.state(),
            "sequence": self._sequence,
            "begin": list(self._begin),
            "process": self._process,
            "settled": self._settled,
            "exposed": self._exposed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        self.finished, self._rule = state["finished"], FinishRule.from_state(state["rule"])
        self._sequence, self._process = state["sequence"], state["process"]
        self._begin = (state["begin"][0], state["begin"][1])
        self._settled, self._exposed = state["settled"], state["exposed"]
