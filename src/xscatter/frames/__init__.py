"""Real detector frames: reading, beam centre, tagging."""

from xscatter.frames.frame import Frame, Geometry
from xscatter.frames.read import read, read_all

__all__ = ["Frame", "Geometry", "read", "read_all"]
