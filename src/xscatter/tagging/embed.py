"""Features of all frames of a file: networks once a frame."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.frames import Unreadable
from xscatter.frames.reading import read_each
from xscatter.sequences.features import Embedder, columns
from xscatter.sequences.header_time import header_time
from xscatter.sequences.reduction import centred
from xscatter.sequences.stream import FrameStream
from xscatter.store.features import write_features
from xscatter.tagging.tagger import Ready, Tagger
from xscatter.tagging.temporal import logits_of


def embed(
    name: str, path: Path, source: str, tagger: Tagger | None, options: Mapping[str, Any]
) -> list[str]:
    """Write the features of the frames in a file, and return messages about them.

    Args:
        name: of the file of frames.
        path: of the features.
        source: SHA-256 of the file of frames.
        tagger: networks whose logits are part of the features, or None.
        options: of reading frames.

    Raises:
        UserError: a frame cannot be read, or has another size than those before it.
    """
    stream, embedder = FrameStream(record=False), None
    rows, logits, times = [], [], []
    tags = 0 if tagger is None else len(tagger.tags)
    for item, answer in _answers(name, tagger, options):
        if isinstance(item, Unreadable):
            raise UserError(item.reason)
        reduced = stream.reduce(item)
        if reduced.begins:
            raise UserError(f"{name}: frame {item.index}: {reduced.begins}; give one sequence")
        grid = reduced.reduction.grid if reduced.reduction else None
        assert grid is not None
        assert reduced.sums is not None
        embedder = embedder or Embedder(grid.live)
        time = _time(name, item.index)
        stream.take(reduced)
        rows.append(embedder.push(reduced.sums, stream.z, reduced.center, time, answer))
        logits.append(answer)
        times.append(np.nan if time is None else time)
    models = {} if tagger is None else tagger.weights
    write_features(path, np.array(rows), columns(tags), np.array(logits), times, source, models)
    return stream.messages


def _answers(name: str, tagger: Tagger | None, options: Mapping[str, Any]) -> Any:
    """Yield frames with their beam centre, and the logits (T,) of the network that answers."""
    if tagger is None:
        for item in read_each(name, **options):
            yield (item if isinstance(item, Unreadable) else centred(item)), np.zeros(0)
        return
    for batch in tagger.batches(name, **options):
        for ready, tagged in zip(batch, tagger.tag(batch), strict=True):
            frame = ready.frame if isinstance(ready, Ready) else ready
            yield frame, logits_of(tagged.probability)


def _time(name: str, index: int) -> float | None:
    try:
        return header_time(name, index)
    except UserError:
        return None
