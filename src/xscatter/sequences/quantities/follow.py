"""Follow one ring through a stream: which ring, and how much of its surroundings is fitted.

If every frame chose alone, its noise would choose: now this ring and now that, now with a
neighbour's foot in the fit and now without, and values would scatter more than photons tell. The
sum of the last frames chooses instead, and the choice stays until the ring has changed.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from xscatter.sequences.quantities.peak import RingPeak, fit_ring
from xscatter.sequences.quantities.rings import Followed, Rings

FRAMES = 16  # that are summed, each with less weight than the one after it
_AGAIN = 16  # frames after which the choice is looked at again
_MOVED = 0.25  # of a width: then the fit needs other surroundings
_WIDER = 0.2  # change of the logarithm of the width, likewise
_KEPT = 0.6  # of the strength of the strongest ring, from which the old one is kept
_LOST = 0.5  # both, beyond three standard deviations, in one frame: this is another ring


class RingFollower:
    """The ring that is followed in one sequence."""

    def __init__(self) -> None:
        self._ring: RingPeak | None = None
        self._knee: float | None = None
        self._counts = self._live = np.zeros((0, 0))
        self._seen = self._next = 0

    def state(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        ring = self._ring
        return {
            "ring": None if ring is None else ring._asdict(),
            "knee": self._knee,
            "counts": self._counts,
            "live": self._live,
            "seen": self._seen,
            "next": self._next,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "RingFollower":
        """Return the follower with this :meth:`state`."""
        one = cls()
        if state["ring"] is not None:
            one._ring = RingPeak(**state["ring"])
        one._knee = state["knee"]
        one._counts, one._live = state["counts"], state["live"]
        one._seen, one._next = state["seen"], state["next"]
        return one

    def take(self, rings: Rings) -> Followed:
        """Take the next frame, and return what is to be measured in it."""
        counts, live = np.asarray(rings.counts, float), np.asarray(rings.live, float)
        if self._seen and counts.shape == self._counts.shape:
            self._counts = self._counts * (1 - 1 / FRAMES) + counts
            self._live = self._live * (1 - 1 / FRAMES) + live
            self._seen += 1
        else:
            self._begin(counts, live)
        if self._seen >= self._next or self._ring is None:
            with np.errstate(all="ignore"):
                self._choose(rings)
        return Followed(self._peak(rings), self._knee)

    def _peak(self, rings: Rings) -> RingPeak | None:
        """Return the ring of this frame; None if it shows none."""
        if self._ring is None:
            return None
        with np.errstate(all="ignore"):
            peak = fit_ring(rings.places, rings.intensity, rings.deviation, self._ring)
            if peak is not None and not self._lost(peak):
                return peak
            own = rings.strongest
        if own is None:
            return None
        # The pattern has changed at once: what was before it is of no use any more.
        self._begin(np.asarray(rings.counts, float), np.asarray(rings.live, float))
        self._ring, self._knee, self._next = own, None, 2
        return own

    def _begin(self, counts: np.ndarray, live: np.ndarray) -> None:
        self._counts, self._live, self._seen, self._next = counts, live, 1, 1

    def _choose(self, rings: Rings) -> None:
        """Look at the sum of the last frames, and keep the ring unless it has changed."""
        self._next = self._seen + min(max(self._seen // 2, 1), _AGAIN)
        summed = Rings(self._counts, self._live, rings.q, rings.in_q, poisson=rings.poisson)
        law = summed.guinier
        # A law that the last frames do not have any more is left to each frame.
        if law is None or self._knee is None or abs(np.log(law.knee / self._knee)) > _WIDER:
            self._knee = None if law is None else law.knee
        new, old = summed.strongest, self._ring
        if new is None or old is None:
            self._ring = new or old
            return
        if abs(new.position - old.position) > old.width:
            around = old.position - old.width, old.position + old.width
            same = replace(summed, ring_range=around).strongest
            if same is not None and _strength(summed, same) > _KEPT * _strength(summed, new):
                new = same
        moved = abs(new.position - old.position) / old.width
        if moved > _MOVED or abs(np.log(new.width / old.width)) > _WIDER:
            self._ring = new

    def _lost(self, peak: RingPeak) -> bool:
        ring = self._ring
        assert ring is not None
        position, width = np.sqrt(np.diag(peak.covariance)[:2]) / ring.width
        return bool(
            abs(peak.position - ring.position) / ring.width > _LOST + 3 * position
            or abs(np.log(peak.width / ring.width)) > _LOST + 3 * width
        )


def _strength(rings: Rings, ring: RingPeak) -> float:
    return float(rings.strength[np.argmin(np.abs(rings.places - ring.position))])
