"""Real detector frames: reading them, and finding the beam centre. Nothing here knows a network."""

from xscatter.frames.frame import Frame, Geometry
from xscatter.frames.reading import read, read_all

__all__ = ["Frame", "Geometry", "read", "read_all"]
