"""Simple methods to compare with, all on the same features: what a temporal network has to beat.

Each returns a score of every frame, from the frames up to it alone; `kernel_change_points` reads
the finished record. Thresholds are set at the same rate of false alarms for all
(:func:`xscatter.scores.processes.alarm_threshold`).
"""

from collections.abc import Mapping, Sequence

import numpy as np

_QUIET = 8  # first frames, which set the scale of a quantity
_SLACK = 0.5  # standard deviations of which a cumulated sum takes no notice: half a shift of 1
_COMPONENTS = 5
_STAYS = 0.98  # probability that a tag stays as it is from one frame to the next
_LOUDEST = 3.0  # logit beyond which a single frame says no more

# The tags that a process gives to a frame (+1) or takes from it (-1).
SIGNS: Mapping[str, Mapping[str, int]] = {
    "crystallisation": {"ring": 1, "halo": -1},
    "melting": {"ring": -1, "halo": 1},
    "ordering": {"higher orders": 1, "ring: broad": -1},
    "disordering": {"higher orders": -1, "ring: broad": 1},
    "phase separation": {"ring: broad": 1},
    "nucleation and growth": {"form factor": 1},
    "aggregation": {"diffuse low-q": 1},
    "superlattice assembly": {"structure factor": 1, "form factor": -1},
    "alignment": {"ring: anisotropic": 1, "ring: isotropic": -1},
    "relaxation": {"ring: anisotropic": -1, "ring: isotropic": 1},
    "broadening": {"ring: broad": 1, "ring: sharp": -1},
    "sharpening": {"ring: broad": -1, "ring: sharp": 1},
    "strain": {"oval ring": 1},
    "beam damage": {"ring": -1, "diffuse low-q": 1},
    "beam lost": {"blank": 1},
}


def groups(features: np.ndarray, columns: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return the groups of features (n, size) by name.

    Args:
        features: (n, F).
        columns: number of columns of each group, in order.
    """
    ends = np.cumsum(list(columns.values()))
    return dict(zip(columns, np.split(features, ends[:-1], axis=1), strict=True))


def frame_difference(profile: np.ndarray) -> np.ndarray:
    """Return the distance (n,) of each profile from the one before, at equal total.

    Args:
        profile: (n, radii).
    """
    root = np.sqrt(np.maximum(profile, 0) / np.maximum(profile.sum(axis=1, keepdims=True), 1e-12))
    return np.append(0.0, np.linalg.norm(np.diff(root, axis=0), axis=1))


def cumulated(values: np.ndarray, two_sided: bool = True) -> np.ndarray:
    """Return the cumulated sum (n,) of departures from the first frames (Page 1954).

    Args:
        values: (n,).
        two_sided: whether a fall counts as much as a rise.
    """
    first = values[:_QUIET]
    scale = 1.4826 * float(np.median(np.abs(first - np.median(first)))) + 1e-6
    departures = (values - np.median(first)) / scale
    rise = fall = 0.0
    sums = np.zeros(len(values))
    for n, departure in enumerate(departures):
        rise = max(rise + departure - _SLACK, 0.0)
        fall = max(fall - departure - _SLACK, 0.0)
        sums[n] = max(rise, fall) if two_sided else rise
    return sums


def scan_score(z: np.ndarray) -> np.ndarray:
    """Return the largest significance (n,) of the homogeneity scan, of `z` (n, scales)."""
    return z.max(axis=1)


def presence(logits: np.ndarray) -> np.ndarray:
    """Return the probability (n, T) that each tag is there, from all frames up to each.

    A hidden Markov model of two states, there or not, which seldom change (Rabiner 1989): one
    frame that is tagged otherwise does not turn it, a few do.

    Args:
        logits: (n, T) of single frames.
    """
    belief, beliefs = np.full(logits.shape[1], 0.5), np.zeros(logits.shape)
    for n, row in enumerate(np.clip(logits, -_LOUDEST, _LOUDEST)):
        expected = _STAYS * belief + (1 - _STAYS) * (1 - belief)
        odds = expected / (1 - expected) * np.exp(row)
        beliefs[n] = belief = odds / (1 + odds)
    return beliefs


def tags_alone(logits: np.ndarray, tags: Sequence[str], processes: Sequence[str]) -> np.ndarray:
    """Return the evidence (n, P) of frame tags for each process, by the signs of `SIGNS`.

    It is the mean over the tags of a process by how much each has become more, or less, likely to
    be there than in the first frames.

    Args:
        logits: (n, T).
        tags: names, T.
        processes: names, P; one without a rule, or without its tags, has no evidence.
    """
    place = {tag: t for t, tag in enumerate(tags)}
    scores = np.zeros((len(logits), len(processes)))
    there = presence(logits)
    number = np.minimum(np.arange(len(there)), _QUIET - 1)
    first = (np.cumsum(there, axis=0) / np.arange(1, len(there) + 1)[:, None])[number]
    for p, process in enumerate(processes):
        known = {tag: sign for tag, sign in SIGNS.get(process, {}).items() if tag in place}
        if known:
            columns, signs = [place[tag] for tag in known], np.array(list(known.values()))
            change = (there - first)[:, columns] @ signs / len(signs)
            scores[:, p] = np.maximum(change, 0)
    return scores


def kernel_change_points(profile: np.ndarray, penalty: float = 1.0) -> list[int]:
    """Return change points by KernelCPD of ruptures on principal components (Truong et al. 2020).

    Args:
        profile: (n, radii).
        penalty: for each change point.

    Raises:
        ImportError: the package ruptures is not installed.
    """
    import ruptures

    if len(profile) < 4:
        return []
    centred = profile - profile.mean(axis=0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2][:_COMPONENTS].T
    # Of fewer frames in a segment than two, the library would silently make two.
    return ruptures.KernelCPD(kernel="rbf", min_size=2).fit(scores).predict(pen=penalty)[:-1]
