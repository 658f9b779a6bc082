"""Undo the LZW compression of TIFF, strictly: damaged data are an error, never zeros."""

import numpy as np

from xscatter.core.compiled import compiled

_CLEAR, _END, _MOST = 256, 257, 4096


def decoded(data: bytes, length: int) -> bytes:
    """Return the `length` bytes that LZW data stand for.

    Raises:
        ValueError: they stand for fewer, or are damaged.
    """
    out = np.empty(length, np.uint8)
    if _decode(np.frombuffer(data, np.uint8), out) != length:
        raise ValueError("its LZW data are damaged, or end before the image does")
    return out.tobytes()


@compiled
def _decode(data, out):
    """Fill `out`; return the number of bytes that were known (TIFF 6.0, section 13)."""
    # A string is its first part, which is a known string, and one more byte.
    prefix = np.empty(_MOST, np.int64)
    last = np.empty(_MOST, np.uint8)
    size = np.ones(_MOST, np.int64)
    for n in range(256):
        last[n] = n
    following, bits, before, made, place, held, have = 258, 9, -1, 0, 0, 0, 0
    while made < len(out):
        while have < bits:
            if place >= len(data):
                return made
            held = (held << 8) | np.int64(data[place])
            have += 8
            place += 1
        code = (held >> (have - bits)) & ((1 << bits) - 1)
        have -= bits
        held &= (1 << have) - 1
        if code == _END:
            return made
        if code == _CLEAR:
            following, bits, before = 258, 9, -1
            continue
        if code > following or (code == following and before < 0) or (before < 0 and code > 255):
            return made
        # The string that is being defined begins like the one before, and ends with that begin.
        known = before if code == following else code
        length = size[known] + (1 if code == following else 0)
        if made + length > len(out):
            return -1
        where = made + size[known] - 1
        piece = known
        while where > made:
            out[where] = last[piece]
            piece = prefix[piece]
            where -= 1
        out[made] = last[piece]
        if code == following:
            out[made + length - 1] = out[made]
        if before >= 0 and following < _MOST:
            prefix[following] = before
            last[following] = out[made]
            size[following] = size[before] + 1
            following += 1
        made += length
        before = code
        # One code early: an old slip of the pen that became the standard.
        bits = 9 if following < 511 else 10 if following < 1023 else 11 if following < 2047 else 12
    return made
