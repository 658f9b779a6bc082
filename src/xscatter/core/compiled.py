"""Compiled inner loops: numba, with its cache shared by all jobs of a user.

The cache is beside the package. Where that folder cannot be written (a container, a shared
installation) it is in ``NUMBA_CACHE_DIR`` or, by default, in a folder that only the user can write:
reading a cache runs what it holds, so a cache that others could write is never read.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from xscatter.core.files import private_folder

_functions: list[Any] = []


def _use_writable_cache() -> bool:
    """Tell numba the folder of its cache; return False if no folder is safe."""
    # The choice of the user comes first.
    if "NUMBA_CACHE_DIR" in os.environ or os.access(Path(__file__).parent, os.W_OK):
        return True
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    temporary = Path(tempfile.gettempdir())
    for folder in (home / "xscatter" / "numba", temporary / f"xscatter-numba-{os.getuid()}"):
        if private_folder(folder):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            return True
    return False


def compiled(
    function: Callable[..., Any] | None = None,
    *,
    fastmath: Iterable[str] | None = ("contract", "arcp", "nsz"),
) -> Any:
    """Decorator: compile `function` at its first call, or load it from the cache.

    It runs on one core and without the interpreter's lock, so that other threads continue
    meanwhile. Division by zero is no error: a check would keep loops out of vector registers.

    Args:
        function: the function, where the decorator is used without arguments.
        fastmath: what LLVM may do to sums and products; None: nothing.
    """
    if function is None:
        return partial(compiled, fastmath=fastmath)
    cache = _use_writable_cache()
    import numba  # reads NUMBA_CACHE_DIR when it is imported

    allowed = set(fastmath) if fastmath else False
    made = numba.njit(cache=cache, fastmath=allowed, error_model="numpy", nogil=True)(function)
    _functions.append(made)
    return made


def load() -> None:
    """Load what the cache has of all compiled functions, before their first call.

    It is done before a process forks, so that its children do not each load the same again.
    """
    for function in _functions:
        # The index is numba's own affair. Without it, a child loads what it needs.
        with suppress(Exception):
            cache, codegen = function._cache, function.targetctx.codegen()
            for key in list(cache._cache_file._load_index()):
                if key == cache._index_key(key[0], codegen):
                    function.compile(key[0])
