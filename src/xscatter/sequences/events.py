"""Processes found in a sequence, and the events by which a stream reports them."""

from dataclasses import asdict, dataclass, replace
from typing import Any

UNKNOWN = "change of unknown kind"
BEAM_LOST = "beam lost"


@dataclass(frozen=True)
class Event:
    """One line of a stream of events.

    Attributes:
        kind: "onset", "end", "alarm" or "advice".
        process: its name.
        frame: number of the frame in the sequence that completed the evidence.
        file: name of the file of that frame.
        time: of that frame, in seconds; None: not known.
        probability: that the process is there.
        begin: first and last frame at which it may have begun.
        advice: "stop", "move", "pause", "expose" or "look"; None: nothing to do.
        why: the evidence in words.
        model: hash of the network that named it; None: found without one.
    """

    kind: str
    process: str
    frame: int
    file: str
    time: float | None
    probability: float
    begin: tuple[int, int]
    advice: str | None
    why: str
    model: str | None = None

    def record(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self) | {"begin": list(self.begin)}


@dataclass(frozen=True)
class ProcessSpan:
    """A process in a sequence, from its first to its last frame.

    Attributes:
        process: its name.
        family: of `xscatter.processes.FAMILIES`; "": not known.
        probability: that it is there.
        begin: number of its first frame.
        low: first frame at which it may have begun.
        high: last frame at which it may have begun.
        end: number of the first frame after it.
        open: whether it still continued at the end of the record.
        detected: number of the frame at which a stream reported it.
        evidence: in words.
        model: hash of the network that named it; None: found without one.
    """

    process: str
    family: str
    probability: float
    begin: int
    low: int
    high: int
    end: int
    open: bool
    detected: int
    evidence: str
    model: str | None = None

    @property
    def frames(self) -> int:
        """Number of frames from the first to the last."""
        return max(self.end - self.begin, 1)

    def extended(self, end: int, probability: float) -> "ProcessSpan":
        """Return the process continued to `end`."""
        return replace(self, end=max(self.end, end), probability=max(self.probability, probability))
