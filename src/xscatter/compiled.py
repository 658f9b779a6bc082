"""Compiled inner loops: numba, with its cache shared by all jobs of a user.

The cache lies beside the package. Where that folder cannot be written (a container, a shared
installation) it goes to ``NUMBA_CACHE_DIR`` or, by default, below the user's temporary folder.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _use_writable_cache() -> None:
    if "NUMBA_CACHE_DIR" in os.environ or os.access(Path(__file__).parent, os.W_OK):
        return
    os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"xscatter-numba-{os.getuid()}")


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator: compile `function` at its first call, or load it from the cache; it runs on one core."""
    _use_writable_cache()
    import numba

    return numba.njit(cache=True, fastmath={"contract", "arcp", "nsz"}, error_model="numpy")(function)
