"""A stream of frames or profiles, divided into sequences: the geometry, the rows, the messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xscatter.frames import Frame, Unreadable, find_center
from xscatter.geometry import Geometry
from xscatter.sequences.events import Event, ProcessSpan
from xscatter.sequences.evidence import Axis
from xscatter.sequences.polar import PolarGrid, Sums, profile_sums
from xscatter.sequences.profiles import Profile
from xscatter.sequences.tracker import Step, Tracker

Item = Frame | Profile | Unreadable
_CONFIDENT = 0.5  # least confidence of a beam centre that is estimated
_MOVED = 2.0  # pixels between two beam centres in headers that make another geometry
LEAST_FRAMES = 4  # of a sequence that can show a change


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


@dataclass(frozen=True)
class Reduction:
    """How the frames of one sequence become sums.

    Attributes:
        shape: of the frames or profiles.
        grid: of frames; None: these are profiles.
        poisson: of profiles: whether the first one held counts.
    """

    shape: tuple[int, ...]
    grid: PolarGrid | None
    poisson: bool = True

    @classmethod
    def of(cls, item: Frame | Profile) -> "tuple[Reduction, Axis]":
        """Return the reduction of a sequence that begins with `item`, and its axis."""
        if isinstance(item, Profile):
            sums = profile_sums(item.values)
            size = len(sums.counts)
            points = np.arange(len(item.values)) if item.x is None else item.x
            middle = np.interp(
                (np.arange(size) + 0.5) / size, (np.arange(len(points)) + 0.5) / len(points), points
            )
            axis = Axis(middle, "point" if item.x is None else "x", "")
            return cls(item.values.shape, None, sums.poisson), axis
        if item.center is None:
            estimate = find_center(item.counts, item.mask)
            if estimate.confidence >= _CONFIDENT:
                item = item.with_center(estimate.center, "estimate", estimate.confidence)
        grid = PolarGrid.of(item)
        return cls(item.shape, grid), _axis(item, grid)

    def sums(self, item: Frame | Profile) -> Sums:
        """Return the sums of a frame of this sequence."""
        if isinstance(item, Profile):
            return profile_sums(item.values, self.poisson)
        assert self.grid is not None
        return self.grid.sums(item)


def _axis(frame: Frame, grid: PolarGrid) -> Axis:
    """The axis along the rings: q if the geometry is known, else pixels."""
    known, radii = frame.geometry, grid.radii
    if grid.center is None:
        return Axis(radii, "distance from the middle of the frame", "pixels")
    if not (known.wavelength and known.distance and known.pixel_size):
        return Axis(radii, "radius", "pixels")
    place = Geometry(known.wavelength, known.distance, known.pixel_size, grid.center)
    q, _ = place.q_chi(np.full(len(radii), grid.center[0]), grid.center[1] + radii)
    return Axis(q, "q", "1/nm")


@dataclass
class _Open:
    """The sequence that is going on."""

    number: int
    reduction: Reduction
    tracker: Tracker
    first: Frame | Profile
    rows: list[FrameRow] = field(default_factory=list)


class FrameStream:
    """Frames one by one, and the processes in them.

    Args:
        at_rest: nobody changes the sample on purpose.
        new_after: a pause of so many seconds begins a new sequence; None: 20 times the median.
        record: keep rows, and a bounded record for :meth:`finish`; False: events alone.

    Attributes:
        rows: of all frames, while there is a record.
        row: of the last frame.
        processes: by sequence, of those that are finished.
        messages: about frames that were left out and sequences that begin; the caller empties it.
    """

    def __init__(self, at_rest: bool = False, new_after: float | None = None, record: bool = True):
        self.at_rest, self.new_after, self.record = at_rest, new_after, record
        self.rows: list[FrameRow] = []
        self.row: FrameRow | None = None
        self.processes: list[tuple[int, ProcessSpan]] = []
        self.messages: list[str] = []
        self._open: _Open | None = None
        self._sequences = 0
        self._time: float | None = None
        self._steps: list[float] = []

    def push(
        self,
        item: Item,
        time: float | None = None,
        covariates: Mapping[str, float] | None = None,
        tags: tuple[str, ...] = (),
    ) -> list[tuple[int, Event]]:
        """Take the next frame; return the events that it causes, with the sequence of each.

        Args:
            item: the frame, the profile, or why it could not be read.
            time: in seconds.
            covariates: values by name.
            tags: that the networks gave to it.
        """
        values = dict(covariates or {})
        events: list[tuple[int, Event]] = []
        name = _name(item)
        why = self._boundary(item, time)
        if why:
            self.messages.append(f"{name}: {why}; a new sequence begins")
            self.close()
        if isinstance(item, Unreadable):
            self.messages.append(item.reason)
            self.row = self._row(item, time, values, float("nan"), note=item.reason)
            if self._open:
                made = self._open.tracker.push(Step(name, None, time, values))
                events = [(self._open.number, event) for event in made]
            return events
        if self._open is None:
            reduction, axis = Reduction.of(item)
            tracker = Tracker(axis, self.at_rest, self.record)
            self._open = _Open(self._sequences, reduction, tracker, item)
            self._sequences += 1
        opened = self._open
        sums = opened.reduction.sums(item)
        made = opened.tracker.push(Step(name, sums, time, values))
        self.row = self._row(item, time, values, sums.total, tags)
        self.row.z = opened.tracker.z
        return events + [(opened.number, event) for event in made]

    def close(self) -> None:
        """Finish the sequence that is going on."""
        opened, self._open = self._open, None
        if opened is None:
            return
        if self.record:
            tracker = opened.tracker
            rows = {row.frame: row for row in self.rows if row.sequence == opened.number}
            for numbers, note in (
                (tracker.bursts, "burst: differs from the frames before and after it"),
                (tracker.dark, "no beam"),
            ):
                for number in numbers:
                    if number in rows:
                        rows[number].note = note
            self.processes += [(opened.number, span) for span in tracker.finish()]
            read = sum(not np.isnan(row.total) for row in rows.values())
            if read < LEAST_FRAMES:
                self.messages.append(
                    f"{opened.rows[0].file if opened.rows else _name(opened.first)}: "
                    f"{read} frame{'s' * (read != 1)} alone show no change; give "
                    f"{LEAST_FRAMES} or more of a sequence"
                )
            elif len(tracker.dark) == read:
                self.messages.append(
                    f"{_name(opened.first)}: none of the {read} frames has any scattering; check "
                    "the shutter, or the mask"
                )

    def _row(
        self,
        item: Item,
        time: float | None,
        covariates: dict[str, float],
        total: float,
        tags: tuple[str, ...] = (),
        note: str = "",
    ) -> FrameRow:
        number = self._open.tracker.number - 1 if self._open and not note else 0
        if self._open and note:
            number = self._open.tracker.number
        sequence = self._open.number if self._open else self._sequences
        row = FrameRow(
            item.source, item.index, sequence, number, time, covariates, total, 0.0, tags, note
        )
        if self.record:
            self.rows.append(row)
        return row

    def _boundary(self, item: Item, time: float | None) -> str:
        """Why `item` begins a new sequence; "" if it does not. Remembers the time."""
        before, self._time = self._time, time if time is not None else self._time
        pause = None if time is None or before is None else time - before
        if pause is not None and pause < 0:
            self.messages.append(
                f"{_name(item)}: its time is {-pause:.6g} s before that of the frame before it; "
                "the order of the files is kept, check --time"
            )
        why = ""
        if self._open is not None and not isinstance(item, Unreadable):
            why = _differs(self._open, item)
            if not why and pause is not None and pause > self._longest():
                why = f"it comes {pause:.6g} s after the frame before it"
        if pause is not None and pause > 0:
            # The last hundred are enough for a median.
            self._steps = [*self._steps[-99:], pause]
        return why

    def _longest(self) -> float:
        if self.new_after is not None:
            return self.new_after
        return 20 * float(np.median(self._steps)) if len(self._steps) >= 3 else np.inf


def _differs(opened: _Open, item: Frame | Profile) -> str:
    """Why an item cannot belong to the sequence; "" if it can."""
    shape = item.values.shape if isinstance(item, Profile) else item.shape
    if isinstance(item, Profile) != isinstance(opened.first, Profile):
        return "it is not of the kind of the frames before it"
    if shape != opened.reduction.shape:
        sizes = ["x".join(map(str, one)) for one in (shape, opened.reduction.shape)]
        what = "points" if isinstance(item, Profile) else "pixels"
        return f"it has {sizes[0]} {what}, those before it {sizes[1]}"
    if isinstance(item, Profile) or isinstance(opened.first, Profile):
        return ""
    here, there = item.geometry, opened.first.geometry
    for name in ("wavelength", "distance", "pixel_size"):
        one, other = getattr(here, name), getattr(there, name)
        if one and other and abs(one / other - 1) > 1e-3:
            what = name.replace("_", " ")
            return f"its {what} is {one:.6g} m, that of those before it {other:.6g} m"
    if item.center_from == opened.first.center_from and item.center_from in ("header", "poni"):
        assert here.center is not None
        assert there.center is not None
        if max(abs(a - b) for a, b in zip(here.center, there.center, strict=True)) > _MOVED:
            return "its beam centre is another one"
    return ""


def _name(item: Any) -> str:
    return item.source
