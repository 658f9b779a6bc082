"""Tag the frames of a Bluesky run while its plan goes on, so that the plan can act on the tags.

The callback takes documents and imports nothing of Bluesky. It never raises: a plan must not stop
because a frame cannot be read.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import Frame, Unreadable
from xscatter.frames.reading import LEAST, read
from xscatter.sequences.events import BEAM_LOST, Event
from xscatter.sequences.stream import FrameStream
from xscatter.sources.metadata import DescribedFrames
from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Ready, Tagger

FINISHED, NO_BEAM = "finished", "no beam"
_MOST = 2**31  # frames of a run: how many come is not known
_HDF5 = ("application/x-hdf5", "application/x-hdf")


class Adviser(Protocol):
    """Someone who follows frames and says what to do, such as `xscatter.Advisor`."""

    def tell(self, item: Frame | Unreadable, time: float | None = None) -> None:
        """Take the next frame."""

    def ask(self) -> Any:
        """Return the advice since the last call, with its `action` and why; None: there is none."""


class TagCallback:
    """A callback of a RunEngine: documents in, tags and events out.

    ::

        tags = TagCallback()
        RE.subscribe(tags)


        def measure(detector, most):  # a plan that stops when the process is over
            yield from bps.open_run()
            for _ in range(most):
                yield from bps.trigger_and_read([detector])
                if tags.advice is not None:
                    break
            yield from bps.close_run()

    Args:
        tagger: the networks; None: the shipped ones.
        field: name of the frames in the events; None: the only image.
        stream: name of the stream of events.
        adviser: decides what to advise; None: "finished" when a process has ended, "no beam" when
            the beam is lost.
        on_frame: is called with the tags of each frame and the events that it caused.
        read: `mask`, `poni` and `center`; see :func:`xscatter.frames.read`.

    Attributes:
        tagged: tags of the last frame; None: there was none.
        events: of the present run.
        advice: "finished", "no beam" or None; forgotten when a run begins.
        why: the evidence for the advice.

    Example:
        >>> import numpy as np
        >>> from xscatter.bluesky import TagCallback
        >>> image = np.random.default_rng(0).poisson(9, (64, 64))
        >>> key = {"dtype": "array", "shape": [64, 64], "source": "detector"}
        >>> callback = TagCallback()
        >>> callback("start", {"uid": "run"})
        >>> described = {"uid": "d", "name": "primary", "data_keys": {"image": key}}
        >>> callback("descriptor", described)
        >>> callback("event", {"descriptor": "d", "time": 1.0, "data": {"image": image}})
        >>> callback.tagged.source, callback.tagged.index, callback.advice
        ('run/primary/image', 0, None)
    """

    def __init__(
        self,
        tagger: Tagger | None = None,
        field: str | None = None,
        stream: str = "primary",
        adviser: Adviser | None = None,
        on_frame: Callable[[Tagged, list[Event]], None] | None = None,
        **read: Any,
    ):
        self.tagger = tagger or Tagger.load()
        self._field, self._stream, self._adviser = field, stream, adviser
        self._on_frame, self._read = on_frame, read
        self.tagged: Tagged | None = None
        self.events: list[Event] = []
        self.advice: str | None = None
        self.why = ""
        self._begin({})

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take a document.

        Args:
            name: its kind.
            doc: its content.
        """
        take = getattr(self, f"_take_{name}", None)
        if take is None:
            return
        try:
            take(doc)
        except Exception as error:  # documents of any age and any site
            words = " ".join(str(error).split())[:160]
            reason = f"{self._name('?')}: a document cannot be understood ({name}: {words})"
            self.tagged = Tagged(self._name("?"), self._number, note=reason, failed=True)

    def _begin(self, start: Mapping[str, Any]) -> None:
        self._start = start
        self._descriptors: dict[str, Mapping[str, Any]] = {}
        self._resources: dict[str, Mapping[str, Any]] = {}
        self._frames = FrameStream(record=False)
        self._described: dict[tuple[str, tuple[int, int]], DescribedFrames] = {}
        self._number = 0

    def _name(self, field: str) -> str:
        return f"{self._start.get('uid', 'run')}/{self._stream}/{field}"

    def _take_start(self, doc: Mapping[str, Any]) -> None:
        self._begin(doc)
        self.events, self.advice, self.why, self.tagged = [], None, "", None

    def _take_descriptor(self, doc: Mapping[str, Any]) -> None:
        if doc.get("name", "primary") == self._stream:
            self._descriptors[doc["uid"]] = doc
            keys = doc.get("data_keys", {})
            images = [key for key, facts in keys.items() if _is_image(facts)]
            if self._field is None and len(images) > 1:
                name = self._name("?")
                reason = f"{name}: it is not clear which field holds the frames: "
                reason += f"{', '.join(images)}; give field"
                self._push(Unreadable(name, self._number, reason), None)

    def _take_event(self, doc: Mapping[str, Any]) -> None:
        descriptor = self._descriptors.get(doc["descriptor"])
        field = None if descriptor is None else self._image(descriptor, doc["data"])
        if descriptor is None or field is None:
            return
        values = doc["data"]
        numbers = {
            key: float(value)
            for key, value in values.items()
            if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        }
        for frame in self._embedded(descriptor, field, values[field]):
            self._push(frame, doc.get("time"), numbers)

    def _take_event_page(self, doc: Mapping[str, Any]) -> None:
        for number, time in enumerate(doc["time"]):
            data = {key: column[number] for key, column in doc["data"].items()}
            self._take_event({"descriptor": doc["descriptor"], "time": time, "data": data})

    def _take_stream_resource(self, doc: Mapping[str, Any]) -> None:
        self._resources[doc["uid"]] = doc

    def _take_stream_datum(self, doc: Mapping[str, Any]) -> None:
        resource = self._resources.get(doc["stream_resource"])
        descriptor = self._descriptors.get(doc["descriptor"])
        if resource is None or descriptor is None:
            return
        field = resource["data_key"]
        if field != self._image(descriptor, dict.fromkeys(descriptor["data_keys"])):
            return
        indices = range(doc["indices"]["start"], doc["indices"]["stop"])
        for frame in self._stored(resource, field, indices):
            self._push(frame, None)

    def _image(self, descriptor: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
        """The field of the frames; None if this event has none."""
        if self._field is not None:
            return self._field if self._field in data else None
        keys = descriptor.get("data_keys", {})
        images = [key for key in data if _is_image(keys.get(key, {}))]
        return images[0] if len(images) == 1 else None

    def _embedded(
        self, descriptor: Mapping[str, Any], field: str, value: Any
    ) -> Iterator[Frame | Unreadable]:
        """The frames of an event that holds them."""
        name = self._name(field)
        data = np.asarray(value)
        if data.ndim < 2 or data.dtype.kind not in "biuf":
            reason = f"{name}: event {self._number} names its frames, and does not hold them; "
            reason += "fill the documents, or follow the run on Tiled"
            yield Unreadable(name, self._number, reason)
            return
        data = data.reshape(-1, *data.shape[-2:])
        key = (descriptor["uid"], data.shape[-2:])
        if key not in self._described:
            metadata = [
                {
                    entry: values.get("data", {})
                    for entry, values in descriptor.get("configuration", {}).items()
                },
                self._start,
            ]
            self._described[key] = DescribedFrames(name, (_MOST, *data.shape[-2:]), metadata)
        described = self._described[key]
        for frame in data:
            block = range(self._number, self._number + 1)
            yield from described.read(block, frame[None], self._read)

    def _stored(
        self, resource: Mapping[str, Any], field: str, indices: range
    ) -> Iterator[Frame | Unreadable]:
        """The frames of a file that a detector writes."""
        uri, parameters = urlsplit(resource["uri"]), resource.get("parameters", {})
        dataset = parameters.get("dataset") or parameters.get("path")
        if resource.get("mimetype") not in _HDF5 or uri.scheme != "file" or not dataset:
            name = self._name(field)
            reason = f"{name}: {resource.get('mimetype')} is not read; follow the run on Tiled"
            yield from (Unreadable(name, index, reason) for index in indices)
            return
        name = f"{Path(unquote(uri.path))}::{dataset}"
        for index in indices:
            try:
                yield read(name, index, **self._read)
            except UserError as error:
                yield Unreadable(name, index, str(error))

    def _push(
        self,
        item: Frame | Unreadable,
        time: float | None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        """Tag a frame, and follow the sequence that it belongs to."""
        self._number += 1
        ready = self.tagger.ready(item)
        self.tagged = self.tagger.tag([ready])[0]
        frame = ready.frame if isinstance(ready, Ready) else ready
        reduced = self._frames.reduce(frame)
        taken = self._frames.take(reduced, time, values, self.tagged.tags)
        self._frames.messages = []
        events = [event for _, event in taken]
        self.events += events
        if self._adviser is None:
            for event in events:
                self._heed(event)
        else:
            self._adviser.tell(frame, time)
            self._follow(self._adviser.ask())
        if self._on_frame is not None:
            self._on_frame(self.tagged, events)

    def _heed(self, event: Event) -> None:
        if event.process == BEAM_LOST:
            lost = event.kind == "onset"
            self.advice, self.why = (NO_BEAM, event.why) if lost else (None, "")
        elif event.kind == "end":
            self.advice, self.why = FINISHED, event.why

    def _follow(self, advice: Any) -> None:
        action = getattr(advice, "action", None)
        if action in ("stop", "pause"):
            self.advice = FINISHED if action == "stop" else NO_BEAM
            self.why = advice.why


def _is_image(key: Mapping[str, Any]) -> bool:
    shape = [size for size in key.get("shape", []) if size is not None]
    return len(shape) >= 2 and min(shape[-2:]) >= LEAST
