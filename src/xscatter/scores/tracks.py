"""From probabilities of processes at each frame to segments: when each begins and ends."""

import numpy as np

from xscatter.scores.processes import Segment

ONSET = 8
"""Frames in which a process counts as one that has just begun."""

_BRIDGED = 2  # frames of doubt within one segment
_EARLY = 4  # frames by which a process has mostly begun before it can be told


def segments_of(
    sequence: int,
    active: np.ndarray,
    onset: np.ndarray,
    threshold: np.ndarray,
) -> list[Segment]:
    """Return the processes of a finished record.

    A process goes on while its probability is at its threshold. A frame at which it has just begun
    is at most `ONSET` frames from its first one, so the last such frame tells when that was.

    Args:
        sequence: number of the sequence.
        active: (n, P) probability that a process goes on.
        onset: (n, P) probability that it has begun within the last `ONSET` frames.
        threshold: (P,) of `active`.
    """
    segments = []
    for p in range(active.shape[1]):
        for first, last in _runs(active[:, p] >= threshold[p]):
            begin, low, high = _begin(onset[:, p], first, last)
            score = float(active[first:last, p].max())
            segments.append(Segment(sequence, p, begin, last, score, low=low, high=high))
    return segments


def _runs(above: np.ndarray) -> list[tuple[int, int]]:
    """Return first frame and first frame after each run, short interruptions bridged."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], above.astype(int), [0]])))
    runs: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] <= _BRIDGED:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def _begin(onset: np.ndarray, first: int, last: int) -> tuple[int, int, int]:
    """Return the frame at which a process began, and the first and last one at which it may have.

    Args:
        onset: (n,) probability that it has just begun.
        first: frame from which it is seen.
        last: first frame after it.
    """
    near = np.arange(max(first - ONSET, 0), min(first + ONSET, last))
    new = near[onset[near] >= 0.5]
    if first == 0:  # it goes on when the record begins
        return 0, 0, 0
    begin = int(new[-1]) - ONSET + 1 if len(new) else first - _EARLY
    begin = int(np.clip(begin, max(first - ONSET, 0), first))
    return begin, max(begin - _EARLY, 0), max(first, begin + _EARLY)
