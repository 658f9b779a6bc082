"""The state of a running analysis on disk: JSON for plain values, arrays beside it, in one .npz."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file

VERSION = 3
_TREE = "tree"


def save_state(path: str | Path, state: dict[str, Any]) -> None:
    """Write nested dictionaries and lists of plain values and arrays, completely or not at all."""
    arrays: dict[str, np.ndarray] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            name = f"a{len(arrays)}"
            arrays[name] = value
            return {"array": name}
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value.item() if isinstance(value, np.generic) else value

    tree = json.dumps({"version": VERSION, "state": plain(state)})
    stream = io.BytesIO()
    arrays[_TREE] = np.frombuffer(tree.encode(), np.uint8)
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    with complete_file(path) as part:
        part.write_bytes(stream.getvalue())


def load_state(path: str | Path) -> dict[str, Any]:
    """Return what :func:`save_state` wrote.

    Raises:
        UserError: it cannot be read, or is of another version.
    """
    try:
        with np.load(path) as arrays:
            stored = json.loads(bytes(arrays[_TREE]))
            if stored["version"] != VERSION:
                raise ValueError(f"version {stored['version']}, not {VERSION}")

            def whole(value: Any) -> Any:
                if isinstance(value, dict):
                    if value.keys() == {"array"}:
                        return arrays[value["array"]]
                    return {key: whole(item) for key, item in value.items()}
                return [whole(item) for item in value] if isinstance(value, list) else value

            return whole(stored["state"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(
            f"{path}: is no state of this version ({error}); delete it to begin again"
        ) from error
