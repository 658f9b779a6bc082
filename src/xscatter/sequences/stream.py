"""A stream of frames or profiles, divided into sequences: their rows, events and messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import Unreadable
from xscatter.sequences.events import Event, ProcessSpan
from xscatter.sequences.naming import Answer
from xscatter.sequences.noise import SCALES
from xscatter.sequences.page import SequenceRecord
from xscatter.sequences.polar import Sums
from xscatter.sequences.profiles import Profile
from xscatter.sequences.quantities import Measured, RingFollower, all_quantities
from xscatter.sequences.reduction import Item, Reduction
from xscatter.sequences.tracker import Step, Tracker

LEAST_FRAMES = 4  # of a sequence that can show a change
_PAUSE = 20.0  # times the median step, after which a new sequence begins
_LEAST_PAUSE = 10.0  # seconds: times of files jump when a disk is busy
_STEPS = 100  # of which the median is taken
_BURST = "burst: differs from the frames before and after it"
_DARK = "no beam"


@dataclass
class FrameRow:
    """One row of the table of frames.

    Attributes:
        file: name of the file.
        index: number of the frame in its file.
        sequence: number of the sequence.
        frame: number of the frame in the sequence.
        time: in seconds, or None.
        covariates: values by name.
        total: sum of the usable pixels; NaN: not read.
        z: significance of a change at this frame.
        tags: that the networks gave.
        note: why it was left out.
        probabilities: of all tags, and of each process that is named in the sequence, by name.
        quantities: by name, with the error of each.
        noise_factor: with which these errors were made.
        unit: of the axis of the rings, in which some quantities are; "": nothing was measured.
    """

    file: str
    index: int
    sequence: int
    frame: int
    time: float | None
    covariates: dict[str, float]
    total: float
    z: float = 0.0
    tags: tuple[str, ...] = ()
    note: str = ""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    quantities: dict[str, Measured] = field(default_factory=dict)
    noise_factor: float = 1.0
    unit: str = ""

    def renoised(self, factor: float) -> None:
        """Give the quantities the errors of another noise factor."""
        grown = np.sqrt(factor / self.noise_factor)
        self.noise_factor = factor
        for name, one in self.quantities.items():
            if all_quantities()[name].of_noise:
                self.quantities[name] = Measured(one.value, float(one.sd * grown))


@dataclass(frozen=True)
class Reduced:
    """A frame that a stream has reduced to sums.

    Attributes:
        file: name of the file.
        index: number of the frame in its file.
        sums: None: it could not be read.
        begins: why it begins a new sequence; "" if it does not.
        reason: why it could not be read.
        reduction: that made the sums.
        center: row and column in parts of the sides, and confidence.
        logits: (T,) of the networks that tag frames; None: there are none.
        time: when it was measured, in seconds, if the frame itself tells; None: it does not.
    """

    file: str
    index: int
    sums: Sums | None = None
    begins: str = ""
    reason: str = ""
    reduction: Reduction | None = None
    center: tuple[float, float, float] = (0.5, 0.5, 0.0)
    logits: np.ndarray | None = None
    time: float | None = None


class Namer(Protocol):
    """A temporal network, as a stream uses it."""

    def start(self, live: np.ndarray) -> None:
        """Begin a sequence, with the number of live pixels (rings, sectors) of each cell."""

    def answer(self, reduced: Reduced, z: Sequence[float], time: float | None) -> Answer:
        """Return its answer to the next frame.

        Args:
            reduced: the frame, with its logits.
            z: significance of a change at each scale of the scan.
            time: in seconds, or None.
        """

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on, as plain values and arrays."""

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`."""


class FrameStream:
    """Frames one by one, and the processes in them.

    A frame is first reduced and then taken, so that a service can hold the small sums, not frames.

    Args:
        at_rest: nobody changes the sample on purpose.
        new_after: a pause of so many seconds begins a new sequence; None: 20 times the median.
        record: keep rows, and a bounded record for :meth:`close`; False: events alone.
        measure: measure the quantities of each frame; None: while there is a record.
        namer: temporal network that names processes in frames that were tagged; None: none.

    Attributes:
        row: of the last frame.
        rows: of all frames, while there is a record.
        units: unit of each quantity, by name, while frames are measured.
        processes: of sequences that are closed, each with the number of its sequence.
        records: sums of sequences that are closed, for pictures.
        messages: about frames that were left out and sequences that begin; the caller empties it.
    """

    def __init__(
        self,
        at_rest: bool = False,
        new_after: float | None = None,
        record: bool = True,
        measure: bool | None = None,
        namer: Namer | None = None,
    ):
        self.namer = namer
        self.at_rest, self.new_after, self.record = at_rest, new_after, record
        self.measure = record if measure is None else measure
        self.row: FrameRow | None = None
        self.units: dict[str, str] = {}
        self.rows: list[FrameRow] = []
        self.processes: list[tuple[int, ProcessSpan]] = []
        self.records: list[SequenceRecord] = []
        self.messages: list[str] = []
        self._reduction: Reduction | None = None  # of the frame that was reduced last
        self._tracker: Tracker | None = None
        self._follower = RingFollower()
        self._sequence = -1
        self._time: float | None = None
        self._steps: list[float] = []

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on without a record, as plain values and arrays."""
        tracker, reduction = self._tracker, self._reduction
        return {
            "at_rest": self.at_rest,
            "new_after": self.new_after,
            "measure": self.measure,
            "reduction": None if reduction is None else reduction.state(),
            "tracker": None if tracker is None else tracker.state(),
            "follower": self._follower.state(),
            "namer": None if self.namer is None else self.namer.state(),
            "sequence": self._sequence,
            "time": self._time,
            "steps": self._steps,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], namer: Namer | None = None) -> "FrameStream":
        """Return the stream with this :meth:`state`; it keeps no record.

        Raises:
            UserError: the state is of another temporal network, or of none.
        """
        if (namer is None) != (state["namer"] is None):
            raise UserError(
                "began with another tagger, with or without a network for processes; choose "
                "another file with --processes, or the tagger it began with"
            )
        stream = cls(state["at_rest"], state["new_after"], False, state["measure"], namer)
        if namer is not None:
            namer.resume(state["namer"])
        if state["reduction"] is not None:
            stream._reduction = Reduction.from_state(state["reduction"])
            if state["tracker"] is not None:
                stream._tracker = Tracker.from_state(stream._reduction.axis, state["tracker"])
        stream._follower = RingFollower.from_state(state["follower"])
        stream._sequence, stream._time = state["sequence"], state["time"]
        stream._steps = state["steps"]
        return stream

    def reduce(self, item: Item) -> Reduced:
        """Return the sums of the next frame; frames have to be taken in the same order."""
        if isinstance(item, Unreadable):
            return Reduced(item.source, item.index, reason=item.reason)
        why = "" if self._reduction is None else self._reduction.differs(item)
        if self._reduction is None or why:
            self._reduction = Reduction.of(item)
        sums = self._reduction.sums(item)
        place, time = (0.5, 0.5, 0.0), None if isinstance(item, Profile) else item.time
        if not isinstance(item, Profile) and item.center is not None:
            (row, col), (rows, cols) = item.center, item.shape
            place = ((row + 0.5) / rows, (col + 0.5) / cols, item.confidence)
        return Reduced(item.source, item.index, sums, why, "", self._reduction, place, time=time)

    def take(
        self,
        reduced: Reduced,
        time: float | None = None,
        covariates: Mapping[str, float] | None = None,
        tags: tuple[str, ...] = (),
        probabilities: Mapping[str, float] | None = None,
    ) -> list[tuple[int, Event]]:
        """Take the next frame; return the events that it causes, with the sequence of each.

        Args:
            reduced: the frame.
            time: in seconds.
            covariates: values by name.
            tags: that the networks gave to it.
            probabilities: of all tags, by name.
        """
        why = reduced.begins or self._pause(reduced, time)
        if why and self._tracker is not None:
            self.messages.append(f"{reduced.file}: {why}; a new sequence begins")
            self.close()
        if self._tracker is None and reduced.reduction is not None:
            self._tracker = Tracker(reduced.reduction.axis, self.at_rest, self.record)
            self._follower = RingFollower()
            self._sequence += 1
            if self.namer is not None and reduced.reduction.grid is not None:
                self.namer.start(reduced.reduction.grid.live)
        if reduced.reason:
            self.messages.append(reduced.reason)
        ask = None
        if self.namer is not None and reduced.logits is not None and reduced.sums is not None:
            ask = partial(self.namer.answer, reduced, time=time)
        step = Step(reduced.file, reduced.sums, time, ask)
        frame = 0 if self._tracker is None else self._tracker.number
        events = [] if self._tracker is None else self._tracker.push(step)
        self.row = FrameRow(
            reduced.file,
            reduced.index,
            max(self._sequence, 0),
            frame,
            time,
            dict(covariates or {}),
            float("nan") if reduced.sums is None else reduced.sums.total,
            0.0 if self._tracker is None else self._tracker.z,
            tags,
            reduced.reason,
            probabilities or {},
        )
        if self.measure and reduced.sums is not None:
            self._measured(self.row, reduced)
        if self.record:
            self.rows.append(self.row)
        return [(self._sequence, event) for event in events]

    def _measured(self, row: FrameRow, reduced: Reduced) -> None:
        assert self._tracker is not None
        assert reduced.reduction is not None
        assert reduced.sums is not None
        row.noise_factor = self._tracker.noise_factor if reduced.sums.poisson else 1.0
        row.quantities = reduced.reduction.quantities(
            reduced.sums, row.noise_factor, self._follower
        )
        row.unit = reduced.reduction.unit
        self.units = reduced.reduction.units()

    @property
    def z(self) -> list[float]:
        """Significance of a change at the last frame, at each scale of the scan."""
        scales = [] if self._tracker is None else self._tracker.scales
        return scales or [0.0] * len(SCALES)

    @property
    def beam(self) -> bool:
        """Whether the last frame had beam."""
        return self._tracker is not None and self._tracker.beam

    @property
    def noise_factor(self) -> float:
        """Variance of a quiet frame over that of photons alone, as learnt so far."""
        return 1.0 if self._tracker is None else self._tracker.noise_factor

    def close(self) -> None:
        """Finish the sequence that is going on."""
        tracker, self._tracker = self._tracker, None
        if tracker is None or not self.record:
            return
        rows = {row.frame: row for row in self.rows if row.sequence == self._sequence}
        for numbers, note in ((tracker.bursts, _BURST), (tracker.dark, _DARK)):
            for number in numbers:
                rows[number].note = note
        for number, chances in enumerate(tracker.chances):
            rows[number].probabilities = {**rows[number].probabilities, **chances}
        for row in rows.values():
            # The first frames were measured before the noise of the stream was known.
            if row.quantities and self._reduction is not None and self._reduction.poisson:
                row.renoised(tracker.noise_factor)
        self.records.append(SequenceRecord(self._sequence, tracker.axis, tracker.blocks))
        self.processes += [(self._sequence, span) for span in tracker.finish()]
        read = sum(not np.isnan(row.total) for row in rows.values())
        first = rows[0].file
        if read < LEAST_FRAMES:
            self.messages.append(
                f"{first}: {read} frame{'s' * (read != 1)} alone cannot show a change; give "
                f"{LEAST_FRAMES} or more of one sequence"
            )
        elif len(tracker.dark) == read:
            self.messages.append(
                f"{first}: none of the {read} frames has any scattering; check shutter and mask"
            )

    def _pause(self, reduced: Reduced, time: float | None) -> str:
        """Why the time of a frame begins a new sequence; "" if it does not. Remembers the time."""
        before, self._time = self._time, time if time is not None else self._time
        if time is None or before is None:
            return ""
        pause = time - before
        if pause < 0:
            self.messages.append(
                f"{reduced.file}: its time is {-pause:.6g} s before that of the frame before it; "
                "the order of the files is kept, check the times"
            )
            return ""
        longest = self.new_after
        if longest is None:
            longest = np.inf
            if len(self._steps) > 2:
                longest = max(_PAUSE * float(np.median(self._steps)), _LEAST_PAUSE)
        if pause > 0:
            self._steps = [*self._steps[1 - _STEPS :], pause]
        return f"it comes {pause:.6g} s after the frame before it" if pause > longest else ""
