"""HDF5 shards that are complete or absent: the mark of completeness is written last.

A shard carries three root attributes, written last: ``checksum``, the SHA-256 over all its
datasets (chunks as stored, so that checking never decompresses) and attributes, ``layout``, the
SHA-256 over how they are stored (types, chunks, filters), and ``complete``. Together they decide
whatever can be read: other bytes of an HDF5 file are unused.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the compression filters with HDF5
import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import NO_SPACE, complete_file

_MARKS = ("checksum", "layout", "complete")


@contextmanager
def new_shard(path: str | Path, **attributes: object) -> Iterator[h5py.File]:
    """Yield an open HDF5 file that becomes `path` when the block ends without an error.

    Args:
        path: name of the shard; until the end, nothing has it.
        attributes: attributes of the root; those of a complete shard are added last.
    """
    with complete_file(path) as part:
        with (
            h5py.File(h5py.h5f.create(os.fsencode(part), fapl=_access())) as file,
            _able_to_close(file),
        ):
            for key, value in attributes.items():
                file.attrs[key] = value
            yield file
        with (
            h5py.File(h5py.h5f.open(os.fsencode(part), h5py.h5f.ACC_RDWR, _access())) as file,
            _able_to_close(file),
        ):
            file.attrs["checksum"] = checksum(file)
            file.attrs["layout"] = _layout(file)
            _settle(file)
            file.attrs["complete"] = True


def _access() -> h5py.h5p.PropFAID:
    """Return properties that open a file without buffers of data.

    Data that buffers still hold when the disk is full would crash the interpreter later.
    """
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_V110)
    access.set_cache(0, 0, 0, 0.75)
    access.set_sieve_buf_size(0)
    # Nobody else knows the temporary name, and some file systems refuse locks.
    access.set_file_locking(False, True)
    return access


@contextmanager
def _able_to_close(file: h5py.File) -> Iterator[None]:
    """Flush `file` at the end of the block; after a failure, make sure that it can be closed.

    HDF5 crashes the interpreter when the writes fail that it makes while it closes a file. After a
    failure its file handle therefore leads to memory, which takes whatever is still written.
    """
    try:
        yield
        _settle(file)
    except BaseException:
        nowhere = os.memfd_create("xscatter")
        os.dup2(nowhere, file.id.get_vfd_handle())
        os.close(nowhere)
        raise


def _settle(file: h5py.File) -> None:
    """Reserve the space that `file` takes, then flush: HDF5 does not survive a failed flush."""
    try:
        os.posix_fallocate(file.id.get_vfd_handle(), 0, file.id.get_filesize())
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        # This file system cannot reserve space.
    file.flush()


def checksum(file: h5py.File) -> str:
    """Return the SHA-256 (lower-case hex) of `file`: names, types, shapes, bytes and attributes."""
    digest = hashlib.sha256()

    def add(name: str, item: h5py.HLObject) -> None:
        digest.update(name.encode())
        for key in sorted(item.attrs):
            if not (name == "/" and key in _MARKS):
                value = item.attrs[key]
                digest.update(f"@{key}={np.asarray(value).tolist()!r}".encode())
        if isinstance(item, h5py.Dataset):
            digest.update(f"{item.dtype.str}{item.shape}".encode())
            _add_data(digest, item)

    add("/", file["/"])
    file.visititems(add)
    return digest.hexdigest()


def _add_data(digest, data: h5py.Dataset) -> None:
    """Add the bytes of `data` to `digest`; chunks as they are stored, not decompressed."""
    if data.chunks is None:
        # In slabs of 16 MB: the digest is the same, and memory stays small.
        rows = max(1, 2**24 * len(data) // max(1, data.nbytes)) if data.shape else 1
        slabs: list[Any] = [()]
        if data.shape:
            slabs = [slice(n, n + rows) for n in range(0, len(data), rows)]
        for slab in slabs:
            value = np.asarray(data[slab])
            digest.update(
                repr(value.tolist()).encode() if value.dtype.kind == "O" else value.tobytes()
            )
        return
    offsets: list[tuple[int, ...]] = []
    data.id.chunk_iter(lambda chunk: offsets.append(chunk.chunk_offset))
    for offset in offsets:
        digest.update(repr(offset).encode())
        # As stored: compression is part of the content, and nothing is decompressed.
        digest.update(data.id.read_direct_chunk(offset)[1])


def _layout(file: h5py.File) -> str:
    """Return the SHA-256 (lower-case hex) of how `file` is stored.

    A filter or a chunk that is described wrongly makes other values of the right bytes.
    """
    parts: list[Any] = []

    def add(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset):
            made = item.id.get_create_plist()
            filters = [made.get_filter(number)[:3] for number in range(made.get_nfilters())]
            masks: list[int] = []
            if item.chunks:
                item.id.chunk_iter(lambda chunk: masks.append(chunk.filter_mask))
            fill = np.asarray(item.fillvalue).tolist()
            parts.append([name, str(item.dtype), item.shape, item.chunks, filters, masks, fill])

    file.visititems(add)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def read_file(path: str | Path) -> h5py.File:
    """Open an HDF5 file for reading, without a lock.

    A shard never changes under its name, and some file systems refuse locks.
    """
    return h5py.File(path, "r", locking=False)


def problem(path: str | Path, deep: bool = True, **expected: object) -> str | None:
    """Return in a few words what is wrong with the HDF5 shard at `path`; None: nothing.

    Args:
        path: the shard.
        deep: compare the content with the checksum; else only the marks and `expected` are checked.
        expected: attributes of the root and the values that they must have.
    """
    path = Path(path)
    if not path.exists():
        return "missing"
    try:
        with read_file(path) as file:
            if not file.attrs.get("complete", False):
                return "partial: its mark of completeness is missing"
            for key, value in expected.items():
                # The cheap checks come first; the checksum reads everything.
                if file.attrs.get(key) != value:
                    return f"foreign: its {key} is {file.attrs.get(key)!r}, not {value!r}"
            if deep and checksum(file) != file.attrs["checksum"]:
                return "corrupt: its content does not match its checksum"
            # Files of earlier versions do not have it.
            if deep and "layout" in file.attrs and _layout(file) != file.attrs["layout"]:
                return "corrupt: the description of its datasets is damaged"
    except Exception as error:  # h5py raises many kinds of errors for damaged files
        return f"corrupt: HDF5 cannot read it ({str(error).splitlines()[0][:120]})"
    return None


def damage(path: str | Path) -> str | None:
    """Return what is wrong with `path` if it is a shard; None: nothing, or it is no file of ours.

    For commands that read files of other programs, too.
    """
    try:
        with read_file(path) as file:
            own = bool({"study_hash", *_MARKS} & {*file.attrs})
    except Exception:  # who reads its frames says what is wrong
        return None
    return problem(path) if own else None


@contextmanager
def open_shard(path: str | Path, deep: bool = False, /, **expected: object) -> Iterator[h5py.File]:
    """Open a complete shard for reading.

    Args:
        path: the shard.
        deep: compare the content with the checksum first, which reads all of it.
        expected: attributes of the root and the values that they must have.

    Raises:
        UserError: it is missing, partial, corrupt or of another study.
    """
    wrong = problem(path, deep, **expected)
    if wrong == "missing":
        raise UserError(f"{path}: missing; check its name, or make it first")
    if wrong:
        raise UserError(
            f"{path}: {wrong}; if it belongs to a study, `xscatter verify` says what to do"
        )
    with read_file(path) as file:
        yield file
