"""How an image is stored: two bytes a pixel, with an error below the photon noise, masked and saturated marked.

Small counts are stored exactly, larger ones by their square root, whose photon noise is 1/2
whatever the count (Bartlett 1936), so that equal steps of the code are equal parts of the noise:

=================  ==============================  ==============================
codes              counts n                        largest error
=================  ==============================  ==============================
0 to 64            n = code                        none
65 to 16320        n = ((code + 64) / 16)²         sqrt(n) / 16, up to 2^20 counts
16321 to 65533     n = (1024 + 0.64 (code−16320))²  0.64 sqrt(n), up to 10^9 counts
65534              saturated
65535              masked
=================  ==============================  ==============================
"""

from functools import cache
from typing import Any

import numpy as np

SATURATED = 65534
MASKED = 65535
DTYPE = np.dtype("<u2")
_EXACT, _SLOPE, _KNEE, _STEP = 64, 16, 1024, 0.64
_KNEE_CODE = _SLOPE * _KNEE - _EXACT
MOST = (_KNEE + _STEP * (SATURATED - 1 - _KNEE_CODE)) ** 2  # counts above are clipped to this


def encode(counts: np.ndarray, mask: np.ndarray | None = None, saturated: np.ndarray | None = None) -> np.ndarray:
    """Codes (..., rows, cols) uint16 of `counts` (..., rows, cols), which are rounded to whole numbers.

    Args:
        counts: not negative.
        mask: True = not usable; broadcast to `counts`.
        saturated: True = the count is known to be this large or larger; broadcast to `counts`.
    """
    counts = np.asarray(counts)
    codes = np.empty(counts.shape, DTYPE)
    hidden = np.zeros(counts.shape, bool) if mask is None else np.broadcast_to(np.asarray(mask, bool), counts.shape)
    # Most pixels of most images are small: only the others need a root.
    whole = np.where(hidden, 0, counts)
    if whole.dtype.kind == "f":
        whole = np.rint(np.minimum(whole, MOST))
    small = whole <= _EXACT
    codes[small] = whole[small]
    root = np.sqrt(np.minimum(whole[~small], MOST).astype(np.float64))
    codes[~small] = np.rint(
        np.where(root <= _KNEE, _SLOPE * root - _EXACT, np.minimum(_KNEE_CODE + (root - _KNEE) / _STEP, SATURATED - 1))
    )
    if saturated is not None:
        codes[np.broadcast_to(saturated, counts.shape)] = SATURATED
    codes[hidden] = MASKED
    return codes


@cache
def table() -> np.ndarray:
    """Counts (65536,) float32 of every code; those of the two marks are 0."""
    code = np.arange(65536.0)
    root = np.where(code <= _KNEE_CODE, (code + _EXACT) / _SLOPE, _KNEE + _STEP * (code - _KNEE_CODE))
    counts = np.where(code <= _EXACT, code, root**2)
    counts[[SATURATED, MASKED]] = 0
    counts.flags.writeable = False
    found = counts.astype(np.float32)
    found.flags.writeable = False
    return found


def decode(codes: np.ndarray, masked: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Counts (..., rows, cols) float32 and mask (..., rows, cols) bool of `codes`.

    Saturated pixels get the largest count of the other pixels of their image, so that one hot pixel
    does not outshine everything; masked ones get `masked`.
    """
    codes = np.asarray(codes)
    flat = codes.reshape(-1, *codes.shape[-2:])
    counts, mask = decode_rows(flat, np.arange(len(flat)), masked)
    return counts.reshape(codes.shape), mask.reshape(codes.shape)


def decode_rows(codes: np.ndarray, rows: np.ndarray, masked: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """:func:`decode` of the images `rows` (n,) of `codes` (N, rows, cols), which may be a field of a memory map."""
    counts = np.empty((len(rows), *codes.shape[1:]), np.float32)
    mask = np.empty(counts.shape, bool)
    decode_into(codes, rows, counts, mask, masked)
    return counts, mask


def decode_into(codes: np.ndarray, rows: np.ndarray, counts: np.ndarray, mask: np.ndarray, masked: float = 0.0) -> None:
    """:func:`decode_rows` into `counts` float32 and `mask` bool (n, rows, cols)."""
    from xscatter.records import loops

    loops.decode(codes, rows, table(), counts, mask, MASKED, SATURATED, np.float32(masked))


def describe() -> dict[str, Any]:
    """The code in words, formulas and a line of NumPy, for records.json."""
    return {
        "masked": MASKED,
        "saturated": SATURATED,
        "exact_up_to": _EXACT,
        "largest_counts": MOST,
        "pieces": [
            {"codes": [0, _EXACT], "counts": "code"},
            {"codes": [_EXACT + 1, _KNEE_CODE], "counts": f"((code + {_EXACT}) / {_SLOPE}) ** 2"},
            {
                "codes": [_KNEE_CODE + 1, SATURATED - 1],
                "counts": f"({_KNEE} + {_STEP} * (code - {_KNEE_CODE})) ** 2",
            },
        ],
        "numpy": f"c = code.astype(float); counts = np.where(c <= {_EXACT}, c, np.where(c <= {_KNEE_CODE}, "
        f"((c + {_EXACT}) / {_SLOPE}) ** 2, ({_KNEE} + {_STEP} * (c - {_KNEE_CODE})) ** 2)); "
        f"masked = code == {MASKED}; saturated = code == {SATURATED}",
        "error": f"none up to {_EXACT} counts, at most sqrt(counts) / {_SLOPE} up to {_KNEE**2} counts, "
        f"at most {_STEP} sqrt(counts) up to largest_counts; photon noise is sqrt(counts)",
        "saturated_counts": "unknown: at least the saturation of the detector; networks are shown the largest "
        "count of the other pixels of the image",
    }
