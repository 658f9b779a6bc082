"""Frames to tags: the tagger, its evidence, tables and pages, and following a source of frames."""

from xscatter.tagging.tagger import Tagged, Tagger

__all__ = ["Tagged", "Tagger"]
