"""How far the pattern of a stream has changed, on a scale from 0 (before) to 1 (now).

The patterns are kept as photons in rings and in sectors of groups of rings. Their change from the
frames before a process to the last ones is a direction; each frame's place along it is the weighted
sum with the least noise (a matched filter). Flux cancels: rings are fractions of the total, sectors
fractions of their group. Memory is bounded: when there are too many frames, pairs are added up.
"""

from typing import Any, NamedTuple

import numpy as np

from xscatter.sequences.polar import SECTORS, Sums, binned
from xscatter.sequences.residuals import GROUPS

MOST = 120  # patterns that are kept
QUIET = 40  # frames kept before a process


class Course(NamedTuple):
    """Places of the kept patterns along the change.

    Attributes:
        frame: (n,) mean number of the frames of each.
        place: (n,) 0 before the change, 1 at its last frames.
        sd: (n,) standard deviation of the place.
    """

    frame: np.ndarray
    place: np.ndarray
    sd: np.ndarray


class ChangeRecord:
    """The patterns of a stream since shortly before a process.

    Attributes:
        frames: (n,) numbers of the first and of the last frame of each pattern.
        counts: (n, cells) photons.
    """

    def __init__(self) -> None:
        self.frames = np.zeros((0, 2), int)
        self.counts = np.zeros((0, 0))
        self._together = 1

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        return {"frames": self.frames, "counts": self.counts, "together": self._together}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "ChangeRecord":
        """Return the record with this :meth:`state`."""
        record = cls()
        record.frames, record.counts = state["frames"], state["counts"]
        record._together = state["together"]
        return record

    def add(self, number: int, sums: Sums, quiet: bool) -> None:
        """Add a frame.

        Args:
            number: of the frame.
            sums: of the frame.
            quiet: no process goes on, so that only the last frames are of use.
        """
        cells = _cells(sums)
        last = len(self.frames) - 1
        if last >= 0 and self.frames[last, 1] - self.frames[last, 0] + 1 < self._together:
            self.frames[last, 1] = number
            self.counts[last] += cells
            return
        self.frames = np.concatenate([self.frames, [[number, number]]])
        self.counts = np.concatenate([self.counts.reshape(-1, len(cells)), cells[None]])
        if quiet:
            self.frames, self.counts = self.frames[-QUIET:], self.counts[-QUIET:]
        elif len(self.frames) > MOST:
            even = len(self.frames) // 2 * 2
            self.frames = np.column_stack([self.frames[:even:2, 0], self.frames[1:even:2, 1]])
            self.counts = self.counts[:even:2] + self.counts[1:even:2]
            self._together *= 2

    def forget(self) -> None:
        """Keep the last frames alone: they are what comes before the next process."""
        self.frames, self.counts = self.frames[-QUIET // 2 :], self.counts[-QUIET // 2 :]
        self._together = 1

    def course(self, begin: int, since: int, noise_factor: float) -> Course | None:
        """Return the places of all patterns; None if there is no change to measure.

        Args:
            begin: first frame of the process; at least one frame is taken to be before it.
            since: first of the last frames, at which the place is 1.
            noise_factor: variance of a quiet frame over that of photons alone; 0: these are no
                photons, and the noise is the scatter about neighbours.
        """
        before = self.frames[:, 1] < begin
        before[0] = True
        after = (self.frames[:, 0] >= since) & ~before
        if not after.any():
            return None
        shares, variance = _shares(self.counts)
        reference, now = (_shares(self.counts[some].sum(0)[None])[0][0] for some in (before, after))
        # The noise of a pattern that is typical of all, so that weights do not follow the noise.
        typical = _shares(self.counts.sum(0)[None])[1][0] * self.counts.sum()
        weight = np.where(typical > 0, (now - reference) / np.maximum(typical, 1e-300), 0.0)
        size = float(weight @ (now - reference))
        if size <= 0:
            return None
        place = (shares - reference) @ weight / size
        sd = np.sqrt(variance @ weight**2) / size
        # The scatter about neighbours, where a stream is noisier than its quiet frames were.
        bends = (place[1:-1] - (place[:-2] + place[2:]) / 2) / np.maximum(sd[1:-1], 1e-300)
        scatter = float(np.median(np.abs(bends)) / 0.6745 / np.sqrt(1.5)) if len(bends) else 0.0
        return Course(self.frames.mean(1), place, sd * max(np.sqrt(noise_factor), scatter))

    def moves(self, begin: int, since: int, noise_factor: float, part: float) -> bool:
        """Return whether the last frames still change, in any way, also in their total.

        The course is along one direction and blind to the total, of which the flux is a part.

        Args:
            begin: first frame of the process.
            since: first of the last frames; their first half is compared with their second.
            noise_factor: variance of a quiet frame over that of photons alone; 0: no photons.
            part: of the change so far, below which a change does not count.
        """
        first, last = self.frames[:, 0], self.frames[:, 1]
        before, window = last < begin, first >= since
        before[0] = True
        late = window & (self.frames.mean(1) >= (since + last[-1] + 1) / 2)
        early = window & ~late
        return self._total_moves(before, early, late, part) or (
            noise_factor > 0 and self._pattern_moves(before, early, late, noise_factor, part)
        )

    def _total_moves(self, before, early, late, part: float) -> bool:
        total = _rings(self.counts).sum(1) / (self.frames[:, 1] - self.frames[:, 0] + 1)
        bends = np.abs(total[1:-1] - (total[:-2] + total[2:]) / 2)
        scatter = float(np.median(bends)) / 0.6745 / np.sqrt(1.5) if len(bends) else 0.0
        moved = abs(total[late].mean() - total[early].mean())
        error = scatter * np.sqrt(1 / late.sum() + 1 / early.sum())
        so_far = abs(total[late | early].mean() - total[before].mean())
        return bool(so_far > 5 * scatter and moved > max(part * so_far, 2 * error))

    def _pattern_moves(self, before, early, late, noise_factor: float, part: float) -> bool:
        (one, a), (two, b) = (_shares(self.counts[half].sum(0)[None]) for half in (early, late))
        reference = _shares(self.counts[before].sum(0)[None])[0]
        variance = (a + b) * noise_factor
        moved = float(((two - one) ** 2 / variance).sum()) - one.size
        so_far = float((((one + two) / 2 - reference) ** 2 / variance).sum()) - one.size
        return moved > 4 * np.sqrt(2 * one.size) and moved > part**2 * so_far


def _rings(counts: np.ndarray) -> np.ndarray:
    """Return the photons of the rings."""
    return counts[:, : -GROUPS * SECTORS] if counts.shape[1] > GROUPS * SECTORS else counts


def _cells(sums: Sums) -> np.ndarray:
    """Return photons in rings and, of a frame, in sectors of groups of rings."""
    counts = np.where(sums.usable, sums.counts, 0.0)
    seen = sums.usable.sum(1, keepdims=True)
    # A cell that this frame lost has the mean of its ring, or it would look like a change; one that
    # no frame has, in a gap, has no counts.
    lost = np.where(seen > 0, counts.sum(1, keepdims=True) / np.maximum(seen, 1), 0.0)
    counts = np.maximum(np.where(sums.usable, counts, lost * sums.counts.astype(bool)), 0.0)
    rings = binned(counts.sum(1))
    if counts.shape[1] != SECTORS:
        return rings
    return np.concatenate([rings, counts.reshape(GROUPS, -1, SECTORS).sum(1).ravel()])


def _shares(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return fractions (n, cells) of the total and of each group, and their photon variances."""
    rings = _rings(counts)
    totals = [np.repeat(rings.sum(1, keepdims=True), rings.shape[1], axis=1)]
    if rings.shape != counts.shape:
        groups = counts[:, -GROUPS * SECTORS :].reshape(len(counts), GROUPS, SECTORS).sum(2)
        totals.append(np.repeat(groups, SECTORS, axis=1))
    total = np.maximum(np.concatenate(totals, 1), 1.0)
    return counts / total, np.maximum(counts, 0.5) / total**2
