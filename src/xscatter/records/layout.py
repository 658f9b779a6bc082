"""The fields of a record, and how records.json describes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xscatter.records.constants import DTYPE

FORMAT = 1
CENTER_CONFIDENCE = "center_confidence"
"""Field of records whose coefficients are about a centre as it is known in use."""


def record_dtype(
    tags: int, image: tuple[int, int], coefficients: tuple[int, int], confidence: bool = False
) -> np.dtype:
    """Return the structured type of a record: little-endian, and aligned to eight bytes.

    Args:
        tags: number of tags.
        image: rows and columns.
        coefficients: angular and radial orders.
        confidence: whether there is a field with the confidence of the beam centre.

    Example:
        >>> record_dtype(3, (4, 4), (2, 2)).itemsize  # 32 + 8 + 32 + 3 bytes, rounded up
        80
    """
    # The widest type first, so that every field is aligned without gaps.
    fields: list[tuple[str, np.dtype, tuple[int, ...]]] = [
        ("coefficients", np.dtype("<c8"), coefficients),
        ("source", np.dtype("<i4"), (2,)),
        *([(CENTER_CONFIDENCE, np.dtype("<f4"), ())] if confidence else []),
        ("image", DTYPE, image),
        ("tags", np.dtype("u1"), (tags,)),
    ]
    lengths = [kind.itemsize * int(np.prod(shape)) for _, kind, shape in fields]
    offsets = np.cumsum([0, *lengths])
    return np.dtype(
        {
            "names": [name for name, _, _ in fields],
            "formats": [(kind, shape) for _, kind, shape in fields],
            "offsets": [int(offset) for offset in offsets[:-1]],
            "itemsize": int(-(-offsets[-1] // 8) * 8),  # records stay aligned to their widest field
        }
    )


def describe_fields(dtype: np.dtype) -> list[dict[str, Any]]:
    """Return `fields` of records.json."""
    fields = []
    for name in dtype.names or ():
        kind, offset = dtype.fields[name][:2]  # type: ignore[index]
        fields.append(
            {"name": name, "dtype": kind.base.str, "shape": list(kind.shape), "offset": int(offset)}
        )
    return fields


def dtype_of(manifest: dict[str, Any]) -> np.dtype:
    """Return the structured type that `fields` and `record_length` of records.json describe."""
    fields: Sequence[dict[str, Any]] = manifest["fields"]
    return np.dtype(
        {
            "names": [field["name"] for field in fields],
            "formats": [(field["dtype"], tuple(field["shape"])) for field in fields],
            "offsets": [field["offset"] for field in fields],
            "itemsize": manifest["record_length"],
        }
    )
