"""Compiled loops of the stage: over the counts of images, and over the bytes of a stored chunk."""

import numpy as np

from xscatter.core.compiled import compiled

_compiled = compiled(fastmath=("reassoc", "contract", "nsz", "arcp"))


@_compiled
def holds(pixels, value, mask):
    """Return whether any of the pixels (n,) that `mask` (n,) leaves has this value."""
    holds_it = False
    for n in range(pixels.size):  # no early exit: that would keep the loop out of vector registers
        holds_it |= (pixels[n] == value) & (not mask[n])
    return holds_it


@_compiled
def anscombe(counts, values):
    """Write 2 sqrt(n + 3/8) of `counts` (n,) to float32 `values` (n,)."""
    for n in range(counts.size):
        values[n] = np.float32(2) * np.sqrt(np.float32(counts[n]) + np.float32(0.375))


@_compiled
def whole_blocks(stored, first, blocks, tail):
    """Return whether compressed blocks fill the bytes of a chunk exactly.

    From index `first` on, `stored` must hold `blocks` blocks, each behind its length as four bytes,
    big-endian, and then `tail` bytes.
    """
    at = first
    for _ in range(blocks):
        if at + 4 > stored.size:
            return False
        at += 4 + (
            (np.int64(stored[at]) << 24) + (np.int64(stored[at + 1]) << 16)
            + (np.int64(stored[at + 2]) << 8) + np.int64(stored[at + 3])
        )  # fmt: skip
    return at + tail == stored.size
