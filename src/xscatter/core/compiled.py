"""Compiled inner loops: numba, with its cache shared by all jobs of a user.

The cache lies beside the package. Where that folder cannot be written (a container, a shared
installation) it goes to ``NUMBA_CACHE_DIR`` or, by default, to a folder of the user's alone: reading
a cache runs what it holds, so one that others could write is never read.
"""

import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any


def _use_writable_cache() -> bool:
    """Name a folder for the cache to numba; False: there is none that is safe."""
    if "NUMBA_CACHE_DIR" in os.environ or os.access(Path(__file__).parent, os.W_OK):
        return True
    home = (
        Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
        / "xscatter"
        / "numba"
    )
    for folder in (home, Path(tempfile.gettempdir()) / f"xscatter-numba-{os.getuid()}"):
        if _private(folder):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            return True
    return False


def _private(folder: Path) -> bool:
    """Make `folder` if need be; whether it is ours, no link, and nobody else may write it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return ours and os.access(folder, os.W_OK)


def compiled(
    function: Callable[..., Any] | None = None,
    *,
    fastmath: Iterable[str] | None = ("contract", "arcp", "nsz"),
) -> Any:
    """Decorator: compile `function` at its first call, or load it from the cache.

    It runs on one core, without the interpreter's lock: other threads go on meanwhile. To divide by zero is no error,
    for to look for it would keep loops out of vector registers. `fastmath` names what LLVM may do to sums and products.
    """
    if function is None:
        return partial(compiled, fastmath=fastmath)
    cache = _use_writable_cache()
    import numba

    return numba.njit(
        cache=cache, fastmath=set(fastmath) if fastmath else False, error_model="numpy", nogil=True
    )(function)
