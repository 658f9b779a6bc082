"""The compiled inner loops.

On the grids, LANES images go through together: the numbers of all at one point lie side by side, so
that one weight, loaded once, serves sixteen images in one vector register (AVX-512), or two or
four.

Common arguments: `top` and `left` are the corner of the window in the image; row y of the window
has its columns starts[y] to stops[y] in the disk; `mask` (rows, cols) of the image, True = not
live, or NO_MASK; `center` is the beam centre, counted from the corner of the window; `bins` are
those of :func:`find_bins`.
"""

import numpy as np

from xscatter.core.compiled import compiled

LANES = 16
# In place of a mask: all pixels are live. In place of bins: they are computed.
NO_MASK, NO_BINS = np.empty((0, 0), bool), np.empty((0, 0), np.int16)


# The compiler may reorder sums, but must not assume that there is no NaN and no infinity: those
# mark bad pixels, and :func:`finite` looks for them.
_compiled = compiled(fastmath=("reassoc", "contract", "nsz", "arcp"))


def plain(values: np.ndarray) -> np.ndarray:
    """Return `values` in a type that compiled loops know; detectors' files often hold others.

    float16 and long double become float64; the byte order becomes native.
    """
    if (
        values.dtype.isnative
        and values.dtype.itemsize in (1, 2, 4, 8)
        and values.dtype != np.float16
    ):
        return values
    return values.astype(np.float64 if values.dtype.kind == "f" else values.dtype.newbyteorder("="))


@_compiled
def spread(source, index, theta, radius, along_theta, along_r, grid):
    """Spread points onto the polar grid: the step that most of the time goes into.

    Args:
        source: (m, LANES) numbers of LANES images at each point of the square grid.
        index: (n,) row of `source` of each point that is spread.
        theta: (n,) first angle that it reaches on the padded grid.
        radius: (n,) first radius that it reaches.
        along_theta: (n, width) weights along the angle.
        along_r: (n, width) weights along the radius.
        grid: (padded angles, padded radii, LANES), added to.
    """
    width = along_theta.shape[1]
    flat = grid.reshape(grid.shape[0], grid.shape[1] * LANES)
    block = np.empty(width * LANES, grid.dtype)
    for p in range(index.size):
        # The weights along r are multiplied once, not once for each angle. What is then added along
        # one angle is contiguous.
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
    """Interpolate from the polar grid to target (m, LANES): :func:`spread` transposed."""
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
    """Return the ring of a pixel: ring n holds those at a distance of n - 1/2 to n + 1/2 pixels."""
    return np.int32(np.sqrt(dy * dy + dx * dx) + 0.5)


@_compiled
def _row_bins(dy, dx, hidden, rings, bins):
    """Write the bins (n,) of pixels of one row, the first at (dy, dx) from the centre."""
    for x in range(bins.size):
        bins[x] = _ring(dy, dx + x)
    for x in range(hidden.size):
        bins[x] += rings * hidden[x]


@_compiled
def find_bins(top, left, starts, stops, mask, center, rings, bins):
    """Write the bin of each pixel of the first rows to bins (rows, cols).

    The bin of a live pixel is its ring; that of another is its ring plus `rings`. One number then
    says where a pixel is added up, and which mean replaces it.
    """
    nothing = np.empty(0, np.bool_)
    for y in range(bins.shape[0]):
        start, stop = starts[y], stops[y]
        hidden = mask[top + y, left + start : left + stop] if mask.size else nothing
        _row_bins(y - center[0], start - center[1], hidden, rings, bins[y, start:stop])


