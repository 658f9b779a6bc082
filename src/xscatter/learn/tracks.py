"""A sequence as a training sees it: features, what happens, and changes of it that are physics."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xscatter import processes
from xscatter.scores.tracks import ONSET

_FAMILY = np.array([processes.FAMILIES.index(one.family) for one in processes.PROCESSES])
_REVERSE = np.array(
    [processes.INDEX[one.reverse] if one.reverse else -1 for one in processes.PROCESSES]
)
_INSTRUMENT = np.array([one.family == "instrument" for one in processes.PROCESSES])
# Events of the instrument without a reverse are not processes of their own backwards: beam comes
# and goes.
_SYMMETRIC = _INSTRUMENT & (np.array(processes.NAMES) != "flux step")
_LEAST_CHANGE = 0.3  # of X within a record, below which a process in it cannot be judged
_ZOOM = 0.3  # largest logarithm of a change of all radii
UNKNOWN = -1.0  # target of what cannot be judged


@dataclass(frozen=True)
class Track:
    """The frames of a sequence, and what happens in them.

    Attributes:
        features: (n, F).
        active: (n, P) whether a detectable process goes on.
        present: (P,) whether a process happens, detectable or not.
        progress: (n, P) X; NaN where a process is absent.
    """

    features: np.ndarray
    active: np.ndarray
    present: np.ndarray
    progress: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    def at(self, index: np.ndarray) -> "Track":
        """Return the track of some frames, in their order."""
        return replace(
            self,
            features=self.features[index],
            active=self.active[index],
            progress=self.progress[index],
        )

    @property
    def targets(self) -> np.ndarray:
        """Right answers of a network (n, 3 P + families): active, onset, progress, family.

        `UNKNOWN` where it cannot be judged: the progress of what does not go on, and processes of
        which too little is left in a part of a sequence.
        """
        active = self.active.astype(np.float32)
        # A process that goes on at the first frame has begun before the record.
        begins = np.diff(active, axis=0, prepend=active[:1]) > 0
        onset = np.zeros_like(active)
        for lag in range(min(ONSET, len(self))):
            onset[lag:] += begins[: len(self) - lag]
        onset = np.minimum(onset, active)
        shown = np.where(self.active, self.progress, np.nan)
        with np.errstate(invalid="ignore"):
            low, high = np.fmin.reduce(shown, axis=0), np.fmax.reduce(shown, axis=0)
            hidden = self.active.any(axis=0) & (high - low < _LEAST_CHANGE)
        # Faults and events of the instrument come and go at once.
        hidden &= ~_INSTRUMENT
        families = np.zeros((len(self), len(processes.FAMILIES)), np.float32)
        np.maximum.at(families.T, _FAMILY, active.T)
        for family in np.unique(_FAMILY[hidden]):
            families[:, family] = UNKNOWN
        progress = np.where(self.active, np.nan_to_num(self.progress), UNKNOWN)
        for values in (active, onset, progress):
            values[:, hidden] = UNKNOWN
        return np.concatenate([active, onset, progress, families], axis=1).astype(np.float32)


@dataclass(frozen=True)
class FeatureColumns:
    """Places of the groups of features.

    Attributes:
        sizes: number of columns of each group, in order.
    """

    sizes: Mapping[str, int]

    def __getitem__(self, name: str) -> slice:
        first = 0
        for group, size in self.sizes.items():
            if group == name:
                return slice(first, first + size)
            first += size
        raise KeyError(name)


def reversed_in_time(track: Track, columns: FeatureColumns) -> Track | None:
    """Return the track backwards, its processes renamed; None where one has no reverse.

    The significance of a change, which compares with earlier frames, is not known backwards: 0.

    Args:
        track: of a sequence.
        columns: of its features.
    """
    happens = track.present | track.active.any(axis=0)
    if (happens & (_REVERSE < 0) & ~_SYMMETRIC).any():
        return None
    name = np.where(_REVERSE >= 0, _REVERSE, np.arange(len(_REVERSE)))
    features = track.features[::-1].copy()
    features[:, columns["change z"]] = 0.0
    _step(features, track.features, columns)
    active, progress = np.zeros_like(track.active), np.full_like(track.progress, np.nan)
    # One to one: reverses are pairs.
    active[:, name] = track.active[::-1]
    # An event of the instrument is at X = 1 while it lasts, and comes back from it.
    progress[:, name] = np.where(_INSTRUMENT, track.progress, 1.0 - track.progress)[::-1]
    present = np.zeros_like(track.present)
    present[name] = track.present
    return Track(features, active, present, progress)


def _step(features: np.ndarray, before: np.ndarray, columns: FeatureColumns) -> None:
    """Write change of flux and time step of `features`, which are `before` backwards."""
    flux, step = columns["log flux change"], columns["log step"]
    features[0, flux] = 0.0
    features[1:, flux] = -before[:0:-1, flux]
    features[0, step] = 0.0
    features[1:, step] = before[:0:-1, step]


def thinned(track: Track, every: int, columns: FeatureColumns) -> Track:
    """Return every n-th frame: the same process, faster.

    Args:
        track: of a sequence.
        every: n.
        columns: of its features.
    """
    return _spaced(track.at(np.arange(0, len(track), every)), every, columns)


def summed(track: Track, together: int, columns: FeatureColumns) -> Track:
    """Return frames of several exposures: less noise, the same process faster.

    Args:
        track: of a sequence.
        together: frames that are summed.
        columns: of its features.
    """
    count = len(track) // together
    last = track.at(np.arange(together - 1, count * together, together))
    features = track.features[: count * together].reshape(count, together, -1).mean(axis=1)
    features[:, columns["log total"]] += np.log(together)
    # The scan has taken in all of them by the last one.
    features[:, columns["change z"]] = last.features[:, columns["change z"]]
    return _spaced(replace(last, features=features), together, columns)


def _spaced(track: Track, every: int, columns: FeatureColumns) -> Track:
    """Return the track with the change of flux and the time step of frames further apart."""
    features = track.features.copy()
    total, flux = columns["log total"], columns["log flux change"]
    features[:, flux] = np.diff(features[:, total], axis=0, prepend=features[:1, total])
    step = features[:, columns["log step"]]
    features[:, columns["log step"]] = np.where(step != 0, step + np.log(every), 0.0)
    return replace(track, features=features)


def with_gap(track: Track, first: int, length: int, columns: FeatureColumns) -> Track:
    """Return the track without some frames.

    Args:
        track: of a sequence.
        first: frame that is missing first, not the first of all.
        length: number of missing frames.
        columns: of its features.
    """
    kept = np.r_[0:first, first + length : len(track)]
    without = track.at(kept)
    features = without.features.copy()
    if first < len(features):
        total, flux, step = (columns[k] for k in ("log total", "log flux change", "log step"))
        features[first, flux] = features[first, total] - features[first - 1, total]
        known = track.features[first, step] != 0
        features[first, step] += np.where(known, np.log(length + 1), 0.0)
    return replace(without, features=features)


def zoomed(track: Track, factor: float, columns: FeatureColumns) -> Track:
    """Return the track as a detector `factor` times as far away sees it: all rings further out.

    Args:
        track: of a sequence.
        factor: of the radii; beyond the last radius its value is kept.
        columns: of its features.
    """
    features = track.features.copy()
    for name, size in columns.sizes.items():
        if name == "profile" or name.startswith("order "):
            place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, size - 1)
            lower = np.minimum(place.astype(int), size - 2)
            part = (place - lower).astype(np.float32)
            radial = track.features[:, columns[name]]
            features[:, columns[name]] = (1 - part) * radial[:, lower] + part * radial[:, lower + 1]
    return replace(track, features=features)


def changed(
    track: Track, window: int, random: np.random.Generator, columns: FeatureColumns
) -> Track:
    """Return the track as it might have been measured as well: a draw of all changes above.

    Args:
        track: of a sequence.
        window: most frames of it.
        random: of this step.
        columns: of its features.
    """
    draw = random.random(7)
    if draw[0] < 0.3 and len(track) >= 24:
        make = summed if draw[1] < 0.5 else thinned
        track = make(track, 2, columns)
    if draw[2] < 0.5:
        track = reversed_in_time(track, columns) or track
    if draw[6] < 0.5:
        track = zoomed(track, float(np.exp(random.uniform(-_ZOOM, _ZOOM))), columns)
    if draw[3] < 0.1 and len(track) > 16:
        first, length = int(random.integers(1, len(track) - 6)), int(random.integers(1, 6))
        track = with_gap(track, first, length, columns)
    # A part of the record: now and then of a short one, always of one that is too long.
    length = min(window, len(track))
    if draw[4] < 0.3:
        length = max(8, int(length * random.uniform(0.5, 1.0)))
    if length < len(track):
        first = int(random.integers(0, len(track) - length + 1))
        track = track.at(np.arange(first, first + length))
    if draw[5] < 0.25:  # the scan has just begun, or does not understand the noise
        features = track.features.copy()
        features[:, columns["change z"]] = 0.0
        track = replace(track, features=features)
    return track
