"""The compiled inner loop of decoding; imported only when images are decoded."""

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.records import constants

# Constants of one width, so that the loops run as vector instructions.
_EXACT, _KNEE_CODE, _KNEE, _STEP = map(
    np.float32, (constants.EXACT, constants.KNEE_CODE, constants.KNEE, constants.STEP)
)
_INVERSE = np.float32(1 / constants.SLOPE)
_SATURATED, _MASKED = np.float32(constants.SATURATED_CODE), np.float32(constants.MASKED_CODE)
_ZERO, _SATURATED_CODE, _MASKED_CODE = map(
    np.uint16, (0, constants.SATURATED_CODE, constants.MASKED_CODE)
)


@compiled(fastmath=None)
def _counts(number):
    """Return the counts of the code `number`, both float32; a table would be many times slower."""
    root = (number + _EXACT) * _INVERSE
    far = _KNEE + _STEP * (number - _KNEE_CODE)
    root = root if number <= _KNEE_CODE else far
    return number if number <= _EXACT else root * root


@compiled(fastmath=None)
def decode(codes, starts, places, counts, mask, masked):
    """Decode images that begin at `starts` of `codes` into the rows `places` of the outputs.

    Saturated pixels get the largest count of the others of their image, at least 1. All arrays are
    contiguous: strides would keep the loops out of vector registers.

    Args:
        codes: (N,) uint16.
        starts: (n,) place of the first pixel of each image.
        places: (n,) row of the outputs for each image.
        counts: (M, pixels) float32, written.
        mask: (M, pixels) bool, written; or empty.
        masked: value of masked pixels, float32.
    """
    for n in range(len(starts)):
        image, place = codes[starts[n] : starts[n] + counts.shape[1]], places[n]
        most = _ZERO
        for x in range(len(image)):
            most = max(most, image[x] if image[x] < _SATURATED_CODE else _ZERO)
        top = max(_counts(np.float32(most)), np.float32(1))
        for x in range(len(image)):
            number = np.float32(image[x])
            value = _counts(number)
            value = top if number == _SATURATED else value
            counts[place, x] = masked if number == _MASKED else value
        if len(mask):
            for x in range(len(image)):
                mask[place, x] = image[x] == _MASKED_CODE
