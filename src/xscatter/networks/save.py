"""Save a Keras network so that the same network gives the same bytes."""

import json
import zipfile
from pathlib import Path
from typing import Any

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
_OBJECT, _SAVED = "shared_object_id", "date_saved"


def save_model(model: Any, path: Path) -> None:
    """Write `model` to `path` in Keras' format, without times and addresses in memory.

    Args:
        model: a Keras model.
        path: name of the file.
    """
    # Keras writes only to names that end in .keras.
    named = path.with_suffix(".keras")
    try:
        model.save(named)
        with zipfile.ZipFile(named) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                content = source.read(name)
                if name.endswith(".json"):
                    content = json.dumps(_settled(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name, _FIRST_DAY), content)
    finally:
        named.unlink(missing_ok=True)


def _settled(value: Any, numbers: dict[int, int]) -> Any:
    """Return `value` with objects numbered in their order, and without the time of saving."""
    if isinstance(value, list):
        return [_settled(one, numbers) for one in value]
    if not isinstance(value, dict):
        return value
    settled = {key: _settled(one, numbers) for key, one in value.items() if key != _SAVED}
    if _OBJECT in value:
        # Keras takes the address of the object.
        settled[_OBJECT] = numbers.setdefault(value[_OBJECT], len(numbers))
    return settled
