"""Real detector frames: reading, beam centre, tagging."""

from typing import TYPE_CHECKING, Any

from xscatter.frames.frame import Frame, Geometry
from xscatter.frames.reading import read, read_all

if TYPE_CHECKING:
    from xscatter.frames.tagger import Tagged, Tagger

__all__ = ["Frame", "Geometry", "Tagged", "Tagger", "read", "read_all"]


def __getattr__(name: str) -> Any:
    if name in ("Tagged", "Tagger"):  # imported when asked for: reading frames needs no network
        from xscatter.frames import tagger

        return getattr(tagger, name)
    raise AttributeError(name)
