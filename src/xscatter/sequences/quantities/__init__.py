"""Quantities of a frame, each with its error: position, width, order, size, and others.

A frame enters as photons summed over rings and sectors (``rings``), so that the cost does not
depend on the size of the detector. A quantity is one file of the package ``kinds``; ``registry``
finds them and measures all. Errors follow from the photons, times the noise of the stream.
"""

from xscatter.sequences.quantities.follow import RingFollower
from xscatter.sequences.quantities.registry import (
    Measured,
    all_quantities,
    measure_quantities,
    units_on,
)
from xscatter.sequences.quantities.rings import Rings, ring_q

__all__ = [
    "Measured",
    "RingFollower",
    "Rings",
    "all_quantities",
    "measure_quantities",
    "ring_q",
    "units_on",
]
