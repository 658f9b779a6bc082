"""The compiled inner loop of decoding; imported only when images are decoded."""

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.records import code

# Constants of one width, so that the loops run as vector instructions.
_EXACT, _KNEE_CODE, _KNEE, _STEP = map(
    np.float32, (code.EXACT, code.KNEE_CODE, code.KNEE, code.STEP)
)
_INVERSE = np.float32(1 / code.SLOPE)
_SATURATED, _MASKED = np.float32(code.SATURATED), np.float32(code.MASKED)
_NONE, _SATURATED_CODE, _MASKED_CODE = map(np.uint16, (0, code.SATURATED, code.MASKED))


@compiled(fastmath=None)
def _counts(number):
    """Counts of the code `number`, both float32: computed, because to look it up is many times slower."""
    root = (number + _EXACT) * _INVERSE
    far = _KNEE + _STEP * (number - _KNEE_CODE)
    root = root if number <= _KNEE_CODE else far
    return number if number <= _EXACT else root * root


@compiled(fastmath=None)
def decode(codes, starts, places, counts, mask, masked):
    """Counts and mask of the images that begin at `starts` (n,) of `codes` (N,), written to the rows `places` (n,) of
    `counts` (M, pixels) and `mask` (M, pixels, or empty). All are contiguous: strides would keep the loops scalar.

    Saturated pixels get the largest count of the others of their image, at least 1; masked ones `masked`.
    """
    for n in range(len(starts)):
        image, place = codes[starts[n] : starts[n] + counts.shape[1]], places[n]
        most = _NONE
        for x in range(len(image)):
            most = max(most, image[x] if image[x] < _SATURATED_CODE else _NONE)
        top = max(_counts(np.float32(most)), np.float32(1))
        for x in range(len(image)):
            number = np.float32(image[x])
            value = _counts(number)
            value = top if number == _SATURATED else value
            counts[place, x] = masked if number == _MASKED else value
        if len(mask):
            for x in range(len(image)):
                mask[place, x] = image[x] == _MASKED_CODE
