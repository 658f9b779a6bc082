"""Frames on a Tiled server: one array, a Bluesky run, or a container to which runs are added.

`client` speaks with the server and says what its failures mean, `nodes` finds the arrays of frames,
`bell` hears of new ones, `pixels` reads them, `follow` is the source, and `tables` writes rows
beside the frames.
"""

from xscatter.sources.tiled.follow import TiledFrames, connect

SCHEME = ("http", "https", "tiled")

__all__ = ["SCHEME", "TiledFrames", "connect"]
