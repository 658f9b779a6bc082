"""xscatter: simulate x-ray scattering images, and train a tagger that recognises what they show."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("xscatter")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
