"""Find damaged heaps of an HDF5 file, in which the library would look for ever."""

import os
from pathlib import Path
from typing import BinaryIO

from xscatter.core.errors import UserError

# A collection of texts and other values of any length: its mark, its version, three zeros.
_MARK = b"GCOL\x01\x00\x00\x00"
_OF_COLLECTION, _OF_OBJECT = 16, 16  # bytes before its objects, and before the value of each
_LOOKED_AT = 2**22  # bytes at the begin and at the end, where almost all libraries write them


def check_heaps(source: str | Path | BinaryIO) -> None:
    """Check the global heaps near the begin and the end of a file.

    HDF5 steps from one object of a heap to the next by their lengths; where these were blotted
    out, it steps by nothing and never ends, and no other thread can stop it. The format is that of
    https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.E, with addresses of
    eight bytes.

    Args:
        source: the file, or its content.

    Raises:
        UserError: the file is damaged.
    """
    if isinstance(source, (str, Path)):
        with open(source, "rb") as stream:
            parts = _ends(stream)
    else:
        parts = _ends(source)
    if any(_is_endless(part) for part in parts):
        name = source if isinstance(source, (str, Path)) else "the packed file"
        raise UserError(f"{name}: is damaged, or still being written; copy it again")


def _ends(stream: BinaryIO) -> list[bytes]:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    first = stream.read(_LOOKED_AT)
    stream.seek(max(len(first), size - _LOOKED_AT))
    return [first, stream.read(_LOOKED_AT)]


def _is_endless(part: bytes) -> bool:
    begin = part.find(_MARK)
    while begin >= 0:
        end = min(begin + int.from_bytes(part[begin + 8 : begin + 16], "little"), len(part))
        place = begin + _OF_COLLECTION
        while place + _OF_OBJECT <= end:
            number = int.from_bytes(part[place : place + 2], "little")
            length = int.from_bytes(part[place + 8 : place + 16], "little")
            # Number 0 is what is free, its head included; values are filled up to eight bytes.
            step = _OF_OBJECT + (length + 7) // 8 * 8 if number else length
            if step == 0:
                return True
            place += step
        begin = part.find(_MARK, begin + len(_MARK))
    return False
