"""Real detector frames: reading them, and finding the beam centre. Nothing here knows a network."""

from xscatter.frames.center import CenterEstimate, find_center
from xscatter.frames.frame import BeamGeometry, Frame, Unreadable
from xscatter.frames.reading import from_array, read, read_all

__all__ = [
    "BeamGeometry",
    "CenterEstimate",
    "Frame",
    "Unreadable",
    "find_center",
    "from_array",
    "read",
    "read_all",
]
