"""Poisson counts of a whole image, exact and fast.

A Poisson variable of mean a + b is the sum of independent ones of means a and b. A mean below 64
is split into a multiple of 1/16, whose distribution is tabulated (alias method, Walker 1977;
Vose 1991), and a rest below 1/16, which is nearly always 0; a mean below 4096 also into a
tabulated multiple of 64; larger means use the transformed rejection of Hörmann (1993), as NumPy
does. Random bits come from xoshiro256++ (Blackman & Vigna 2021). Tables hold probabilities to 2⁻³².
"""

import math
from functools import cache

import numpy as np

from xscatter.core.compiled import compiled

FINE = 1024  # tables of means 0, 1/16, 2/16 ... below 64
COARSE = 64  # tables of means 0, 64, 128 ... below 4096


@cache
def tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the alias tables of all tabulated means, made once in a process.

    Returns:
        Begin (n + 1,) of each table, its first value (n,), threshold and alias (total,).
    """
    means = np.concatenate([np.arange(FINE) / 16.0, np.arange(COARSE) * 64.0])
    log_factorial = np.cumsum(np.log(np.maximum(np.arange(6000), 1)))
    begin, first, threshold, alias = [0], [], [], []
    for mean in means:
        spread = 9.0 * math.sqrt(mean) + 12.0
        low = max(0, int(mean - spread)) if mean > 30 else 0
        values = np.arange(low, int(mean + spread) + 1) if mean > 0 else np.arange(1)
        chance = (
            np.exp(values * math.log(mean) - mean - log_factorial[values])
            if mean > 0
            else np.ones(1)
        )
        cut, other = _alias(chance / chance.sum())
        first.append(low)
        threshold.append(cut)
        alias.append(other)
        begin.append(begin[-1] + len(values))
    return (
        np.array(begin, np.int64),
        np.array(first, np.int64),
        np.concatenate(threshold),
        np.concatenate(alias),
    )


def _alias(chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    threshold, other = _pair(chance * len(chance))
    return np.minimum(threshold * 2.0**32, 2.0**32 - 1).astype(np.uint32), other.astype(np.uint16)


@compiled(fastmath=None)
def _pair(scaled):
    """Let each value below 1 be filled up by one above; return thresholds and partners."""
    n = len(scaled)
    threshold, other = np.ones(n), np.arange(n)
    small, large = np.empty(n, np.int64), np.empty(n, np.int64)  # stacks, and their heights
    few, many = 0, 0
    for i in range(n):
        if scaled[i] < 1:
            small[few] = i
            few += 1
        else:
            large[many] = i
            many += 1
    while few and many:
        few -= 1
        many -= 1
        less, more = small[few], large[many]
        threshold[less], other[less] = scaled[less], more
        scaled[more] -= 1 - scaled[less]
        if scaled[more] < 1:
            small[few] = more
            few += 1
        else:
            large[many] = more
            many += 1
    return threshold, other


@compiled
def _random_bits(state, out):
    """Fill `out` with random bits of xoshiro256++; `state` (4,) is advanced."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    for i in range(len(out)):
        total = s0 + s3
        out[i] = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
        t = s1 << np.uint64(17)
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3


@compiled
def _rejection(state, mean):
    """Hörmann (1993), algorithm PTRS, for means of 10 and more."""
    bits = np.empty(2, np.uint64)
    root = math.sqrt(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        _random_bits(state, bits)
        u = (np.int64(bits[0] >> np.uint64(11)) + 0.5) * 2.0**-53 - 0.5
        v = (np.int64(bits[1] >> np.uint64(11)) + 0.5) * 2.0**-53
        s = 0.5 - abs(u)
        k = np.int64(math.floor((2 * a / s + b) * u + mean + 0.43))
        if s >= 0.07 and v <= v_r:
            return k
        if k < 0 or (s < 0.013 and v > s):
            continue
        if math.log(v * inverse / (a / (s * s) + b)) <= k * math.log(mean) - mean - math.lgamma(
            k + 1
        ):
            return k


@compiled
def _fill(counts, expected, live, largest, state, begin, first, threshold, alias):
    rows, cols = expected.shape
    bits = np.empty(3 * cols, np.uint64)
    half = np.uint64(32)
    low_half = np.uint64(0xFFFFFFFF)
    for r in range(rows):
        # Three words of bits for each pixel, used or not: one pass without a branch makes them.
        _random_bits(state, bits)
        for c in range(cols):
            if not live[r, c]:
                counts[r, c] = np.uint32(0xFFFFFFFF)
                continue
            mean = np.float64(expected[r, c])
            count = np.int64(0)
            if mean >= 4096.0:
                counts[r, c] = min(_rejection(state, mean), largest)
                continue
            if mean >= 64.0:
                table = np.int64(mean * (1 / 64.0))
                mean -= table * 64.0
                table += FINE
                word = bits[c]
                start = begin[table]
                slot = np.int64(((word >> half) * np.uint64(begin[table + 1] - start)) >> half)
                chosen = (
                    slot
                    if np.uint32(word & low_half) < threshold[start + slot]
                    else np.int64(alias[start + slot])
                )
                count += first[table] + chosen
            table = np.int64(mean * 16.0)
            mean -= table * (1 / 16.0)
            if table > 0:
                word = bits[cols + c]
                start = begin[table]
                slot = np.int64(((word >> half) * np.uint64(begin[table + 1] - start)) >> half)
                chosen = (
                    slot
                    if np.uint32(word & low_half) < threshold[start + slot]
                    else np.int64(alias[start + slot])
                )
                count += first[table] + chosen
            u = (np.int64(bits[2 * cols + c] >> np.uint64(11)) + 0.5) * 2.0**-53
            # exp(-mean) is never below 1 - mean: only here can the rest exceed 0.
            if u >= 1.0 - mean:
                chance = math.exp(-mean)
                k = 0
                while u >= chance and k < 60:
                    u -= chance
                    k += 1
                    chance *= mean / k
                count += k
            counts[r, c] = min(count, largest)


def poisson_counts(
    expected: np.ndarray,
    live: np.ndarray,
    largest: int,
    sequence: np.random.SeedSequence,
    out: np.ndarray,
) -> np.ndarray:
    """Fill an image with Poisson counts, and return it.

    Args:
        expected: (rows, cols) float32, their mean.
        live: (rows, cols) bool; other pixels get the largest value of the type.
        largest: counts are cut here.
        sequence: seed of the noise.
        out: (rows, cols) uint32, filled.
    """
    state = sequence.generate_state(4, np.uint64)
    _fill(out, expected, live, largest, state, *tables())
    return out
