"""Processes in a sequence of frames, with or without networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xscatter.frames import Unreadable
from xscatter.sequences.events import Event, ProcessSpan
from xscatter.sequences.page import SequenceRecord
from xscatter.sequences.profiles import Profile, is_profile, read_profiles
from xscatter.sequences.reduction import Item
from xscatter.sequences.stream import FrameRow, FrameStream
from xscatter.sources.registry import is_source, read_address
from xscatter.sources.source import SourceOptions
from xscatter.tagging.tagger import Ready, Tagger
from xscatter.tagging.temporal import TemporalNamer, logits_of


@dataclass(frozen=True)
class TaggedSequence:
    """All about the frames that a :class:`SequenceTagger` was given.

    Attributes:
        frames: one row a frame.
        processes: each with the number of its sequence.
        events: as a stream reports them, each with the number of its sequence.
        messages: about frames that were left out and sequences that begin.
        records: sums of each sequence, for pictures.
        units: of the quantities of the frames, by name.
    """

    frames: list[FrameRow] = field(default_factory=list)
    processes: list[tuple[int, ProcessSpan]] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    records: list[SequenceRecord] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)


class SequenceTagger:
    """Find processes in frames or profiles that follow one another.

    Without a network a process is a "change of unknown kind", whose family (position, intensity,
    width, order, instrument) follows from what changed. Where the tagger has a temporal network,
    processes in frames are named by it; a change that it cannot name stays of unknown kind.

    Args:
        tagger: networks that tag each frame; None: none.
        at_rest: nobody changes the sample on purpose, so that a change may be beam damage.
        new_after: a pause of so many seconds begins a new sequence; None: 20 times the median.
        record: keep what :meth:`finish` needs; False: events alone, in constant memory.

    Example:
        >>> import numpy as np
        >>> from xscatter import SequenceTagger
        >>> from xscatter.frames import from_array
        >>> random = np.random.default_rng(0)
        >>> y, x = np.mgrid[:64, :64] - 31.5
        >>> halo = 20 * np.exp(-(((np.hypot(y, x) - 18) / 6) ** 2))
        >>> ring = 60 * np.exp(-(((np.hypot(y, x) - 25) / 2) ** 2))
        >>> tagger = SequenceTagger()
        >>> for n in range(30):
        ...     counts = random.poisson(1 + halo + (ring if n >= 15 else 0))
        ...     for event in tagger.push(from_array(counts, center=(31.5, 31.5)), time=n):
        ...         print(event.kind, event.process, event.begin)
        onset change of unknown kind (15, 15)
        end change of unknown kind (15, 15)
        >>> [(span.begin, span.family) for _, span in tagger.finish().processes]
        [(15, 'intensity')]
    """

    def __init__(
        self,
        tagger: Tagger | None = None,
        at_rest: bool = False,
        new_after: float | None = None,
        record: bool = True,
    ):
        self.tagger = tagger
        self.stream = FrameStream(at_rest, new_after, record, namer=TemporalNamer.of(tagger))
        self._events: list[tuple[int, Event]] = []
        self._messages: list[str] = []

    @classmethod
    def load(cls, folder: str | Path | None = None, **options: Any) -> SequenceTagger:
        """Load the tagger in `folder`, or the shipped one; `options` are those of the class."""
        return cls(Tagger.load(folder), **options)

    def push(
        self, item: Item | Ready, time: float | None = None, **covariates: float
    ) -> list[Event]:
        """Take the next frame, and return the events that it causes.

        Args:
            item: a frame, a profile, or why it could not be read.
            time: in seconds; None: as the frame tells, if it does.
            covariates: values of what is controlled, by name.
        """
        return [event for _, event in self._push(item, time, covariates)]

    def tag(
        self,
        items: Iterable[Item | str | Path],
        times: Sequence[float | None] | None = None,
        covariates: Sequence[Mapping[str, float]] | None = None,
        **options: Any,
    ) -> TaggedSequence:
        """Take all frames of a sequence, in order, and return all about them.

        Args:
            items: frames, profiles, or names of files or addresses (all frames of each).
            times: of each frame, in seconds.
            covariates: of each frame, by name.
            options: `mask`, `poni` and `center` for files; see :func:`xscatter.frames.read`.
        """
        for number, item in enumerate(read_items(items, SourceOptions(read=options))):
            self._push(
                item,
                times[number] if times else None,
                covariates[number] if covariates else {},
            )
        return self.finish()

    def finish(self) -> TaggedSequence:
        """End the sequence, and return all about the frames so far."""
        self.stream.close()
        self._collect()
        stream = self.stream
        return TaggedSequence(
            stream.rows,
            stream.processes,
            self._events,
            self._messages,
            stream.records,
            stream.units,
        )

    def _push(
        self, item: Item | Ready, time: float | None, covariates: Mapping[str, float]
    ) -> list[tuple[int, Event]]:
        tags: tuple[str, ...] = ()
        probabilities: dict[str, float] = {}
        logits = None
        if self.tagger is not None and not isinstance(item, (Profile, Unreadable)):
            item = item if isinstance(item, Ready) else self.tagger.ready(item)
            tagged = self.tagger.tag([item])[0]
            tags, logits = tagged.tags, logits_of(tagged.probability)
            probabilities = dict(zip(self.tagger.tags, tagged.probability.tolist(), strict=False))
        frame = item.frame if isinstance(item, Ready) else item
        reduced = replace(self.stream.reduce(frame), logits=logits)
        time = reduced.time if time is None else time
        events = self.stream.take(reduced, time, covariates, tags, probabilities)
        if self.stream.record:
            self._events += events
            self._collect()
        return events

    def _collect(self) -> None:
        self._messages += self.stream.messages
        self.stream.messages = []


def read_items(
    items: Iterable[Item | str | Path], options: SourceOptions | None = None
) -> Iterator[Item]:
    """Yield frames and profiles; names of files and addresses give all that is in them.

    Args:
        items: frames, profiles or names.
        options: of reading frames.
    """
    for one in items:
        if not isinstance(one, (str, Path)):
            yield one
        elif not is_source(one) and is_profile(str(one)):
            yield from read_profiles(str(one))
        else:
            yield from read_address(one, options)
