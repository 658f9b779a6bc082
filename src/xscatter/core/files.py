"""Files and folders that are complete or absent: write elsewhere, flush to disk, rename.

A sealed file has its SHA-256 in a small hidden file beside it, so that `xscatter verify` notices
damage that can still be read. HDF5 shards and record batches need no seal: their checksums are
kept otherwise.
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xscatter.core.errors import UserError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what systems report for a full disk
_HEX_DIGITS = 64  # of a SHA-256


@contextmanager
def complete_file(path: str | Path, sealed: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    On any exception the temporary file is removed and `path` is untouched.

    Args:
        path: name of the file.
        sealed: keep its SHA-256 beside it, see :func:`seal_problem`.

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
        # The old seal goes first: a kill in between leaves a file without one, never with a wrong
        # one.
        seal_of(path).unlink(missing_ok=True)
        digest = file_sha256(part) if sealed else ""
        os.replace(part, path)
        _flush_folder(path.parent)
        if sealed:
            write_text(seal_of(path), f"{digest}\n")
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


def seal_of(path: Path) -> Path:
    """Return the name of the seal of the file at `path`."""
    return path.with_name(f".{path.name}.sha256")


def seal_problem(path: Path) -> str | None:
    """Return in a few words what is wrong with a sealed file; None: nothing, or it has no seal."""
    try:
        stated = seal_of(path).read_text().strip()
    except (OSError, ValueError):
        return None
    # A seal that was itself cut short says nothing about the file.
    if len(stated) != _HEX_DIGITS or file_sha256(path) == stated:
        return None
    return f"corrupt: its content does not match its checksum in {seal_of(path).name}"


def read_sealed(path: str | Path) -> str:
    """Return the text of a sealed file.

    Raises:
        ValueError: it is damaged.
        OSError: it cannot be read.
    """
    if wrong := seal_problem(Path(path)):
        raise ValueError(wrong)
    return Path(path).read_text()


def write_json(path: str | Path, value: object, sealed: bool = False) -> None:
    """Write `value` as indented JSON, completely or not at all.

    Args:
        path: name of the file.
        value: what JSON can hold.
        sealed: keep its checksum beside it.
    """
    write_text(path, json.dumps(value, indent=1) + "\n", sealed)


def write_text(path: str | Path, text: str, sealed: bool = False) -> None:
    """Write `text` as UTF-8, completely or not at all.

    Args:
        path: name of the file.
        text: the content.
        sealed: keep its checksum beside it.
    """
    write_bytes(path, text.encode(), sealed)


def write_bytes(path: str | Path, content: bytes, sealed: bool = False) -> None:
    """Write `content`, completely or not at all.

    Args:
        path: name of the file.
        content: the bytes.
        sealed: keep its checksum beside it.
    """
    with complete_file(path, sealed) as part:
        part.write_bytes(content)


def private_folder(folder: Path) -> bool:
    """Make `folder` if needed; return whether it is ours, no link, and writable by us alone."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return False
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    # Neither group nor others may write.
    return ours and not status.st_mode & 0o022 and os.access(folder, os.W_OK)


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes in lower-case hex; the file is read in pieces."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
