"""Files and folders that are complete or absent: write elsewhere, flush to disk, rename."""

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xscatter.core.errors import UserError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what systems report for a full disk


@contextmanager
def complete_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    On any exception the temporary file is removed and `path` is untouched.

    Raises:
        UserError: the disk is full, or the folder cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with complete_file(folder / "note.txt") as part:
        ...     characters = part.write_text("complete")
        >>> (folder / "note.txt").read_text()
        'complete'
    """
    path = Path(path)
    part = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        # Before the rename: a name must never be on disk before its content.
        with open(part, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(part, path)
        _flush_folder(path.parent)
    except (OSError, RuntimeError) as error:  # h5py raises both when a disk is full
        raise _explain(error, path) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def complete_folder(path: str | Path) -> Iterator[Path]:
    """Yield a new folder beside `path`; on success rename it to `path`, in place of what was there.

    Its files are flushed as :func:`write_text` and :func:`complete_file` do. On any exception the
    new folder is removed and `path` is untouched.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    path = Path(path).absolute()
    part, former = _temporary(path), _temporary(path)
    try:
        part.mkdir(parents=True)
        yield part
        _flush_folder(part)
        # A folder cannot replace another that has files.
        if path.exists():
            os.replace(path, former)
        os.replace(part, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        for left in (part, former):
            shutil.rmtree(left, ignore_errors=True)


def _temporary(path: Path) -> Path:
    # Writers on other nodes may have the same process number.
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def _flush_folder(folder: Path) -> None:
    """Flush the names in `folder`: without it a power failure could undo the rename."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(error: OSError | RuntimeError, path: Path) -> Exception:
    """Return the error that tells the user what to do about `path`, or `error` itself."""
    text = str(error)
    number = getattr(error, "errno", None)
    # HDF5 gives the number, or only the words, in the text of its error.
    signs = ("No space left", "Disk quota", *(f"errno = {n}," for n in NO_SPACE))
    if number in NO_SPACE or any(sign in text for sign in signs):
        return UserError(
            f"{path}: no space left on the disk; free some, then run the same command again"
        )
    if number in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
        return UserError(
            f"{path}: cannot be written ({os.strerror(number)}); choose another folder with -o"
        )
    return error


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, completely or not at all."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, completely or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content`, completely or not at all."""
    with complete_file(path) as part:
        part.write_bytes(content)


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes in lower-case hex; the file is read in pieces."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
