"""All figures of a test on sequences: the temporal network, and simple methods beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import processes
from xscatter.core.files import complete_file
from xscatter.core.provenance import run_record
from xscatter.scores import metrics
from xscatter.scores.processes import (
    STRATA,
    Segment,
    alarm_threshold,
    delays,
    false_alarms,
    matched,
    mean_precision,
    onsets,
    process_precision,
    segment_f1,
)

RATE = 1e-4  # false alarms a frame
_DRAWS = 300
_STRONG = STRATA[-1][0]
_SAMPLE = np.array([one.family != "instrument" for one in processes.PROCESSES])
_FAMILY = np.array([processes.FAMILIES.index(one.family) for one in processes.PROCESSES])
_AT = 0.25  # intersection over union of a segment that counts, of each process


@dataclass(frozen=True)
class SequenceTruth:
    """All that happens in the N sequences of a test.

    Attributes:
        labels: (N, P) whether each process is detectable.
        detectability: (N, P) D.
        true: segments of detectable processes; `sequence` is a place among the N.
        quiet: (N,) whether nothing happens to the sample, detectable or not.
        nuisance: (N,) the event of the instrument, or "none".
    """

    labels: np.ndarray
    detectability: np.ndarray
    true: Sequence[Segment]
    quiet: np.ndarray
    nuisance: Sequence[str]


@dataclass(frozen=True)
class Method:
    """Scores of one method.

    Attributes:
        scores: of each sequence, (n,), or (n, P) of a method that names.
        causal: whether the score of a frame depends on frames up to it alone.
        families: of each sequence (n, families), of a method that tells them by themselves.
    """

    scores: Sequence[np.ndarray]
    causal: bool = True
    families: Sequence[np.ndarray] | None = None

    @property
    def names(self) -> bool:
        """Whether it names processes."""
        return self.scores[0].ndim == 2

    def change(self) -> list[np.ndarray]:
        """Return the score (n,) that anything happens to the sample, for each sequence."""
        return [s[:, _SAMPLE].max(axis=1) if self.names else s for s in self.scores]


def evaluate_method(method: Method, tested: SequenceTruth, seed: int = 0) -> dict[str, Any]:
    """Return the figures of one method, plain values; None is not defined.

    Args:
        method: its scores.
        tested: the truth.
        seed: of the bootstrap over sequences.
    """
    entry: dict[str, Any] = {"names": method.names, "causal": method.causal}
    change = method.change()
    largest = np.array([score.max() for score in change])[:, None]
    happens = tested.labels[:, _SAMPLE].any(axis=1).astype(int)[:, None]
    strength = np.where(tested.labels > 0, tested.detectability, 0.0)[:, _SAMPLE]
    strength = np.nan_to_num(strength).max(axis=1)[:, None]
    entry["change"] = {
        "average_precision": _plain(process_precision(happens, largest, strength)[0, 0]),
        "by_detectability": {
            name: _plain(process_precision(happens, largest, strength, stratum)[0, 0])
            for name, stratum in _strata()
        },
    }
    if method.names:
        entry |= _named(method, tested, seed)
    entry["alarm"] = _alarm(method, tested, change)
    return entry


def _strata() -> list[tuple[str, tuple[float, float]]]:
    return [
        (f"{low:g}-{high:g}" if high < np.inf else f"{low:g}-", (low, high)) for low, high in STRATA
    ]


def _named(method: Method, tested: SequenceTruth, seed: int) -> dict[str, Any]:
    """Return the figures of a method that names processes."""
    scores = np.array([score.max(axis=0) for score in method.scores])
    labels, strength = tested.labels, tested.detectability
    drawn = process_precision(labels, scores, strength, draws=_DRAWS, seed=seed)
    means = mean_precision(drawn)
    by_family = {}
    for f, family in enumerate(processes.FAMILIES):
        members = np.flatnonzero(np.equal(_FAMILY, f))
        own = labels[:, members].max(axis=1)
        if method.families is None:
            score = scores[:, members].max(axis=1)
        else:
            score = np.array([one[:, f].max() for one in method.families])
        by_family[family] = _plain(metrics.average_precision(own, score))
    return {
        "mean_average_precision": _plain(means[0]),
        "interval": metrics.interval(means[1:], means[0]),
        "processes_that_occur": int(np.isfinite(drawn[0]).sum()),
        "by_detectability": {
            name: _plain(mean_precision(process_precision(labels, scores, strength, stratum))[0])
            for name, stratum in _strata()
        },
        "families": by_family,
    }


def _alarm(method: Method, tested: SequenceTruth, change: list[np.ndarray]) -> dict[str, Any]:
    """Return how late processes of the sample are reported at a fixed rate of false alarms."""
    null = [score for score, quiet in zip(change, tested.quiet, strict=True) if quiet]
    kinds = [kind for kind, quiet in zip(tested.nuisance, tested.quiet, strict=True) if quiet]
    frames = sum(map(len, null))
    # Of fewer frames, one false alarm is the least that can be asked for.
    rate = max(RATE, 1 / max(frames, 1))
    threshold = alarm_threshold(null, rate * (1 + 1e-9))
    true = [one for one in tested.true if _SAMPLE[one.process]]
    scores = method.scores
    if not method.names:
        # Any report counts.
        true = [Segment(s.sequence, 0, s.begin, s.end, seen=s.seen) for s in true]
        scores = [score[:, None] for score in scores]
    strong = [
        one
        for one, named in zip(true, (o for o in tested.true if _SAMPLE[o.process]), strict=True)
        if tested.detectability[named.sequence, named.process] >= _STRONG
    ]
    return {
        "rate": rate,
        "null_frames": frames,
        "threshold": _plain(threshold),
        **_delays(true, scores, threshold),
        "strong": _delays(strong, scores, threshold),
        "false_alarms": {k: _plain(v) for k, v in false_alarms(null, kinds, threshold).items()},
    }


def _delays(true: list[Segment], scores: Sequence[np.ndarray], threshold: float) -> dict[str, Any]:
    late = delays(true, scores, threshold)
    return {
        "reported": _plain(late.reported),
        "mean_delay": _plain(late.mean),
        "within": {str(limit): _plain(part) for limit, part in late.within.items()},
        "number": late.number,
    }


def evaluate_segments(
    tested: SequenceTruth,
    predicted: Sequence[Segment],
    probability: np.ndarray,
    threshold: Sequence[float],
    online: Sequence[np.ndarray],
    seed: int = 0,
) -> dict[str, Any]:
    """Return the figures of segments, of calibration and of each process, plain values.

    Args:
        tested: the truth.
        predicted: segments of all sequences.
        probability: (N, P) largest probability of each process in each sequence.
        threshold: (P,) of the probabilities.
        online: (n, P) probabilities of each sequence, frame by frame.
        seed: of the bootstrap over sequences.
    """
    labels, strength = tested.labels, tested.detectability
    drawn = process_precision(labels, probability, strength, draws=_DRAWS, seed=seed)
    pairs = matched(tested.true, predicted, _AT)
    each = {}
    for p, name in enumerate(processes.NAMES):
        true = [one for one in tested.true if one.process == p]
        guesses = [one for one in predicted if one.process == p]
        chosen = probability[:, p] >= threshold[p]
        precision, recall = metrics.precision_recall(labels[:, p], chosen)
        each[name] = {
            "positives": int(labels[:, p].sum()),
            "threshold": float(threshold[p]),
            "average_precision": _plain(drawn[0, p]),
            "interval": metrics.interval(drawn[1:, p], drawn[0, p]),
            "precision": precision,
            "recall": recall,
            "f1_25": _plain(segment_f1(true, guesses, _AT)),
            "onset_median": _plain(onsets(matched(true, guesses, _AT)).median),
            **_delays(true, online, threshold[p]),
        }
    reliable = metrics.reliability(labels, probability)
    return {
        "segments": {
            f"f1_{100 * at:.0f}": _plain(segment_f1(tested.true, predicted, at))
            for at in (0.1, 0.25, 0.5)
        },
        "onset": {k: _plain(v) for k, v in vars(onsets(pairs)).items()},
        "calibration": vars(reliable),
        "each": each,
    }


@dataclass(frozen=True)
class SequenceScores:
    """All scores of a test, as ``evaluation/sequence-scores.npz`` holds them.

    Attributes:
        numbers: of the sequences.
        tested: what happens in them.
        contrast: (P,) of each sequence.
        methods: the network, called "network", and simple methods beside it.
        onset: (n, P) of the network, for each sequence.
        progress: (n, P) of the network.
        segments: that the network reports.
        threshold: (P,) of the network.
    """

    numbers: Sequence[int]
    tested: SequenceTruth
    contrast: Sequence[np.ndarray]
    methods: dict[str, Method]
    onset: Sequence[np.ndarray]
    progress: Sequence[np.ndarray]
    segments: Sequence[Segment]
    threshold: Sequence[float]

    @property
    def active(self) -> Sequence[np.ndarray]:
        """(n, P) probabilities of the network, for each sequence."""
        return self.methods["network"].scores

    def write(self, path: str | Path) -> None:
        """Write as a compressed NumPy archive."""
        lengths = [len(one) for one in self.active]
        network = self.methods["network"]
        arrays = {
            "numbers": np.array(self.numbers, np.int32),
            "first": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
            "labels": self.tested.labels.astype(np.uint8),
            "detectability": self.tested.detectability.astype(np.float32),
            "contrast": np.array(self.contrast, np.float32),
            "spans": _table(self.tested.true, "begin", "end", "seen"),
            "segments": _table(self.segments, "begin", "end", "low", "high", "score"),
            "processes": np.array(processes.NAMES),
            "families": np.array(processes.FAMILIES),
            "active": np.concatenate(self.active).astype(np.float32),
            "onset": np.concatenate(self.onset).astype(np.float32),
            "progress": np.concatenate(self.progress).astype(np.float32),
            "family": np.concatenate(network.families or []).astype(np.float32),
        }
        for name, method in self.methods.items():
            if name != "network":
                arrays[f"baseline/{name}"] = np.concatenate(method.scores).astype(np.float32)
        with complete_file(path) as part, open(part, "wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def _table(segments: Sequence[Segment], *keys: str) -> np.ndarray:
    """Return segments as a structured array of numbers."""
    kinds = [(key, "f4" if key == "score" else "i4") for key in ("sequence", "process", *keys)]
    rows = [tuple(getattr(one, key) for key, _ in kinds) for one in segments]
    return np.array(rows, np.dtype(kinds))


def describe_sequences(scores: SequenceScores, seed: int) -> dict[str, Any]:
    """Return the content of ``evaluation/sequence.json``, plain values.

    Args:
        scores: of all methods.
        seed: of the bootstrap over sequences.
    """
    probability = np.array([one.max(axis=0) for one in scores.active])
    return {
        "view": "sequence",
        "sequences": len(scores.numbers),
        "frames": sum(map(len, scores.active)),
        "quiet_sequences": int(np.sum(scores.tested.quiet)),
        "processes": list(processes.NAMES),
        "families": list(processes.FAMILIES),
        "methods": {
            name: evaluate_method(method, scores.tested, seed)
            for name, method in scores.methods.items()
        },
        **evaluate_segments(
            scores.tested, scores.segments, probability, scores.threshold, scores.active, seed
        ),
        "run": run_record(),
    }


def _plain(value: float) -> float | None:
    """Return a number, or None where there is none."""
    return float(value) if np.isfinite(value) else None


def nuisance_of(present: Sequence[str]) -> str:
    """Return the first event of the instrument among processes that happen, or "none"."""
    acting = {one.name for one in processes.PROCESSES if one.family == "instrument"}
    return next((name for name in present if name in acting), "none")
