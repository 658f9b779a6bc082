"""Compiled loops of the renderer: each passes over the pixels of an image once.

`gain` (rows, cols) is -1 on masked pixels; `q_index` and `chi_index` (rows, cols) are places in the
tables of the experiment, between whose points all loops interpolate linearly.
"""

import numpy as np

from xscatter.core.compiled import compiled


@compiled
def compose(
    expected,
    q_index,
    chi_index,
    gain,
    radial,
    azimuth,
    stretch,
    plain,
    drift,
    extra,
    has_extra,
    dark,
    information,
    flux,
    sector_information,
    sector_flux,
):
    """One pass over the pixels. Families before `plain` have no stretch; family 0 has no azimuth.

    `azimuth` and `stretch` (angles + 1, families), `drift` (angles + 1,): shift of q_index.
    """
    rows, cols = expected.shape
    radii, families = radial.shape
    narrow = np.float32(len(sector_information) / (len(azimuth) - 1))  # sectors of a point
    value = np.empty(families, np.float32)  # R of each family, for the sums over sectors
    # Kept until λ of the pixel is known: A of each family, and the point of the table it falls on.
    weight = np.empty(families, np.float32)
    at = np.empty(families, np.int64)
    last = np.float32(radii - 1.001)  # so that point i + 1 is in the table, too
    zero = np.float32(0)
    for r in range(rows):
        for c in range(cols):
            g = gain[r, c]
            if g < zero:
                expected[r, c] = zero
                continue
            t = chi_index[r, c]
            j = np.int64(t)
            v = t - np.float32(j)
            q = q_index[r, c] + drift[j]
            x = min(max(q, zero), last)
            i = np.int64(x)
            u = x - np.float32(i)
            # Family 0 stands alone: many images have no other.
            total = radial[i, 0] + u * (radial[i + 1, 0] - radial[i, 0])
            nearest = np.int64(x + np.float32(0.5))
            for f in range(1, families):
                if f < plain:
                    k, w = i, u
                    at[f] = nearest
                else:
                    y = min(
                        max(q * (stretch[j, f] + v * (stretch[j + 1, f] - stretch[j, f])), zero),
                        last,
                    )
                    k = np.int64(y)
                    w = y - np.float32(k)
                    at[f] = np.int64(y + np.float32(0.5))
                a = azimuth[j, f] + v * (azimuth[j + 1, f] - azimuth[j, f])
                weight[f] = a
                value[f] = radial[k, f] + w * (radial[k + 1, f] - radial[k, f])
                total += a * value[f]
            if has_extra:
                total += extra[r, c]
            counts = g * total + dark
            expected[r, c] = counts
            # d'² of a component of profile p is Σ p² times this sum, without another pass.
            power = g * g / counts
            information[nearest, 0] += power
            flux[nearest, 0] += g
            sector = np.int64(t * narrow)
            for f in range(1, families):
                information[at[f], f] += power * weight[f] * weight[f]
                flux[at[f], f] += g * weight[f]
                sector_information[sector, f] += power * value[f] * value[f]
                sector_flux[sector, f] += g * value[f]


@compiled
def _sum_of_products(along, across, x, y):
    """Σ_l along_l(x) across_l(y), linear between the points of tables (points, terms)."""
    i, k = np.int64(x), np.int64(y)
    u, w = x - np.float32(i), y - np.float32(k)
    total = np.float32(0)
    for f in range(along.shape[1]):
        first = along[i, f] + u * (along[i + 1, f] - along[i, f])
        total += first * (across[k, f] + w * (across[k + 1, f] - across[k, f]))
    return total


@compiled
def plane(image, q_index, chi_index, cosine, sine, along, across, scale):
    """Add Σ_l along_l(x) across_l(y) to `image`; tables have q = 0 in their middle."""
    rows, cols = image.shape
    points = len(along)
    middle = np.float32((points - 1) // 2)
    last = np.float32(points - 1.001)
    for r in range(rows):
        for c in range(cols):
            j = np.int64(chi_index[r, c])
            x = min(max(q_index[r, c] * cosine[j] + middle, np.float32(0)), last)
            y = min(max(q_index[r, c] * sine[j] + middle, np.float32(0)), last)
            image[r, c] += _sum_of_products(along, across, x, y) * scale


@compiled
def fibre(image, q_index, chi_index, cosine, sphere, tilt, along, across):
    """As `plane`, x and y along and across a fibre: `sphere` is sin θ over q_index, `tilt` β."""
    rows, cols = image.shape
    points = len(along)
    middle = np.float32((points - 1) // 2)
    last = np.float32(points - 1.001)
    zero, one = np.float32(0), np.float32(1)
    upright, leaning = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    for r in range(rows):
        for c in range(cols):
            q = q_index[r, c]
            sine = min(q * sphere, one)
            x = q * (
                np.sqrt(one - sine * sine) * upright * cosine[np.int64(chi_index[r, c])]
                - sine * leaning
            )
            y = min(middle + np.sqrt(max(q * q - x * x, zero)), last)
            x = min(max(x + middle, zero), last)
            image[r, c] += _sum_of_products(along, across, x, y)


@compiled
def spots(image, rows, cols, intensity, radial_width, tangential_width, center_row, center_col):
    """Add Gaussian spots to `image`, each in a window of four standard deviations."""
    height, width = image.shape
    for n in range(len(rows)):
        wide = max(radial_width[n], tangential_width[n])
        reach = 4.0 * wide  # beyond lies exp(-8) of a spot
        first, last = max(0, int(rows[n] - reach)), min(height - 1, int(rows[n] + reach + 1))
        left, right = max(0, int(cols[n] - reach)), min(width - 1, int(cols[n] + reach + 1))
        drow, dcol = rows[n] - center_row, cols[n] - center_col
        length = max(np.sqrt(drow * drow + dcol * dcol), 1e-9)
        sine, cosine = drow / length, dcol / length
        peak = intensity[n] / (2 * np.pi * radial_width[n] * tangential_width[n])
        a, b = 0.5 / radial_width[n] ** 2, 0.5 / tangential_width[n] ** 2
        for r in range(first, last + 1):
            for c in range(left, right + 1):
                y, x = r - rows[n], c - cols[n]
                out, side = x * cosine + y * sine, y * cosine - x * sine
                image[r, c] += peak * np.exp(-(a * out * out + b * side * side))


@compiled
def modulate(expected, live, factor, dark):
    """Multiply what is above `dark` by `factor`; return Σ s²/λ and Σ |s| of the change s."""
    information, flux = 0.0, 0.0
    rows, cols = expected.shape
    for r in range(rows):
        for c in range(cols):
            if live[r, c]:
                before = np.float64(expected[r, c])
                s = (before - dark) * (factor[r, c] - 1.0)
                after = max(before + s, 0.0)
                expected[r, c] = after
                if after > 0:
                    information += s * s / after
                    flux += abs(s)  # the mean of the factor is 1: s alone would sum to nothing
    return information, flux


@compiled
def weighed_sum(image, gain):
    """Return the sum of `image` times `gain` over live pixels."""
    total = 0.0
    rows, cols = image.shape
    for r in range(rows):
        for c in range(cols):
            if gain[r, c] > 0:
                total += np.float64(image[r, c]) * gain[r, c]
    return total
