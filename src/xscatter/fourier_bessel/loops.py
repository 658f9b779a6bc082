"""The compiled inner loops. Sixteen images go through together: one vector register a point."""

import numpy as np
from numba import njit

LANES = 16


def _compiled(function):
    # Everything but NaN and infinity may be reordered; those mark bad pixels and must survive.
    # Without the interpreter's lock: another thread hands out work meanwhile.
    options = {"fastmath": {"reassoc", "contract", "nsz", "arcp"}, "boundscheck": False, "nogil": True}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder in which compiled code can be kept: compile anew in every process
        return njit(**options)(function)


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

    With `fill`, bins[y, x] below the number of rings means a live pixel; one that is not live has that number more
    than its ring, and gets the mean of the ring, means[lane, ring].
    """
    none = means.shape[1] - 1
    rows, cols = bins.shape
    for y in range(rows):
        for x in range(cols):
            ring = bins[y, x] - none
            if fill and ring >= 0:
                for n in range(images.shape[0]):
                    source[y * cols + x, n] = means[n, ring]
            else:
                for n in range(images.shape[0]):
                    source[y * cols + x, n] = images[n, top + y, left + x]


@_compiled
def holds(images, value, mask):
    """Whether any pixel of images (n, rows, cols) that `mask` (rows, cols) leaves has this value."""
    for n in range(images.shape[0]):
        for y in range(images.shape[1]):
            line, masked = images[n, y], mask[y]
            found = False
            for x in range(line.size):
                found |= (line[x] == value) & (not masked[x])
            if found:
                return True
    return False


@_compiled
def reduce_rows(image, top, left, starts, stops, first, weights, bins, means, fill, target):
    """Carry the rows of one image onto the rows of a coarser grid, target (grid rows, cols).

    Row y of the window gives its columns starts[y] to stops[y]; it goes to the rows from first[y]
    on, with weights[y]. `fill` as in :func:`gather`, means (bins,).
    """
    none = means.size - 1
    lines = np.zeros((4, target.shape[1]), target.dtype)
    factors = np.zeros((4, weights.shape[1]), target.dtype)
    target[:] = 0
    y = 0
    while y < starts.size:
        # Rows that go to the same rows of the grid go together: the grid is read and written once for all.
        low, high = target.shape[1], 0
        held = 0
        while held < 4 and y + held < starts.size and first[y + held] == first[y]:
            start, stop = starts[y + held], stops[y + held]
            low, high = min(low, start), max(high, stop)
            line = lines[held, start:stop]
            pixels = image[top + y + held, left + start : left + stop]
            lines[held, :start] = 0
            lines[held, stop:] = 0
            if fill:
                rings = bins[y + held, start:stop]
                for x in range(line.size):
                    line[x] = pixels[x]
                for x in range(line.size):
                    if rings[x] >= none:
                        line[x] = means[rings[x] - none]
            else:
                for x in range(line.size):
                    line[x] = pixels[x]
            factors[held] = weights[y + held]
            held += 1
        factors[held:] = 0
        if low < high:
            one, two, three, four = lines[0, low:high], lines[1, low:high], lines[2, low:high], lines[3, low:high]
            for n in range(weights.shape[1]):
                row = target[first[y] + n, low:high]
                a, b, c, d = factors[0, n], factors[1, n], factors[2, n], factors[3, n]
                if held > 2:
                    for x in range(row.size):
                        row[x] += a * one[x] + b * two[x] + c * three[x] + d * four[x]
                elif held == 2:
                    for x in range(row.size):
                        row[x] += a * one[x] + b * two[x]
                else:
                    for x in range(row.size):
                        row[x] += a * one[x]
        y += held


@_compiled
def ring_sums(image, top, left, bins, sums):
    """Add the pixels of one image to the sum of their bin, sums (4, bins): four that do not wait for each other."""
    rows, cols = bins.shape
    for y in range(rows):
        pixels = image[top + y, left : left + cols]
        for x in range(cols):
            sums[x & 3, np.uint32(bins[y, x])] += pixels[x]


@_compiled
def spread_rings(center, first_row, first_cols, counts, skip, angles, extent, width, kernel, lowest, sums):
    """Spread pixels of a disk, each as a one, to sums of their ring: sums (rings, padded θ, radii from lowest[ring]).

    Row y of the disk's lattice holds counts[y] pixels from column first_cols[y] on, less those from skip[0, y] to
    skip[1, y]. `kernel` (powers, at least `width`) is filled up with zeros to a multiple of eight columns; `extent` is
    the grid's step along r in pixels.
    """
    pad, half = width // 2 + 1, width / 2
    wide = kernel.shape[1]
    # A run of pixels goes through each step together, so that no step waits for the one before it.
    run = 64
    ring, start, inside = np.empty(run, np.int64), np.empty((2, run), np.int64), np.zeros((2, run))
    weights = np.empty((2, width, run))
    across, along = np.zeros(width, sums.dtype), np.zeros(wide, sums.dtype)
    flat = sums.reshape(sums.size)
    # Strip by strip of columns: the sums that neighbours touch stay in the nearest cache.
    for left in range(first_cols.min(), (first_cols + counts).max(), run):
        for y in range(counts.size):
            dy = first_row + y - center[0]
            for side in range(2):
                x = max(left, first_cols[y] if side == 0 else skip[1, y])
                held = min(left + run, skip[0, y] if side == 0 else first_cols[y] + counts[y]) - x
                for p in range(held):
                    dx = x + p - center[1]
                    r = np.sqrt(dy * dy + dx * dx)
                    ring[p] = int(r + 0.5)
                    theta = np.arctan2(dy, dx) * (angles / (2 * np.pi))
                    theta = theta if theta >= 0 else theta + angles
                    radius = r / extent - 0.5
                    first_theta, first_r = np.ceil(theta - half), np.ceil(radius - half)
                    start[0, p], start[1, p] = int(first_theta) + pad, int(first_r) + pad
                    inside[0, p], inside[1, p] = first_theta - theta + half, first_r - radius + half
                if held <= 0:
                    continue
                for axis in range(2):
                    at = inside[axis]
                    for n in range(width):
                        values = weights[axis, n]
                        values[:] = kernel[-1, n]
                        for power in range(kernel.shape[0] - 2, -1, -1):
                            factor = kernel[power, n]
                            for p in range(run):
                                values[p] = values[p] * at[p] + factor
                for p in range(held):
                    for n in range(width):
                        across[n], along[n] = weights[0, n, p], weights[1, n, p]
                    row = ring[p] * sums.shape[1] + start[0, p]
                    begin = row * sums.shape[2] + start[1, p] - lowest[ring[p]]
                    for i in range(width):
                        for part in range(0, wide, 8):
                            line = flat[begin + part : begin + part + 8]
                            for n in range(8):  # a number known to the compiler
                                line[n] += across[i] * along[part + n]
                        begin += sums.shape[2]


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
