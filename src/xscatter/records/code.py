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

from typing import Any

import numpy as np

SATURATED = 65534
MASKED = 65535
DTYPE = np.dtype("<u2")
EXACT, SLOPE, KNEE, STEP = 64, 16, 1024, 0.64  # of the formulas above
KNEE_CODE = SLOPE * KNEE - EXACT
MOST = (KNEE + STEP * (SATURATED - 1 - KNEE_CODE)) ** 2  # counts above are clipped to this


def encode(
    counts: np.ndarray, mask: np.ndarray | None = None, saturated: np.ndarray | None = None
) -> np.ndarray:
    """Codes (..., rows, cols) uint16 of `counts` (..., rows, cols), which are rounded to whole numbers.

    Args:
        counts: not negative.
        mask: True = not usable; broadcast to `counts`.
        saturated: True = the count is known to be this large or larger; broadcast to `counts`.
    """
    counts = np.asarray(counts)
    codes = np.empty(counts.shape, DTYPE)
    hidden = (
        np.zeros(counts.shape, bool)
        if mask is None
        else np.broadcast_to(np.asarray(mask, bool), counts.shape)
    )
    # Most pixels of most images are small: only the others need a root.
    whole = np.where(hidden, 0, counts)
    if whole.dtype.kind == "f":
        whole = np.rint(np.minimum(whole, MOST))
    small = whole <= EXACT
    codes[small] = whole[small]
    root = np.sqrt(np.minimum(whole[~small], MOST).astype(np.float64))
    codes[~small] = np.rint(
        np.where(
            root <= KNEE,
            SLOPE * root - EXACT,
            np.minimum(KNEE_CODE + (root - KNEE) / STEP, SATURATED - 1),
        )
    )
    if saturated is not None:
        codes[np.broadcast_to(saturated, counts.shape)] = SATURATED
    codes[hidden] = MASKED
    return codes


def decode(codes: np.ndarray, masked: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Counts (..., rows, cols) float32 and mask (..., rows, cols) bool of `codes`.

    Saturated pixels get the largest count of the other pixels of their image, so that one hot pixel
    does not outshine everything; masked ones get `masked`.
    """
    codes = np.ascontiguousarray(codes, DTYPE)
    pixels = codes.shape[-2] * codes.shape[-1]
    n = np.arange(codes.size // pixels)
    counts, mask = np.empty(codes.shape, np.float32), np.empty(codes.shape, bool)
    decode_into(
        codes.reshape(-1),
        n * pixels,
        n,
        counts.reshape(-1, pixels),
        mask.reshape(-1, pixels),
        masked,
    )
    return counts, mask


def decode_into(
    codes: np.ndarray,
    starts: np.ndarray,
    places: np.ndarray,
    counts: np.ndarray,
    mask: np.ndarray | None = None,
    masked: float = 0.0,
) -> None:
    """:func:`decode` the images that begin at `starts` (n,) of the contiguous uint16 `codes` (N,), which may be a file.

    They go to the rows `places` (n,) of `counts` float32 and of `mask` bool, unless None, both (M, pixels), contiguous.
    """
    from xscatter.records import loops

    loops.decode(
        codes,
        starts,
        places,
        counts,
        np.empty((0, 0), bool) if mask is None else mask,
        np.float32(masked),
    )


def describe() -> dict[str, Any]:
    """The code in words, formulas and a line of NumPy, for records.json."""
    return {
        "masked": MASKED,
        "saturated": SATURATED,
        "exact_up_to": EXACT,
        "largest_counts": MOST,
        "pieces": [
            {"codes": [0, EXACT], "counts": "code"},
            {"codes": [EXACT + 1, KNEE_CODE], "counts": f"((code + {EXACT}) / {SLOPE}) ** 2"},
            {
                "codes": [KNEE_CODE + 1, SATURATED - 1],
                "counts": f"({KNEE} + {STEP} * (code - {KNEE_CODE})) ** 2",
            },
        ],
        "numpy": f"c = code.astype(float); counts = np.where(c <= {EXACT}, c, np.where(c <= {KNEE_CODE}, "
        f"((c + {EXACT}) / {SLOPE}) ** 2, ({KNEE} + {STEP} * (c - {KNEE_CODE})) ** 2)); "
        f"masked = code == {MASKED}; saturated = code == {SATURATED}",
        "error": f"none up to {EXACT} counts, at most sqrt(counts) / {SLOPE} up to {KNEE**2} counts, "
        f"at most {STEP} sqrt(counts) up to largest_counts; photon noise is sqrt(counts)",
        "saturated_counts": "unknown: at least the saturation of the detector; networks are shown the largest "
        "count of the other pixels of the image",
    }
