"""The record of a stream in bounded memory: sums of frames, then of pairs, then of fours…"""

from dataclasses import dataclass

from xscatter.sequences.polar import Sums
from xscatter.sequences.segments import MOST


@dataclass(frozen=True)
class Block:
    """The sum of some frames that follow one another.

    Attributes:
        first: number of the first frame.
        last: number of the last frame.
        frames: how many there are.
        sums: of all.
    """

    first: int
    last: int
    frames: int
    sums: Sums

    def joined(self, other: "Block") -> "Block":
        """Return the sum of two blocks."""
        return Block(self.first, other.last, self.frames + other.frames, self.sums.plus(other.sums))


class BlockRecord:
    """Blocks of frames, at most twice as many as are divided into segments.

    Attributes:
        blocks: in order.
        together: frames in a block, but for the last one.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.together = 1

    def add(self, number: int, sums: Sums) -> None:
        """Add a frame; when there are too many blocks, pairs of them are joined."""
        block = Block(number, number, 1, sums)
        if self.blocks and self.blocks[-1].frames < self.together:
            self.blocks[-1] = self.blocks[-1].joined(block)
            return
        if len(self.blocks) == MOST:
            pairs = zip(self.blocks[::2], self.blocks[1::2], strict=True)
            self.blocks = [one.joined(other) for one, other in pairs]
            self.together *= 2
        self.blocks.append(block)

    def drop(self, number: int) -> None:
        """Remove a frame that was a burst, if it is still alone in its block."""
        self.blocks = [block for block in self.blocks if block.frames > 1 or block.first != number]
