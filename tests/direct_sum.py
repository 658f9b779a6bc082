"""Direct sum over pixels in float64, the definition that the fast transform is compared with."""

from functools import cache, lru_cache

import numpy as np
from scipy.special import jn_zeros, jnp_zeros, jv


def lattice(center, radius):
    """Return rows and columns of the pixels in the disk, on an endless detector."""
    rows = np.arange(np.ceil(center[0] - radius), np.floor(center[0] + radius) + 1).astype(int)
    cols = np.arange(np.ceil(center[1] - radius), np.floor(center[1] + radius) + 1).astype(int)
    y, x = np.meshgrid(rows, cols, indexing="ij")
    inside = (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2
    return y[inside], x[inside]


@cache
def zero(m, k, boundary="dirichlet"):
    """Return the zero z_mk, counted from k = 0."""
    if boundary == "dirichlet":
        return jn_zeros(m, k + 1)[k]
    return 0.0 if m == k == 0 else jnp_zeros(m, k + (m > 0))[-1]


@lru_cache(maxsize=9)
def kept(m, k, center, radius, boundary):
    """Return N_mk J_m(z_mk r) e^{imθ} at all pixels of the disk, kept for the next image."""
    return basis_function(m, k, center, radius, *lattice(center, radius), boundary)


def basis_function(m, k, center, radius, y, x, boundary="dirichlet"):
    """Return N_mk J_m(z_mk r) e^{imθ} at the pixels."""
    r = np.hypot(y - center[0], x - center[1]) / radius
    theta = np.arctan2(y - center[0], x - center[1])
    z = zero(m, k, boundary)
    if boundary == "dirichlet":
        norm = 1 / (np.sqrt(np.pi) * abs(jv(m + 1, z)))
    else:
        norm = 1 / np.sqrt(np.pi * (1 - (m / z) ** 2 if m else 1) * jv(m, z) ** 2)
    radii, at = np.unique(r, return_inverse=True)  # four pixels share one, about a symmetric centre
    return norm * jv(m, z * radii)[at] * np.exp(1j * m * theta)


def filled_disk(image, mask, center, radius, fill):
    """Return the pixels of the disk and their values, filled as Plan.forward says."""
    y, x = lattice(center, radius)
    rows, cols = image.shape
    usable = np.isfinite(image) & ~(np.zeros(image.shape, bool) if mask is None else mask)

    def on(y, x):
        good = (y >= 0) & (y < rows) & (x >= 0) & (x < cols)
        good[good] = usable[y[good], x[good]]
        return good

    live = on(y, x)
    values = np.zeros(y.size)
    values[live] = image[y[live], x[live]]
    if fill == "zero":
        return y, x, values
    ring = np.floor(np.hypot(y - center[0], x - center[1]) + 0.5).astype(int)
    count = int(radius + 0.5) + 1
    counts = np.bincount(ring[live], minlength=count)
    sums = np.bincount(ring[live], values[live], minlength=count)
    known = np.flatnonzero(counts)
    rim = known[-1]
    while counts[rim:].sum() < min(100, counts.sum()):
        rim -= 1
    end = sums[rim:].sum() / counts[rim:].sum()
    means = np.interp(np.arange(count), known, sums[known] / counts[known], right=end)
    values[~live] = means[ring[~live]]
    if fill == "partner":
        other_y, other_x = (int(np.rint(2 * c)) - p for c, p in zip(center, (y, x), strict=True))
        take = ~live & on(other_y, other_x) & np.isin(other_y + 1j * other_x, y + 1j * x)
        values[take] = image[other_y[take], other_x[take]]
    return y, x, values


def direct_sum(image, center, radius, orders, boundary="dirichlet", mask=None, fill="zero"):
    """Return the coefficients of `orders`, a list of (m, k)."""
    values = filled_disk(np.asarray(image, float), mask, center, radius, fill)[2]
    return (
        np.array([np.vdot(kept(m, k, center, radius, boundary), values) for m, k in orders])
        / radius**2
    )
