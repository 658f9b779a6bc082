"""The Fourier-Bessel expansion of detector images."""
