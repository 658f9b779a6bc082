"""The compiled inner loops. Sixteen images go through together: one vector register a point."""

import numpy as np
from numba import njit

LANES = 16


def _compiled(function):
    # Everything but NaN and infinity may be reordered; those mark bad pixels and must survive.
    return njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"}, boundscheck=False)(function)


@_compiled
def spread(source, index, theta, radius, along_theta, along_r, grid):
    """Add source[index[p], :] to the points of `grid` (padded θ, padded r, LANES) about each point p."""
    width = along_theta.shape[1]
    flat = grid.reshape(grid.shape[0], grid.shape[1] * LANES)
    block = np.empty(width * LANES, grid.dtype)
    for p in range(index.size):
        for j in range(width):
            weight = along_r[p, j]
            for lane in range(LANES):
                block[j * LANES + lane] = weight * source[index[p], lane]
        first = radius[p] * LANES
        for i in range(width):
            weight = along_theta[p, i]
            row = flat[theta[p] + i, first : first + width * LANES]
            for n in range(width * LANES):
                row[n] += weight * block[n]


@_compiled
def interpolate(grid, index, theta, radius, along_theta, along_r, target):
    """The transpose of :func:`spread`: target[index[p], :] from the points of `grid` about p."""
    width = along_theta.shape[1]
    flat = grid.reshape(grid.shape[0], grid.shape[1] * LANES)
    block = np.empty(width * LANES, grid.dtype)
    for p in range(index.size):
        block[:] = 0
        first = radius[p] * LANES
        for i in range(width):
            weight = along_theta[p, i]
            row = flat[theta[p] + i, first : first + width * LANES]
            for n in range(width * LANES):
                block[n] += weight * row[n]
        for lane in range(LANES):
            total = block[lane] * along_r[p, 0]
            for j in range(1, width):
                total += along_r[p, j] * block[j * LANES + lane]
            target[index[p], lane] = total


@_compiled
def gather(images, top, left, bins, means, fill, source):
    """Pixels of up to LANES images (n, rows, cols), from (top, left) on, to source (pixels, LANES).

    With `fill`, the mean of its ring, means[lane, bins], is taken from every pixel; those in the last bin get 0.
    """
    none = means.shape[1] - 1
    rows, cols = bins.shape
    for y in range(rows):
        for x in range(cols):
            for n in range(images.shape[0]):
                source[y * cols + x, n] = images[n, top + y, left + x]
        if fill:
            for x in range(cols):
                ring = bins[y, x]
                for n in range(images.shape[0]):
                    value = source[y * cols + x, n] - means[n, ring]
                    source[y * cols + x, n] = value if ring < none else 0


@_compiled
def reduce_rows(image, top, left, starts, stops, first, weights, bins, means, fill, target):
    """Carry the rows of one image onto the rows of a coarser grid, target (grid rows, cols).

    Row y of the window gives its columns starts[y] to stops[y]; it goes to the rows from first[y]
    on, with weights[y]. `fill` as in :func:`gather`, means (bins,).
    """
    none = means.size - 1
    line = np.empty(target.shape[1], target.dtype)
    target[:] = 0
    for y in range(starts.size):
        start, stop = starts[y], stops[y]
        for x in range(start, stop):
            line[x] = image[top + y, left + x]
        if fill:
            for x in range(start, stop):
                ring = bins[y, x]
                value = line[x] - means[ring]
                line[x] = value if ring < none else 0
        for n in range(weights.shape[1]):
            weight = weights[y, n]
            row = target[first[y] + n]
            for x in range(start, stop):
                row[x] += weight * line[x]


@_compiled
def ring_sums(image, top, left, bins, sums, counts):
    """Add the pixels of one image to the sum and the number of their ring."""
    rows, cols = bins.shape
    for y in range(rows):
        for x in range(cols):
            ring = bins[y, x]
            sums[ring] += image[top + y, left + x]
            counts[ring] += 1


@_compiled
def ring_table(center_row, center_col, radius, first_row, first_cols, counts, angles, step, kernel, first_ring, table):
    """Spread every lattice pixel of the disk, ring by ring: table (padded θ, padded r, rings from first_ring[r])."""
    width = kernel.shape[1]
    pad = width // 2 + 1
    along_theta, along_r = np.empty(width), np.empty(width)
    for y in range(counts.size):
        dy = first_row + y - center_row
        for x in range(counts[y]):
            dx = first_cols[y] + x - center_col
            r = np.sqrt(dy * dy + dx * dx)
            ring = int(r + 0.5)
            turn = np.arctan2(dy, dx) / (2 * np.pi)
            theta = (turn if turn >= 0 else turn + 1) * angles
            position = r / (radius * step) - 0.5
            i0, j0 = int(np.ceil(theta - width / 2)), int(np.ceil(position - width / 2))
            _weights(i0 - theta + width / 2, kernel, along_theta)
            _weights(j0 - position + width / 2, kernel, along_r)
            for i in range(width):
                for j in range(width):
                    row = j0 + j + pad
                    table[i0 + i + pad, row, ring - first_ring[row]] += along_theta[i] * along_r[j]


@_compiled
def _weights(t, kernel, out):
    for n in range(out.size):
        out[n] = kernel[-1, n]
    for power in range(kernel.shape[0] - 2, -1, -1):
        for n in range(out.size):
            out[n] = out[n] * t + kernel[power, n]


@_compiled
def add_rings(table, first_ring, means, grid):
    """Add a radial function, means (rings, LANES), to `grid` (θ, r, LANES) through its :func:`ring_table`."""
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            first = first_ring[j]
            for ring in range(table.shape[2]):
                weight = table[i, j, ring]
                for lane in range(LANES):
                    grid[i, j, lane] += weight * means[first + ring, lane]
