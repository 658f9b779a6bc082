"""The compiled inner loop of decoding; imported only when images are decoded."""

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy")
def decode(codes, rows, table, counts, mask, masked_code, saturated_code, masked):
    """Counts and mask of the images `rows` (n,) of `codes` (N, rows, cols) into `counts` and `mask` (n, rows, cols).

    Saturated pixels get the largest count of the others of their image, at least 1; masked ones `masked`.
    """
    for n in range(len(rows)):
        image = codes[rows[n]]
        most = np.uint16(0)
        for y in range(image.shape[0]):  # three loops along a row, each of which runs as vector instructions
            for x in range(image.shape[1]):
                counts[n, y, x] = table[image[y, x]]
            for x in range(image.shape[1]):
                mask[n, y, x] = image[y, x] == masked_code
            for x in range(image.shape[1]):
                most = max(most, image[y, x])
        if most >= saturated_code:
            top = max(counts[n].max(), np.float32(1))
            for y in range(image.shape[0]):
                for x in range(image.shape[1]):
                    if image[y, x] == saturated_code:
                        counts[n, y, x] = top
                    elif image[y, x] == masked_code:
                        counts[n, y, x] = masked
