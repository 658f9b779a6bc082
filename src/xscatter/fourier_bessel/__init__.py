"""The Fourier-Bessel transform of detector images: see :class:`Plan`."""

from xscatter.fourier_bessel.plan import Plan

__all__ = ["Plan"]
