"""Check that a file holds all that its format says: lengths and check sums that readers ignore."""

import base64
import hashlib
import re
from pathlib import Path

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.core.errors import UserError
from xscatter.frames.frame import CUT

CBF_DATA = b"\x0c\x1a\x04\xd5"  # the compressed pixels begin with it
_DAMAGED = "was damaged: its check sum is not that of its data; copy it again"
# Bits of a difference by their code in the stream of an image plate.
_BITS = np.array([0, 4, 5, 6, 7, 8, 16, 32], np.int64)


def check_cbf(path: Path, content: bytes) -> None:
    """Check the length and the MD5 sum that a CBF file gives of its compressed pixels.

    Raises:
        UserError: there are fewer, or others.
    """
    begin = content.find(CBF_DATA)
    # fabio looks for both without end.
    if begin < 0 or b"--CIF-BINARY-FORMAT-SECTION--" not in content[:begin]:
        raise UserError(f"{path}: {CUT}, or no CBF")
    header = content[:begin]
    begin += len(CBF_DATA)
    size = re.search(rb"X-Binary-Size:\s*(\d+)", header)
    if size and begin + int(size[1]) > len(content):
        raise UserError(f"{path}: {CUT}")
    md5 = re.search(rb"Content-MD5:\s*([A-Za-z0-9+/=]{22,24})", header)
    if size and md5:
        pixels = content[begin : begin + int(size[1])]
        if base64.b64encode(hashlib.md5(pixels, usedforsecurity=False).digest()) != md5[1]:
            raise UserError(f"{path}: {_DAMAGED}")


def check_mar345(path: Path, content: bytes) -> None:
    """Check that the packed pixels of an image plate are all there.

    Raises:
        UserError: the file ends before them.
    """
    packed = re.search(rb"CCP4 packed image( V2)?, X:\s*(\d+), Y:\s*(\d+)\s?\n", content)
    if packed is None:
        raise UserError(f"{path}: {CUT}")
    if packed[1]:
        return  # with longer codes
    data = np.frombuffer(content, np.uint8, offset=packed.end())
    if not _holds(data, int(packed[2]) * int(packed[3]), _BITS):
        raise UserError(f"{path}: {CUT}")


@compiled
def _holds(data, pixels, bits):
    """Whether packed `data` hold so many pixels: blocks of 2ⁿ of them, each of the same bits.

    A block begins with n and the code of the bits, three bits each, the lowest first.
    """
    place, end = 0, 8 * len(data)
    while pixels > 0:
        if place + 6 > end:
            return False
        head = 0
        for k in range(6):
            head |= ((np.int64(data[(place + k) >> 3]) >> ((place + k) & 7)) & 1) << k
        number = 1 << (head & 7)
        place += 6 + number * bits[head >> 3]
        pixels -= number
    return place <= end


def check_edf(path: Path, header: dict[str, str], data: np.ndarray) -> None:
    """Check that the pixels of an EDF frame are as many bytes as its header says.

    Args:
        path: of the file, for messages.
        header: as fabio reads it; without a type of the pixels it takes one.
        data: the frame.

    Raises:
        UserError: they are half as many or fewer.
    """
    size = str(header.get("EDF_BinarySize", header.get("Size", "")))
    packed = any(key.lower() == "compression" for key in header)
    if size.isdigit() and not packed and 2 * data.nbytes <= int(size):
        raise UserError(f"{path}: its header names another type or size than its data have")


def check_kcd(path: Path, header: dict[str, str], content: bytes) -> None:
    """Check that a Nonius KappaCCD file holds all its readouts after its header.

    Args:
        path: of the file, for messages.
        header: as fabio reads it.
        content: of the file.

    Raises:
        UserError: it is shorter.
    """
    words = (header.get(name, "1") for name in ("X dimension", "Y dimension", "Number of readouts"))
    pixels = int(np.prod([int(word) for word in words]))
    # The header is its first line and all lines with a name and a value that follow.
    begin = content.find(b"\n") + 1
    while line := re.compile(rb"[ -~]{1,100}\r?\n").match(content, begin):
        if b"=" not in line[0] and line[0].strip() != b"Binned mode":
            break
        begin = line.end()
    if 2 * pixels > len(content) - begin:
        raise UserError(f"{path}: {CUT}")
