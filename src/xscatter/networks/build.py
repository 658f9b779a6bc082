"""Find the function that builds the network of a view."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from xscatter.networks.quiet import import_tensorflow
from xscatter.views import View


def builder(view: View) -> Callable[..., Any]:
    """Return the function that builds the network of `view`; TensorFlow is imported here."""
    import_tensorflow()
    module, _, function = view.network.partition(":")
    return getattr(import_module(module), function)