@_compiled
def fill_row(pixels, hidden, bins, dy, start, middle, means, line):
    """Copy pixels (n,) of one row to `line` (n,), with the mean of its ring for each that is not
    live.

    `hidden` (n,) is the mask of the row, or empty: all are live. `bins` (n,) are those of
    :func:`find_bins`, or empty: rings are computed, for a row `dy` below the centre whose pixels
    begin at column `start`, the centre being at column `middle`. means (rings + 1,).
    """
    none = means.size - 1
    for x in range(line.size):
        line[x] = pixels[x]
    if hidden.size:
        if bins.size:
            for x in range(line.size):
                if bins[x] >= none:
                    line[x] = means[bins[x] - none]
        else:
            for x in range(line.size):
                if hidden[x]:
                    line[x] = means[_ring(dy, start + x - middle)]


@_compiled
def fill_rows(image, top, left, starts, stops, mask, center, bins, means, target):
    """Copy the window of one image to target (rows, cols), not live pixels replaced; 0 off the
    disk.

    means (rings + 1,) are the means of its rings.
    """
    no_hidden, no_bins = np.empty(0, np.bool_), np.empty(0, bins.dtype)
    for y in range(starts.size):
        start, stop = starts[y], stops[y]
        pixels = image[top + y, left + start : left + stop]
        hidden = mask[top + y, left + start : left + stop] if mask.size else no_hidden
        known = bins[y, start:stop] if y < bins.shape[0] else no_bins
        target[y, :start] = 0
        target[y, stop:] = 0
        line = target[y, start:stop]
        fill_row(pixels, hidden, known, y - center[0], start, center[1], means, line)


@_compiled
def interleave(images, source):
    """Copy up to LANES images (n, pixels) to source (pixels, LANES)."""
    for p in range(images.shape[1]):
        for n in range(images.shape[0]):
            source[p, n] = images[n, p]


@_compiled
def finite(image):
    """Return whether no pixel of `image` (rows, cols) is NaN or infinite."""
    for y in range(image.shape[0]):
        line = image[y]
        nothing = image.dtype.type(0)
        for x in range(line.size):  # zero times infinity is NaN, which stays in the sum
            nothing += line[x] * image.dtype.type(0)
        if nothing != 0:
            return False
    return True


@_compiled
def reduce_rows(image, top, left, starts, stops, first, weights, mask, center, bins, means, target):
    """Carry the rows of one image onto the rows of a coarser grid, target (grid rows, cols).

    Row y of the window goes to the rows from first[y] on, with weights[y] (taps,). Pixels that are
    not live are replaced by the mean of their ring, of means (rings + 1,). `bins` (rows, cols) may
    have fewer rows than the window: bins of the others are computed.
    """
    no_hidden, no_bins = np.empty(0, np.bool_), np.empty(0, bins.dtype)
    lines = np.zeros((4, target.shape[1]), target.dtype)
    factors = np.zeros((4, weights.shape[1]), target.dtype)
    target[:] = 0
    y = 0
    while y < starts.size:
        # Up to four rows that go to the same rows of the grid go together: the grid is read and
        # written once for all of them.
        low, high = target.shape[1], 0
        held = 0
        while held < 4 and y + held < starts.size and first[y + held] == first[y]:
            start, stop = starts[y + held], stops[y + held]
            low, high = min(low, start), max(high, stop)
            line = lines[held, start:stop]
            pixels = image[top + y + held, left + start : left + stop]
            lines[held, :start] = 0
            lines[held, stop:] = 0
            hidden = mask[top + y + held, left + start : left + stop] if mask.size else no_hidden
            known = bins[y + held, start:stop] if y + held < bins.shape[0] else no_bins
            fill_row(pixels, hidden, known, y + held - center[0], start, center[1], means, line)
            factors[held] = weights[y + held]
            held += 1
        factors[held:] = 0
        if low < high:
            one, two, three, four = (
                lines[0, low:high],
                lines[1, low:high],
                lines[2, low:high],
                lines[3, low:high],
            )
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
    """Add the pixels of one image to the sums of their bins, sums (4, 2 rings).

    Neighbours along a row are often in one ring. They go to four separate sums, so that an addition
    need not wait for the one before it. `bins` as in :func:`reduce_rows`.
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
