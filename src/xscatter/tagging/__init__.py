"""Frames to tags: the tagger, its evidence, tables and pages, and following a source of frames."""

from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Tagger

__all__ = ["Tagged", "Tagger"]
