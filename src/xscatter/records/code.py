"""The code of an image in a record: two bytes a pixel, with an error below the photon noise.

Small counts are stored exactly, larger ones by their square root, whose photon noise is 1/2
whatever the count (Bartlett 1936): equal steps of the code are equal fractions of the noise.

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

from xscatter.records.constants import (
    DTYPE,
    EXACT,
    KNEE,
    KNEE_CODE,
    LARGEST,
    MASKED_CODE,
    SATURATED_CODE,
    SLOPE,
    STEP,
)


def encode(
    counts: np.ndarray, mask: np.ndarray | None = None, saturated: np.ndarray | None = None
) -> np.ndarray:
    """Return the codes (..., rows, cols) uint16 of images.

    Args:
        counts: (..., rows, cols), not negative; they are rounded to whole numbers.
        mask: True = not usable; broadcast to `counts`. Masked pixels may hold anything.
        saturated: True = the true count is this large or larger; broadcast to `counts`.

    Example:
        >>> encode([[0, 64, 10_000]], mask=[[True, False, False]]).tolist()
        [[65535, 64, 1536]]
        >>> decode(encode([[0, 64, 10_000]]))[0].tolist()
        [[0.0, 64.0, 10000.0]]
    """
    counts = np.asarray(counts)
    codes = np.empty(counts.shape, DTYPE)
    # A view, not a copy, where one mask is for all images.
    hidden = np.broadcast_to(False if mask is None else np.asarray(mask, bool), counts.shape)
    # Most pixels of most images are small: only the others need a root.
    whole = np.where(hidden, 0, counts)
    if whole.dtype.kind == "f":
        # Clipped first: a float may be larger than any integer type.
        whole = np.rint(np.minimum(whole, LARGEST))
    small = whole <= EXACT
    codes[small] = whole[small]
    root = np.sqrt(np.minimum(whole[~small], LARGEST).astype(np.float64))
    codes[~small] = np.rint(
        np.where(
            root <= KNEE,
            SLOPE * root - EXACT,
            np.minimum(KNEE_CODE + (root - KNEE) / STEP, SATURATED_CODE - 1),
        )
    )
    if saturated is not None:
        # Before the mask: a pixel that is both is masked.
        codes[np.broadcast_to(saturated, counts.shape)] = SATURATED_CODE
    codes[hidden] = MASKED_CODE
    return codes


def decode(codes: np.ndarray, masked: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return counts float32 and mask bool (True = not usable) of `codes`, all (..., rows, cols).

    Saturated pixels get the largest count of the other pixels of their image, so that one hot pixel
    does not outshine everything; masked pixels get `masked`.
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
    """:func:`decode` images of a memory-mapped file into rows of given arrays.

    Args:
        codes: (N,) uint16, contiguous.
        starts: (n,) place in `codes` of the first pixel of each image.
        places: (n,) row of the outputs for each image.
        counts: (M, pixels) float32, contiguous, written.
        mask: (M, pixels) bool, contiguous, written; None: not asked for.
        masked: value of masked pixels.
    """
    # Importing numba takes most of a second, and neither packing nor the workflow decodes.
    from xscatter.records import loops

    wanted = np.empty((0, 0), bool) if mask is None else mask
    loops.decode(codes, starts, places, counts, wanted, np.float32(masked))


def describe() -> dict[str, Any]:
    """Return the code in words, formulas and a line of NumPy, for records.json."""
    return {
        "masked": MASKED_CODE,
        "saturated": SATURATED_CODE,
        "exact_up_to": EXACT,
        "largest_counts": LARGEST,
        "pieces": [
            {"codes": [0, EXACT], "counts": "code"},
            {"codes": [EXACT + 1, KNEE_CODE], "counts": f"((code + {EXACT}) / {SLOPE}) ** 2"},
            {
                "codes": [KNEE_CODE + 1, SATURATED_CODE - 1],
                "counts": f"({KNEE} + {STEP} * (code - {KNEE_CODE})) ** 2",
            },
        ],
        "numpy": f"c = code.astype(float); counts = np.where(c <= {EXACT}, c, "
        f"np.where(c <= {KNEE_CODE}, ((c + {EXACT}) / {SLOPE}) ** 2, "
        f"({KNEE} + {STEP} * (c - {KNEE_CODE})) ** 2)); "
        f"masked = code == {MASKED_CODE}; saturated = code == {SATURATED_CODE}",
        "error": f"none up to {EXACT} counts, "
        f"at most sqrt(counts) / {SLOPE} up to {KNEE**2} counts, "
        f"at most {STEP} sqrt(counts) up to largest_counts; photon noise is sqrt(counts)",
        "saturated_counts": "unknown: at least the saturation of the detector; networks are shown "
        "the largest count of the other pixels of the image",
    }
