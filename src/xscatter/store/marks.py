"""The mark beside a batch: what it was made from, so that it is not made twice, and its checksum.

It is written after the batch. A batch that has no mark, or another length, is not complete.
"""

import contextlib
import json
from pathlib import Path

from xscatter.core.files import write_json

_KEYS = {"content", "bytes", "sha256"}


def mark_of(path: Path) -> Path:
    """Return the name of the mark of the batch at `path`."""
    return path.with_name(f".{path.name}.json")


def write_mark(path: Path, content: str, sha256: str) -> None:
    """Mark the batch at `path` as complete.

    Args:
        path: the batch.
        content: hash of what it was made from.
        sha256: checksum of its bytes.
    """
    size = path.stat().st_size
    write_json(mark_of(path), {"content": content, "bytes": size, "sha256": sha256})


def read_mark(path: Path) -> dict[str, str] | None:
    """Return the mark of the batch at `path`, or None if the batch is not complete."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        mark = json.loads(mark_of(path).read_text())
        if mark.keys() == _KEYS and path.stat().st_size == mark["bytes"]:
            return mark
    return None


def made_from(path: Path) -> str | None:
    """Return a hash of what the batch at `path` was made from, or None if it is not complete."""
    mark = read_mark(path)
    return mark["content"] if mark else None
