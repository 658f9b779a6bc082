"""The table of frames of a source that is followed: one row a frame, with its quantities.

It has the columns of frames.csv of a finished sequence. Its length is part of the state from which
a watch resumes: what was written since is cut off, and written again.
"""

import os
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.sequences.stream import FrameRow
from xscatter.sequences.tables import frames_header, frames_line
from xscatter.tagging.table import printable


class FrameTable:
    """A table that grows by one row a frame.

    Args:
        path: the file.
        length: its length in bytes when the state was written; None: it is begun.

    Raises:
        UserError: it cannot be written, or is not the file it was.
    """

    def __init__(self, path: Path, length: int | None):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b")  # noqa: SIM115 - stays open while a source is followed
            size = self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written ({error.strerror}); choose another file with --frames"
            ) from error
        if size < (length or 0) or (size and length is None):
            self._file.close()
            raise UserError(
                f"{path}: is not the table that this watch began; choose another file with --frames"
            )
        self._file.truncate(length or 0)
        if not length:
            self._file.write(frames_header().encode())

    def add(self, row: FrameRow) -> None:
        """Add a frame."""
        row.file, row.note = printable(row.file), printable(row.note)
        self._file.write(frames_line(row).encode())

    def flush(self) -> int:
        """Write all rows to disk, and return the length of the file in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
