"""The Fourier-Bessel transform of detector images: a library that knows no study and no file.

:class:`Plan` is made once for a detector, a beam centre and a truncation, and executed many times.
How it computes, from pixels to coefficients:

1. ``accumulator``: each image is carried onto a square grid as coarse as the band limit of the
   basis allows (``loops.reduce_rows``; weights from ``kernels``). Masked pixels get the mean of
   their ring on the way (``fill``). Where the pixels are coarse already, this step is left out.
2. ``loops.spread``: the points of the square grid are spread onto a polar grid by a Kaiser-Bessel
   kernel (``pixels`` holds where to, and with which weights).
3. ``rings``: pixels of the disk beside the detector are added there, a whole ring at a time.
4. ``polar``: on the polar grid, a Fourier sum over the angle and one product with a table of radial
   functions for each angular order give the coefficients. What the kernel did is divided out of
   both.

``basis`` has the zeros and norms of the basis functions. The inverse is the same, transposed, in
reverse order. ``tensorflow`` is the forward transform as a Keras layer, imported on demand.
"""

from xscatter.fourier_bessel.accumulator import Accumulator
from xscatter.fourier_bessel.plan import Plan

__all__ = ["Accumulator", "Plan"]
