"""Processes of a finished record: change points, joined where one process made several of them."""

from dataclasses import replace
from functools import reduce
from itertools import pairwise

import numpy as np
from scipy.special import chdtrc, ndtri

from xscatter.sequences.events import BEAM_LOST, UNKNOWN, ProcessSpan
from xscatter.sequences.evidence import Axis, compare
from xscatter.sequences.history import Block, BlockRecord
from xscatter.sequences.nuisances import compared, steadied
from xscatter.sequences.polar import Sums
from xscatter.sequences.segments import Cut, cuts, vectors_of

_SHORT = 8  # blocks between two change points of one process, at least
_ALIKE = 0.5  # cosine between changes of one process
_CHANCE = 1e-3  # that photons alone differ so much
_DONE = 0.02  # progress at which a process has begun, and from the end at which it has ended


def processes_of(
    history: BlockRecord,
    online: list[ProcessSpan],
    axis: Axis,
    frames: int,
    allowed: np.ndarray | None = None,
) -> list[ProcessSpan]:
    """Return the processes of a record, the earliest first.

    Args:
        history: the record.
        online: the processes that were found while frames arrived: what the record confirms keeps
            its time of detection, what it does not resolve is kept.
        axis: along the rings.
        frames: number of frames.
        allowed: largest squares (2,) of the moves of the beam in quiet frames; None: any.
    """
    # A block that is not full yet would have another noise than all others.
    blocks = [block for block in history.blocks if block.frames == history.together]
    spans = _spans(blocks, axis, frames, allowed) if blocks else []
    for one in online:
        near = [
            place
            for place, span in enumerate(spans)
            if span.family != "instrument" or one.family == "instrument"
            if one.begin <= span.end + _SHORT and span.begin <= one.end + _SHORT
        ]
        if one.process == BEAM_LOST or not near:
            spans.append(one)
            continue
        span = spans[near[0]]
        spans[near[0]] = replace(
            span,
            process=one.process,
            model=one.model,
            detected=min(span.detected, one.detected),
            probability=max(span.probability, one.probability),
        )
    return sorted(spans, key=lambda span: span.begin)


def _spans(
    blocks: list[Block], axis: Axis, frames: int, allowed: np.ndarray | None
) -> list[ProcessSpan]:
    vectors = vectors_of([block.sums for block in blocks], axis.weights, allowed)
    poisson = all(block.sums.poisson for block in blocks)
    photons = float(np.mean([block.sums.total for block in blocks])) if poisson else None
    spans = []
    for group, begin, end in _grouped(cuts(vectors, photons), vectors):
        before = _sum(blocks[begin : group[0].place])
        after = _sum(blocks[group[-1].place : end])
        if _by_chance(before, after, axis, allowed) < _CHANCE:
            spans.append(_span(blocks, vectors, group, (begin, end), axis, frames))
    return spans


def _by_chance(before: Sums, after: Sums, axis: Axis, allowed: np.ndarray | None) -> float:
    """Return the probability of such a difference of two sums of photons; 0 for other values.

    Square roots of few counts depend on the flux, so a step of it may look like a change point.
    """
    if not (before.poisson and after.poisson):
        return 0.0
    counts = steadied(after, before, allowed).counts
    values = compared(after, before, axis.weights, counts).values()
    chances = [chdtrc(max(np.count_nonzero(v), 1), float((v**2).sum())) for v in values]
    return len(chances) * min(chances)


def _grouped(points: list[Cut], vectors: np.ndarray) -> list[tuple[list[Cut], int, int]]:
    """Change points of one process together, with the borders of the quiet parts around it."""
    ends = [0, *(point.place for point in points), len(vectors)]
    parts = [vectors[a:b] for a, b in pairwise(ends)]
    means = [part.mean(axis=0) for part in parts]
    rest = sum(float(((part - mean) ** 2).sum()) for part, mean in zip(parts, means, strict=True))
    # Square of the error of each mean, which all products of means below contain.
    error = [rest / max(len(vectors) - len(parts), 1) / len(part) for part in parts]
    short = max(_SHORT, len(vectors) // 8)
    groups: list[list[int]] = []
    for k in range(len(points)):
        if groups and ends[k + 1] - ends[k] <= short:
            one, other = means[k] - means[k - 1], means[k + 1] - means[k]
            along = float(one @ other) + error[k]
            squares = (
                max(float(one @ one) - error[k - 1] - error[k], 0),
                max(float(other @ other) - error[k] - error[k + 1], 0),
            )
            if along > _ALIKE * np.sqrt(squares[0] * squares[1]):
                groups[-1].append(k)
                continue
        groups.append([k])
    return [([points[k] for k in g], ends[g[0]], ends[g[-1] + 2]) for g in groups]


def _span(
    blocks: list[Block],
    vectors: np.ndarray,
    group: list[Cut],
    borders: tuple[int, int],
    axis: Axis,
    frames: int,
) -> ProcessSpan:
    """The process that made a group of change points between two borders."""
    first, last = group[0].place, group[-1].place
    before, after = vectors[borders[0] : first], vectors[last : borders[1]]
    step = after.mean(axis=0) - before.mean(axis=0)
    progress = (vectors - before.mean(axis=0)) @ step / max(float(step @ step), 1e-300)
    begin, end = first, last
    least = max(_DONE, 2 * float(np.std(progress[borders[0] : first])))
    while begin > borders[0] and progress[begin - 1] > least:
        begin -= 1
    most = 1 - max(_DONE, 2 * float(np.std(progress[last : borders[1]])))
    while end < borders[1] and progress[end] < most:
        end += 1
    evidence = compare(_sum(blocks[borders[0] : first]), _sum(blocks[last : borders[1]]), axis)
    light = _total(blocks[last : borders[1]]) / max(_total(blocks[borders[0] : first]), 1e-300)
    probability = max(point.probability for point in group)
    words = f"{evidence.text}; total intensity {light - 1:+.1%}"
    z = -ndtri(max(probability, 1e-300))
    return ProcessSpan(
        UNKNOWN,
        evidence.family,
        max(1 - probability * len(blocks), 0.0),
        blocks[begin].first,
        blocks[min(group[0].low, begin)].first,
        blocks[group[0].high].last,
        blocks[end].first if end < len(blocks) else frames,
        end >= len(blocks),
        blocks[-1].last,
        f"{words} (z {z:.1f}, {len(group)} change point{'s' * (len(group) > 1)})",
    )


def _sum(blocks: list[Block]) -> Sums:
    return reduce(Sums.plus, (block.sums for block in blocks))


def _total(blocks: list[Block]) -> float:
    """Mean total of a frame."""
    return float(np.mean([block.sums.total / block.frames for block in blocks]))
