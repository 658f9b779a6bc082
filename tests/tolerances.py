"""How far two correct results may differ: by rounding, and rounding follows from the arithmetic.

Processors sum in different orders, and round a product before it is added or after. A tolerance
near rounding therefore names its number format and its number of operations, never a figure that
one machine reached.
"""

import numpy as np


def epsilon(dtype="float32"):
    """Return the distance from 1 to the next number of `dtype`; NumPy knows no bfloat16."""
    return 2.0**-7 if dtype == "bfloat16" else float(np.finfo(dtype).eps)


def step_tolerance(steps, dtype="float32"):
    """Return the largest relative difference of two ways through `steps` roundings of one value.

    Each way rounds by at most eps / 2 a step.
    """
    return steps * epsilon(dtype)


def sum_tolerance(terms, dtype="float32"):
    """Return how far two sums of the same `terms` may differ, in parts of the largest such sum.

    The partial sums of both round independently, so that the difference grows as a random walk:
    sqrt(terms) eps is beyond four standard deviations where all terms have one sign. Four times
    that leaves room for products that round before they are added. A term that is missing or
    counted twice differs by 1 / terms or more, far above it.
    """
    return 4 * np.sqrt(terms) * epsilon(dtype)
