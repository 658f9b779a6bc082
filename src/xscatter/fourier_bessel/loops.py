"""The compiled inner loops. Sixteen images go through together: one vector register a point."""

import numpy as np
from numba import njit

LANES = 16
# For the loops that take a mask: all pixels are live. For those that take bins: compute them.
NO_MASK, NO_BINS = np.empty((0, 0), bool), np.empty((0, 0), np.int16)


def _compiled(function):
    # Everything but NaN and infinity may be reordered; those mark bad pixels and must survive.
    # Without the interpreter's lock: another thread hands out work meanwhile.
    options = {"fastmath": {"reassoc", "contract", "nsz", "arcp"}, "boundscheck": False, "nogil": True}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder in which compiled code can be kept: compile anew in every process
        return njit(**options)(function)


def plain(values: np.ndarray) -> np.ndarray:
    """The values as numbers that compiled loops know; files of detectors often hold others."""
    if values.dtype.isnative and values.dtype.itemsize in (1, 2, 4, 8) and values.dtype != np.float16:
        return values
    return values.astype(np.float64 if values.dtype.kind == "f" else values.dtype.newbyteorder("="))


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
def _ring(dy, dx):
    """Number of the ring at this distance: ring n holds the pixels at n - 1/2 to n + 1/2 pixels."""
    return np.int32(np.sqrt(dy * dy + dx * dx) + 0.5)


@_compiled
def _row_bins(dy, dx, hidden, rings, bins):
    for x in range(bins.size):
        bins[x] = _ring(dy, dx + x)
    for x in range(hidden.size):
        bins[x] += rings * hidden[x]


@_compiled
def find_bins(top, left, starts, stops, mask, center, rings, bins):
    """Bin of each pixel of the first rows, to bins (rows, cols): its ring, and `rings` more for one that is not live.

    Row y of the window has its columns starts[y] to stops[y] in the disk. `mask` and `center` as in :func:`gather`.
    """
    nothing = np.empty(0, np.bool_)
    for y in range(bins.shape[0]):
        start, stop = starts[y], stops[y]
        hidden = mask[top + y, left + start : left + stop] if mask.size else nothing
        _row_bins(y - center[0], start - center[1], hidden, rings, bins[y, start:stop])


@_compiled
def gather(images, top, left, shape, mask, center, means, source):
    """Pixels of up to LANES images (n, rows, cols), `shape` of them from (top, left) on, to source (pixels, LANES).

    A pixel that `mask` (rows, cols), True = not live, or NO_MASK, hides has the mean of its ring, means[lane, ring];
    the last is for what lies beyond the disk. `center` is counted from (top, left).
    """
    none = means.shape[1] - 1
    rows, cols = shape
    for y in range(rows):
        for x in range(cols):
            if mask.size and mask[top + y, left + x]:
                ring = min(_ring(y - center[0], x - center[1]), none)
                for n in range(images.shape[0]):
                    source[y * cols + x, n] = means[n, ring]
            else:
                for n in range(images.shape[0]):
                    source[y * cols + x, n] = images[n, top + y, left + x]


@_compiled
def holds(pixels, value, mask):
    """Whether any of the pixels (n,) that `mask` (n,) leaves has this value."""
    found = False
    for n in range(pixels.size):
        found |= (pixels[n] == value) & (not mask[n])
    return found


@_compiled
def finite(image):
    """Whether no pixel of `image` (rows, cols) is NaN or infinite."""
    for y in range(image.shape[0]):
        line = image[y]
        nothing = image.dtype.type(0)
        for x in range(line.size):
            nothing += line[x] * image.dtype.type(0)
        if nothing != 0:  # NaN
            return False
    return True


@_compiled
def anscombe(counts, values):
    """2 sqrt(n + 3/8) of `counts` (n,) into float32 `values` (n,)."""
    for n in range(counts.size):
        values[n] = np.float32(2) * np.sqrt(np.float32(counts[n]) + np.float32(0.375))


@_compiled
def whole_blocks(stored, first, blocks, tail):
    """Whether `stored` is, from `first` on, `blocks` big-endian lengths each before as many bytes, and `tail` bytes."""
    at = first
    for _ in range(blocks):
        if at + 4 > stored.size:
            return False
        at += 4 + (
            (np.int64(stored[at]) << 24) + (np.int64(stored[at + 1]) << 16)
            + (np.int64(stored[at + 2]) << 8) + np.int64(stored[at + 3])
        )  # fmt: skip
    return at + tail == stored.size


