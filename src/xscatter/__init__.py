"""xscatter: simulate x-ray scattering images, and train a tagger that recognises what they show."""

from xscatter.core.version import __version__

__all__ = ["__version__"]
