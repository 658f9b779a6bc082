"""A cache for Snakemake where the home folder cannot be written."""

import os
import sys
import tempfile
from pathlib import Path

from xscatter.core.files import private_folder

_VARIABLE = "XDG_CACHE_HOME"


def settle() -> None:
    """Name a folder that can be written, if Snakemake's own cache could not be made.

    Snakemake ends with a traceback otherwise, before it reads any Snakefile or profile. Its jobs
    inherit the name.
    """
    usual = Path(os.environ.get(_VARIABLE) or os.path.expanduser("~/.cache"))
    if _writable(usual / "snakemake"):
        return
    other = Path(tempfile.gettempdir()) / f"xscatter-cache-{os.getuid()}"
    if not private_folder(other):
        sys.exit(f"{usual}: cannot be written; set {_VARIABLE} to a folder that can be")
    os.environ[_VARIABLE] = str(other)
    print(f"xscatter: {usual} cannot be written; {_VARIABLE} is {other}", file=sys.stderr)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
