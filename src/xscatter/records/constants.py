"""The numbers of the code of an image in a record; :mod:`xscatter.records.code` explains them."""

import numpy as np

NOT_USABLE = -1.0  # stands for the counts of a masked pixel in the input of a network

DTYPE = np.dtype("<u2")
# The last two codes, so that all others are counts in rising order.
SATURATED_CODE = 65534
MASKED_CODE = 65535
EXACT, SLOPE, KNEE, STEP = 64, 16, 1024, 0.64  # of the formulas, codes on from EXACT
KNEE_CODE = SLOPE * KNEE - EXACT
LARGEST = (KNEE + STEP * (SATURATED_CODE - 1 - KNEE_CODE)) ** 2  # counts above are clipped to this
