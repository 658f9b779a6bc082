"""The version of xscatter, as it was installed."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("xscatter")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"
