"""The compiled loops for pixels of the disk beside the detector: see ``rings``."""

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.fourier_bessel.loops import LANES

_compiled = compiled(fastmath=("reassoc", "contract", "nsz", "arcp"))


@_compiled
def _angle(dy, dx):
    """Return atan2(dy, dx), to rounding: Cephes' atan, without branches, for vector registers.

    Cephes library by S. Moshier, https://www.netlib.org/cephes, double/atan.c.
    """
    small, large = min(abs(dx), abs(dy)), max(abs(dx), abs(dy), 1e-300)
    low = small <= 0.41421356237309505 * large  # tan(π / 8)
    t = (small if low else small - large) / (large if low else small + large)
    z = t * t
    top = -6.485021904942025371773e1 + z * (
        -1.228866684490136173410e2
        + z
        * (
            -7.500855792314704667340e1
            + z * (-1.615753718733365076637e1 + z * -8.750608600031904122785e-1)
        )
    )
    bottom = 1.945506571482613964425e2 + z * (
        4.853903996359136964868e2
        + z
        * (
            4.328810604912902668951e2
            + z * (1.650270098316988542046e2 + z * (2.485846490142306297962e1 + z))
        )
    )
    angle = t + t * z * top / bottom + (0.0 if low else np.pi / 4)
    angle = np.pi / 2 - angle if abs(dy) > abs(dx) else angle
    angle = np.pi - angle if dx < 0 else angle
    return -angle if dy < 0 else angle


@_compiled
def cell_sums(center, first_row, first_cols, counts, seen, parts, first_ring, sums):
    """Add τ^a δ^b of pixels of a disk to the sums of their cells of angle and ring.

    τ and δ, from -1 to 1, are the place of a pixel in its cell, along the angle and along the
    radius. Row y of the disk holds counts[y] pixels from column first_cols[y] on.

    Args:
        center: beam centre (row, col).
        first_row: first row of the disk.
        first_cols: (rows,) first column of each row.
        counts: (rows,) number of pixels of each row.
        seen: (2, rows) pixels from column seen[0, y] to before seen[1, y] are left out.
        parts: number of parts each ring is cut into; a power of two, so that rounding keeps a pixel
            in its ring. Below, ring stands for part.
        first_ring: the first ring of `sums`.
        sums: (cells, rings, powers a, powers b); the last is a multiple of four.

    Returns:
        The number of pixels.
    """
    cells, rings, powers, wide = sums.shape
    inner, outer = max(first_ring / parts - 0.5, 0.0), (first_ring + rings) / parts - 0.5
    # A run of pixels goes through each step together, in vector registers.
    run = 32
    theta, radius, begin = np.empty(run), np.empty(run), np.empty(run, np.int32)
    along_theta, along_r = np.empty((powers, run), sums.dtype), np.empty((wide, run), sums.dtype)
    flat = sums.reshape(sums.size)
    middle = int(np.floor(center[1])) + 1
    pixels = 0
    for y in range(counts.size):
        dy = first_row + y - center[0]
        if abs(dy) > outer:
            continue
        far, near = np.sqrt(outer * outer - dy * dy), np.sqrt(max(inner * inner - dy * dy, 0.0))
        # The rings cut row y into a piece left of the centre and one right of it, and `seen` cuts
        # each in two. Ends are taken generously: the number of the ring decides below.
        for piece in range(4):
            if piece < 2:
                low = int(np.floor(center[1] - far))
                high = min(int(np.ceil(center[1] - near)) + 1, middle)
            else:
                low = max(int(np.floor(center[1] + near)), middle)
                high = int(np.ceil(center[1] + far)) + 1
            if piece % 2 == 0:
                low, high = max(low, first_cols[y]), min(high, seen[0, y])
            else:
                low, high = max(low, seen[1, y]), min(high, first_cols[y] + counts[y])
            for x in range(low, high, run):
                from_center = x - center[1]
                for p in range(run):
                    dx = from_center + p
                    radius[p] = np.sqrt(dy * dy + dx * dx)
                    theta[p] = _angle(dy, dx) * (cells / (2 * np.pi))
                for p in range(run):
                    along = (radius[p] + 0.5) * parts
                    ring = np.floor(along)
                    at = theta[p] if theta[p] >= 0 else theta[p] + cells
                    cell = min(np.floor(at), cells - 1.0)
                    ours = (ring >= first_ring) & (ring < first_ring + rings)
                    begin[p] = np.int32(cell * rings + ring - first_ring if ours else -1)
                    theta[p], radius[p] = 2 * (at - cell) - 1, 2 * (along - ring) - 1
                along_theta[0], along_r[0] = 1, 1
                for power in range(1, powers):
                    for p in range(run):
                        along_theta[power, p] = along_theta[power - 1, p] * theta[p]
                for power in range(1, wide):
                    for p in range(run):
                        along_r[power, p] = along_r[power - 1, p] * radius[p]
                for p in range(min(run, high - x)):
                    if begin[p] < 0:
                        continue
                    pixels += 1
                    for b in range(0, wide, 4):
                        one, two, three, four = (
                            along_r[b, p],
                            along_r[b + 1, p],
                            along_r[b + 2, p],
                            along_r[b + 3, p],
                        )
                        for a in range(powers):
                            factor = along_theta[a, p]
                            start = (np.int64(begin[p]) * powers + a) * wide + b
                            line = flat[start : start + 4]
                            line[0] += factor * one
                            line[1] += factor * two
                            line[2] += factor * three
                            line[3] += factor * four
    return pixels


@_compiled
def add_rings(sums, first_radius, radial, means, grid):
    """Add pixels beside the detector to `grid` (angles, radii, LANES).

    means (rings, LANES) are the values of their rings; the other arrays are those of a
    :class:`xscatter.fourier_bessel.rings.RingTable`.
    """
    angles, radii = grid.shape[:2]
    weights = np.empty(radial.shape[2], grid.dtype)
    for i in range(angles):
        for ring in range(first_radius.size):
            if sums[i, 0, ring] == 0:  # no pixel of the ring reaches this angle
                continue
            weights[:] = 0
            for power in range(radial.shape[1]):
                for n in range(weights.size):
                    weights[n] += sums[i, power, ring] * radial[ring, power, n]
            for n in range(min(weights.size, radii - first_radius[ring])):
                j = first_radius[ring] + n
                # (θ, -r) is (θ + π, r).
                line = grid[i, j] if j >= 0 else grid[(i + angles // 2) % angles, -1 - j]
                for lane in range(LANES):
                    line[lane] += weights[n] * means[ring, lane]
