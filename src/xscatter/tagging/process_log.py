"""The events of a source that is followed: a file of lines, and the state to resume from.

Events follow from the frames alone, in the order in which they are entered into the journal. The
state is written after the rows of the journal: what was entered since is read again at the next
start, and gives the same events, of which those that are in the file already are not repeated.
"""

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import time as now
from typing import Any, Protocol

from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable
from xscatter.frames.reading import read as read_file
from xscatter.sequences.events import Event
from xscatter.sequences.order import frame_number, natural_key
from xscatter.sequences.reduction import centred
from xscatter.sequences.state import load_state, save_state
from xscatter.sequences.stream import FrameStream, Reduced
from xscatter.sequences.tables import event_line
from xscatter.sources.source import Item
from xscatter.tagging.frame_table import FrameTable
from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Ready, Tagger
from xscatter.tagging.temporal import logits_of


class Follower(Protocol):
    """Something that follows a stream and adds events to it, such as advice."""

    def follow(
        self, stream: FrameStream, reduced: Reduced, events: Sequence[tuple[int, Event]]
    ) -> list[tuple[int, Event]]:
        """Return further events of a frame.

        Args:
            stream: that took it.
            reduced: the frame.
            events: that it caused.
        """

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class ProcessLog:
    """The events of the frames in a journal.

    Args:
        path: file of events, one line of JSON each.
        stream: that finds processes; used if there is no state to resume from.
        table: the journal's file.
        read: returns a frame of an item again, by the name of the item and the number of the frame.
        advisor: that adds advice, or None.
        frames: file of a table of the frames with their quantities, or None.
        tagger: that tags the frames; needed where the stream has a network that names processes.
        view: with which it tags them; None: the best for each.

    Attributes:
        messages: about frames and sequences; the caller empties it.

    Raises:
        UserError: the file cannot be written, or its state not be read.
    """

    def __init__(
        self,
        path: Path,
        stream: FrameStream,
        table: Path,
        read: Callable[[str, int], Frame] = read_file,
        advisor: Follower | None = None,
        frames: Path | None = None,
        tagger: Tagger | None = None,
        view: str | None = None,
    ):
        # Frames that are read again need their tags where processes are named by them.
        self._tagger, self._view = None if stream.namer is None else tagger, view
        self.path, self._table, self._read = path, table, read
        self._state = path.with_name(f".{path.name}.state")
        self._stream = stream
        self._seen: dict[tuple[str, int], Reduced] = {}
        self._last: tuple[str, int] | None = None
        self._step = 1
        rows = _rows(table)
        for row in rows[-2:]:
            self._remember(row["file"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b")  # noqa: SIM115 - stays open while a source is followed
            written = self._complete_lines()
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written ({error.strerror}); choose another file with "
                "--processes"
            ) from error
        # Frames of the table whose events were counted, and those events.
        self._taken, self._events = len(rows), written
        self._advisor, length = advisor, None
        if self._state.exists():
            state = load_state(self._state)
            try:
                self._stream = FrameStream.from_state(state["stream"], stream.namer)
            except UserError as error:
                raise UserError(f"{path}: {error}") from error
            self._taken, self._events = state["taken"], state["events"]
            if advisor is not None and state.get("advisor") is not None:
                advisor.restore(state["advisor"])
            if frames is not None:
                length = state.get("frames", {}).get(str(frames.absolute()))
            if state["table"] != str(table.absolute()):
                self._file.close()
                raise UserError(
                    f"{path}: belongs to another table than {table}; choose another file with "
                    "--processes, or the table it was made with"
                )
        try:
            self._frames = None if frames is None else FrameTable(frames, length)
        except UserError:
            self._file.close()
            raise
        self._stream.measure = frames is not None
        # A crash may have cut off rows of the table: these frames are tagged, but not taken, again.
        self._known = max(self._taken - len(rows), 0)
        self._repeated = max(written - self._events, 0)
        self._save()
        self._catch_up(rows[self._taken :])

    @property
    def messages(self) -> list[str]:
        """Messages since the last call of :meth:`told`."""
        return self._stream.messages

    def told(self) -> None:
        """Forget the messages."""
        self._stream.messages = []

    def close(self) -> None:
        """Write the state and close the file."""
        self._save()
        self._file.close()
        if self._frames is not None:
            self._frames.close()

    def order(self, items: list[Item], patience: float) -> list[Item]:
        """Return the items that may be taken now, by the numbers in their names.

        An item waits for those with the numbers before it until it is `patience` seconds old. Parts
        of an array come in its order.
        """
        if any(item.part is not None for item in items):
            return items
        ready: list[Item] = []
        last = self._last
        for item in sorted(items, key=lambda item: natural_key(item.name)):
            here = frame_number(item.name)
            gap = (
                here is not None
                and last is not None
                and last[0] == here[0]
                and here[1] > last[1] + self._step
            )
            if gap and now() - item.modified < patience:
                break
            ready.append(item)
            last = here
        return ready

    def see(self, item: Ready | Unreadable, tagged: Tagged) -> None:
        """Keep what is needed of a frame until it is in the journal."""
        self._seen[tagged.source, tagged.index] = self._reduce(item, tagged)

    def _reduce(self, item: Ready | Unreadable, tagged: Tagged) -> Reduced:
        reduced = self._stream.reduce(item.frame if isinstance(item, Ready) else item)
        logits = logits_of(tagged.probability) if isinstance(item, Ready) else None
        return replace(reduced, logits=logits)

    def add(self, rows: Iterable[Tagged]) -> None:
        """Take frames that were added to the journal."""
        for tagged in rows:
            reduced = self._seen.pop((tagged.source, tagged.index), None)
            if reduced is None:
                reduced = Reduced(tagged.source, tagged.index, reason=tagged.note)
            if self._known:
                self._known -= 1
            else:
                self._take(reduced)
            self._remember(tagged.source)
        # What is left was not added: it is read again, and seen again.
        self._seen.clear()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._save()

    def _catch_up(self, rows: list[dict[str, str]]) -> None:
        """Read frames again that the journal holds and the state does not."""
        for row in rows:
            name, index = row["file"], int(row["frame"])
            item: Frame | Unreadable = Unreadable(name, index, row["note"])
            if row["center_from"]:
                try:
                    item = self._read(name, index)
                except UserError as error:
                    item = Unreadable(name, index, f"{error}; its events are lost")
            if self._tagger is None:
                item = item if isinstance(item, Unreadable) else centred(item)
                self._take(self._stream.reduce(item))
            else:
                ready = self._tagger.ready(item, self._view)
                self._take(self._reduce(ready, self._tagger.tag([ready], self._view)[0]))
        self._file.flush()
        if rows:
            self._save()

    def _remember(self, name: str) -> None:
        """Remember which number comes next; a message names those that did not come."""
        before, self._last = self._last, frame_number(name)
        if before is None or self._last is None or before[0] != self._last[0]:
            return
        step = self._last[1] - before[1]
        # Numbers may grow by more than one, such as temperatures in steps of five.
        usual, self._step = self._step, max(step, 1)
        if step > usual:
            gap = f"{before[1] + 1}" + (f" to {self._last[1] - 1}" if step > 2 else "")
            self._stream.messages.append(f"missing frames: {self._last[0]} {gap}")

    def _take(self, reduced: Reduced) -> None:
        time = _modified(reduced.file) if reduced.time is None else reduced.time
        events = self._stream.take(reduced, time)
        if self._advisor is not None:
            events += self._advisor.follow(self._stream, reduced, events)
            self._stream.messages += [
                f"advice: {event.advice}: {event.why} (probability {event.probability:.2f})"
                for _, event in events
                if event.advice
            ]
        if self._frames is not None and self._stream.row is not None:
            self._frames.add(self._stream.row)
        for sequence, event in events:
            self._events += 1
            if self._repeated:
                self._repeated -= 1
            else:
                self._file.write(event_line(sequence, event).encode())
        self._taken += 1

    def _save(self) -> None:
        frames = self._frames
        state = {
            "table": str(self._table.absolute()),
            "taken": self._taken,
            "events": self._events,
            "stream": self._stream.state(),
            "advisor": None if self._advisor is None else self._advisor.state(),
            "frames": {} if frames is None else {str(frames.path.absolute()): frames.flush()},
        }
        save_state(self._state, state)

    def _complete_lines(self) -> int:
        """Return the number of lines; one that a crash cut off is dropped."""
        self._file.seek(0)
        content = self._file.read()
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            self._file.truncate(len(complete))
        return complete.count(b"\n")


def _rows(table: Path) -> list[dict[str, str]]:
    """The rows of a journal."""
    if not table.exists():
        return []
    with open(table, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _modified(source: str) -> float | None:
    try:
        return os.stat(source.partition("::")[0]).st_mtime
    except OSError:
        return None
