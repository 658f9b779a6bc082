"""The compiled inner loops. Sixteen images go through together: one vector register a point."""

import numpy as np
from numba import njit

LANES = 16


def _compiled(function):
    # Everything but NaN and infinity may be reordered; those mark bad pixels and must survive.
    options = {"fastmath": {"reassoc", "contract", "nsz", "arcp"}, "boundscheck": False}
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
                    value = line[x] - means[np.uint32(rings[x])]
                    line[x] = value if rings[x] < none else 0
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
    """Add the pixels of one image to the sum of their ring, sums (4, rings): four that do not wait for each other."""
    rows, cols = bins.shape
    for y in range(rows):
        pixels = image[top + y, left : left + cols]
        for x in range(cols):
            sums[x & 3, np.uint32(bins[y, x])] += pixels[x]


@_compiled
def ring_table(
    center_row, center_col, radius, first_row, first_cols, counts, angles, step, width, kernel, first_ring, table
):
    """Spread every lattice pixel of the disk, ring by ring: table (padded θ, padded r, rings from first_ring[r]).

    `kernel` (powers, at least `width`) is filled up with zeros to a multiple of eight columns.
    """
    pad = width // 2 + 1
    wide = kernel.shape[1]
    along_theta, along_r = np.empty(wide), np.empty(wide)
    extent = radius * step
    # One ring touches few radii: its sums stay in the nearest cache.
    lines = int(1 / extent) + wide + 3
    ring_sum = np.empty((angles + 2 * pad, lines))
    for ring in range(int(radius + 0.5) + 1):
        inner, outer = max(ring - 0.5, 0.0), ring + 0.5
        lowest = int(np.ceil(inner / extent - 0.5 - width / 2)) - 1
        ring_sum[:] = 0
        for y in range(
            max(0, int(center_row - outer) - first_row), min(counts.size, int(center_row + outer) + 2 - first_row)
        ):
            dy = first_row + y - center_row
            if abs(dy) > outer or counts[y] == 0:
                continue
            far = np.sqrt(outer * outer - dy * dy)
            near = np.sqrt(max(inner * inner - dy * dy, 0.0))
            begin, end = first_cols[y], first_cols[y] + counts[y]
            x = max(begin, int(np.floor(center_col - far)))
            last = min(end - 1, int(np.ceil(center_col + far)))
            gap, after = int(np.ceil(center_col - near)), int(np.floor(center_col + near))
            while x <= last:
                if gap < x < after:
                    x = after  # the inside of the ring
                dx = x - center_col
                x += 1
                r = np.sqrt(dy * dy + dx * dx)
                if int(r + 0.5) != ring:
                    continue
                turn = np.arctan2(dy, dx) / (2 * np.pi)
                theta = (turn if turn >= 0 else turn + 1) * angles
                position = r / extent - 0.5
                i0, j0 = int(np.ceil(theta - width / 2)), int(np.ceil(position - width / 2))
                _weights(i0 - theta + width / 2, kernel, along_theta)
                _weights(j0 - position + width / 2, kernel, along_r)
                for i in range(width):
                    weight = along_theta[i]
                    for block in range(0, wide, 8):
                        begin_at = j0 - lowest + block
                        line = ring_sum[i0 + i + pad, begin_at : begin_at + 8]
                        for j in range(8):
                            line[j] += weight * along_r[block + j]
        for j in range(lines):
            row = lowest + j + pad
            if 0 <= row < table.shape[1] and 0 <= ring - first_ring[row] < table.shape[2]:
                for i in range(table.shape[0]):
                    table[i, row, ring - first_ring[row]] += ring_sum[i, j]


@_compiled
def _weights(t, kernel, out):
    # Eight at a time, a number known to the compiler.
    for block in range(0, out.size, 8):
        for n in range(8):
            out[block + n] = kernel[-1, block + n]
        for power in range(kernel.shape[0] - 2, -1, -1):
            for n in range(8):
                out[block + n] = out[block + n] * t + kernel[power, block + n]


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