@_compiled
def reduce_rows(image, top, left, starts, stops, first, weights, mask, center, bins, means, target):
    """Carry the rows of one image onto the rows of a coarser grid, target (grid rows, cols).

    Row y of the window gives its columns starts[y] to stops[y]; it goes to the rows from first[y]
    on, with weights[y]. `mask` and `center` as in :func:`gather`, means (rings + 1,); `bins` (rows, cols)
    holds the :func:`find_bins` of the first rows: those of other rows are computed.
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
            for x in range(line.size):
                line[x] = pixels[x]
            if mask.size:
                if y + held < bins.shape[0]:
                    known = bins[y + held, start:stop]
                    for x in range(line.size):
                        if known[x] >= none:
                            line[x] = means[known[x] - none]
                else:
                    hidden = mask[top + y + held, left + start : left + stop]
                    for x in range(line.size):
                        if hidden[x]:
                            line[x] = means[_ring(y + held - center[0], start + x - center[1])]
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
def ring_sums(image, top, left, starts, stops, mask, center, bins, sums):
    """Add the pixels of one image to the sums of their bins, sums (4, 2 rings): four that do not wait for each other.

    The rest as in :func:`reduce_rows`.
    """
    nothing, computed = np.empty(0, np.bool_), np.empty(bins.shape[1], bins.dtype)
    for y in range(starts.size):
        start, stop = starts[y], stops[y]
        row = bins[y, start:stop] if y < bins.shape[0] else computed[start:stop]
        if y >= bins.shape[0]:
            hidden = mask[top + y, left + start : left + stop] if mask.size else nothing
            _row_bins(y - center[0], start - center[1], hidden, sums.shape[1] // 2, row)
        pixels = image[top + y, left + start : left + stop]
        for x in range(pixels.size):
            sums[(start + x) & 3, np.uint32(row[x])] += pixels[x]


@_compiled
def _angle(dy, dx):
    """atan2(dy, dx) in a form that goes through vector registers; Cephes' atan, to rounding."""
    small, large = min(abs(dx), abs(dy)), max(abs(dx), abs(dy), 1e-300)
    low = small <= 0.41421356237309505 * large  # tan(π / 8)
    t = (small if low else small - large) / (large if low else small + large)
    z = t * t
    top = -6.485021904942025371773e1 + z * (-1.228866684490136173410e2 + z * (-7.500855792314704667340e1 + z * (
        -1.615753718733365076637e1 + z * -8.750608600031904122785e-1)))  # fmt: skip
    bottom = 1.945506571482613964425e2 + z * (4.853903996359136964868e2 + z * (4.328810604912902668951e2 + z * (
        1.650270098316988542046e2 + z * (2.485846490142306297962e1 + z))))  # fmt: skip
    angle = t + t * z * top / bottom + (0.0 if low else np.pi / 4)
    angle = np.pi / 2 - angle if abs(dy) > abs(dx) else angle
    angle = np.pi - angle if dx < 0 else angle
    return -angle if dy < 0 else angle


@_compiled
def spread_rings(center, first_row, first_cols, counts, skip, angles, extent, width, kernel, lowest, sums):
    """Spread pixels of a disk, each as a one, to sums of their ring: sums (rings, padded θ, radii from lowest[ring]).

    Row y of the disk's lattice holds counts[y] pixels from column first_cols[y] on, less those from skip[0, y] to
    skip[1, y]. `kernel` (powers, at least `width`) begins with the highest power, filled up with zeros to three powers
    a step and to a multiple of six columns; `extent` is the grid's step along r in pixels.
    """
    pad, half = width // 2 + 1, width / 2
    wide = sums.shape[2]
    # A run of pixels goes through each step together, so that no step waits for the one before it.
    run = 64
    theta, radius, values = np.empty(run), np.empty(run), np.empty(run)
    begin, inside = np.empty(run, np.int64), np.zeros((2, run))
    weights = np.zeros((2, kernel.shape[1], run), sums.dtype)
    flat = sums.reshape(sums.size)
    # Strip by strip of columns: the sums that neighbours touch stay in the nearest cache.
    for left in range(first_cols.min(), (first_cols + counts).max(), run):
        for y in range(counts.size):
            dy = first_row + y - center[0]
            for side in range(2):
                x = max(left, first_cols[y] if side == 0 else skip[1, y])
                held = min(left + run, skip[0, y] if side == 0 else first_cols[y] + counts[y]) - x
                if held <= 0:
                    continue
                from_center = x - center[1]
                for p in range(run):
                    dx = from_center + p
                    radius[p] = np.sqrt(dy * dy + dx * dx)
                    theta[p] = _angle(dy, dx) * (angles / (2 * np.pi))
                for p in range(held):
                    ring = int(radius[p] + 0.5)
                    at_theta, at_r = theta[p] if theta[p] >= 0 else theta[p] + angles, radius[p] / extent - 0.5
                    first_theta, first_r = np.ceil(at_theta - half), np.ceil(at_r - half)
                    begin[p] = (
                        (ring * sums.shape[1] + int(first_theta) + pad) * wide + int(first_r) + pad - lowest[ring]
                    )
                    inside[0, p], inside[1, p] = first_theta - at_theta + half, first_r - at_r + half
                for axis in range(2):
                    at = inside[axis]
                    for n in range(width):
                        values[:] = kernel[0, n]
                        for power in range(1, kernel.shape[0], 3):
                            one, two, three = kernel[power, n], kernel[power + 1, n], kernel[power + 2, n]
                            for p in range(run):
                                values[p] = ((values[p] * at[p] + one) * at[p] + two) * at[p] + three
                        weights[axis, n] = values
                for p in range(held):
                    for part in range(0, kernel.shape[1], 6):  # six, the usual width, stay in registers
                        a, b, c = weights[1, part, p], weights[1, part + 1, p], weights[1, part + 2, p]
                        d, e, f = weights[1, part + 3, p], weights[1, part + 4, p], weights[1, part + 5, p]
                        for i in range(width):
                            weight = weights[0, i, p]
                            start = begin[p] + i * wide + part
                            line = flat[start : start + 6]
                            line[0] += weight * a
                            line[1] += weight * b
                            line[2] += weight * c
                            line[3] += weight * d
                            line[4] += weight * e
                            line[5] += weight * f


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
