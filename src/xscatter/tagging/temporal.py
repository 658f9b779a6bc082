"""The temporal network of a tagger, run on frames that were tagged, as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from scipy.special import expit

from xscatter.core.errors import UserError
from xscatter.networks.run import SequenceNetwork
from xscatter.sequences.features import Embedder
from xscatter.sequences.naming import Answer, Naming
from xscatter.sequences.stream import Reduced
from xscatter.store.bundle import Bundle, read_network
from xscatter.tagging.tagger import Tagger

LEAST = 1e-6  # probability: logits of certain answers are finite
_ALONE = 0.5  # probability of a report without the scan, where no other threshold is known
_DIGITS = 4  # of probabilities: what is beyond depends on how many frames are tagged together


class StreamedNetwork(Protocol):
    """A temporal network, however it is run."""

    def start(self) -> np.ndarray:
        """Return the state before the first frame."""

    def push(self, features: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logits (T, outputs) of the next frames, and the state after them."""


def logits_of(probability: np.ndarray) -> np.ndarray:
    """Return the log odds of probabilities as features have them; NaN is 0."""
    p = np.clip(np.nan_to_num(probability, nan=0.5), LEAST, 1 - LEAST)
    return np.log(p / (1 - p))


class TemporalNamer:
    """The answers of a temporal network to the frames of one sequence after the other.

    Args:
        bundle: description of a tagger with a temporal network.
        network: ready to be run.
    """

    def __init__(self, bundle: Bundle, network: StreamedNetwork):
        assert bundle.sequence is not None
        own = self._own = bundle.sequence
        self._network = network
        threshold = own.column("threshold")
        alarm = _ALONE if own.alarm_threshold is None else own.alarm_threshold
        self._naming = Naming(
            list(own.processes),
            [one["family"] for one in own.processes.values()],
            list(own.families),
            threshold,
            alarm,
            own.sha256,
        )
        self._slope, self._offset = own.column("slope"), own.column("offset")
        self._memory = network.start()
        self._embedder: Embedder | None = None

    @classmethod
    def of(cls, tagger: Tagger | None) -> TemporalNamer | None:
        """Return the temporal network in the folder of a tagger, or None if it has none.

        Raises:
            UserError: it is damaged.
        """
        if tagger is None or tagger.bundle.sequence is None:
            return None
        own = tagger.bundle.sequence
        try:
            network = SequenceNetwork(read_network(tagger.folder, own))
        except ValueError as error:
            path = tagger.folder / own.file
            raise UserError(f"{path}: {error}; make the tagger again") from error
        return cls(tagger.bundle, network)

    def start(self, live: np.ndarray) -> None:
        """Begin a sequence, with the number of live pixels (rings, sectors) of each cell."""
        self._memory, self._embedder = self._network.start(), Embedder(live)

    def answer(self, reduced: Reduced, z: Sequence[float], time: float | None) -> Answer:
        """Return the answer of the network to the next frame.

        Args:
            reduced: the frame, with its logits.
            z: significance of a change at each scale of the scan.
            time: in seconds, or None.
        """
        assert self._embedder is not None
        assert reduced.sums is not None
        assert reduced.logits is not None
        features = self._embedder.push(reduced.sums, z, reduced.center, time, reduced.logits)
        rows, self._memory = self._network.push(features[None], self._memory)
        number = len(self._naming.processes)
        active, onset, _, families = np.split(rows[0], [number, 2 * number, 3 * number])
        active = expit(self._slope * active.astype(float) + self._offset)
        return Answer(
            self._naming,
            np.round(active, _DIGITS),
            np.round(expit(onset.astype(float)), _DIGITS),
            np.round(expit(families.astype(float)), _DIGITS),
        )

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on, as plain values and arrays."""
        embedder = None if self._embedder is None else self._embedder.state()
        return {"model": self._own.sha256, "memory": self._memory, "embedder": embedder}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`.

        Raises:
            UserError: it is of another network.
        """
        if state["model"] != self._own.sha256:
            raise UserError(
                "began with another network for processes; choose another file with --processes, "
                "or the tagger it began with"
            )
        self._memory = state["memory"]
        embedder = state["embedder"]
        self._embedder = None if embedder is None else Embedder.from_state(embedder)
