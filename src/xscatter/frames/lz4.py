"""Check LZ4 data before a library decodes them: some decoders leave their memory on damaged ones.

The filters of HDF5 store a chunk as its length (8 bytes), the length of its blocks (4 bytes), both
big-endian, and its blocks, each after its compressed length (4 bytes).
"""

import numpy as np

from xscatter.core.compiled import compiled

BITSHUFFLE, LZ4 = 32008, 32004  # numbers of the filters
_ZSTD = 3  # bitshuffle's other codec, which checks for itself


def is_sound(filter_number: int, options: tuple[int, ...], chunk: bytes, length: int) -> bool:
    """Whether a chunk can be decoded without leaving its memory.

    Args:
        filter_number: of the filter that is undone first.
        options: of the filter.
        chunk: as stored.
        length: bytes of the decoded chunk.
    """
    if filter_number == BITSHUFFLE:
        if len(options) < 5 or options[4] not in (2, _ZSTD):
            return True  # shuffled, not compressed
        # Blocks are of multiples of eight elements; what is left is stored as it is.
        rest = length % (8 * options[2])
        raw_blocks, zstd = False, options[4] == _ZSTD
    elif filter_number == LZ4:
        rest, raw_blocks, zstd = 0, True, False
    else:
        return True
    if len(chunk) < 12 or int.from_bytes(chunk[:8], "big") != length:
        return False
    block = int.from_bytes(chunk[8:12], "big")
    if not 0 < block <= 2**30:
        return False
    data = np.frombuffer(chunk, np.uint8)
    return bool(_blocks_are_sound(data, length - rest, rest, block, raw_blocks, zstd))


@compiled
def _blocks_are_sound(data, length, rest, block, raw_blocks, zstd):
    """Whether the blocks from byte 12 on give `length` bytes, and `rest` bytes follow."""
    place = 12
    while length > 0:
        size = min(block, length)
        if place + 4 > len(data):
            return False
        stored = 0
        for k in range(4):
            stored = stored * 256 + np.int64(data[place + k])
        place += 4
        if stored <= 0 or place + stored > len(data):
            return False
        raw = raw_blocks and stored == size
        if not raw and not zstd and not _block_is_sound(data, place, place + stored, size):
            return False
        place += stored
        length -= size
    return place + rest <= len(data)


@compiled
def _block_is_sound(data, place, end, size):
    """Whether the LZ4 block from `place` to `end` gives `size` bytes and looks back at no others.

    https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
    """
    made = 0
    while place < end:
        token = np.int64(data[place])
        place += 1
        literals, match = token >> 4, token & 15
        if literals == 15:
            more = 255
            while more == 255:
                if place >= end:
                    return False
                more = np.int64(data[place])
                literals += more
                place += 1
        place += literals
        made += literals
        if place > end or made > size:
            return False
        if place == end:
            return made == size
        if place + 2 > end:
            return False
        offset = np.int64(data[place]) + 256 * np.int64(data[place + 1])
        place += 2
        if offset == 0 or offset > made:
            return False
        if match == 15:
            more = 255
            while more == 255:
                if place >= end:
                    return False
                more = np.int64(data[place])
                match += more
                place += 1
        made += match + 4
        if made > size:
            return False
    return False
