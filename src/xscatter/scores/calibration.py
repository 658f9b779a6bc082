"""From logits to probabilities and decisions, fitted on the validation set."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from xscatter.core.errors import UserError
from xscatter.core.files import write_json
from xscatter.scores.groups import columns_of_groups, single_logits

# A tag that the network has hardly learnt has its best F1 where nearly every image gets it. A tag
# that is right less than once in five times helps nobody.
LEAST_THRESHOLD = 0.2


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, np.float64)))


@dataclass(frozen=True)
class Calibration:
    """Per tag: probability = sigmoid(slope * logit + offset) (Platt 1999), and the threshold on it.

    In a group of exclusive tags the scaled logits go through one softmax; its tags have one slope.

    Attributes:
        tags: names, T.
        slope: (T,).
        offset: (T,).
        threshold: (T,) least probability at which a tag is given.
        temperature: the one divisor of all logits that fits best (Guo et al. 2017), for comparison.
        groups: names of the tags of each group; none in files of earlier versions.
    """

    tags: list[str]
    slope: list[float]
    offset: list[float]
    threshold: list[float]
    temperature: float
    groups: list[list[str]] = field(default_factory=list)

    @property
    def columns(self) -> list[np.ndarray]:
        """Columns of each group."""
        return columns_of_groups(self.tags, self.groups)

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (n, T)."""
        scaled = np.asarray(logits) * np.array(self.slope) + np.array(self.offset)
        return sigmoid(single_logits(scaled, self.columns))

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self), sealed=True)


def load(path: str | Path) -> Calibration:
    """Read what :meth:`Calibration.save` wrote.

    Raises:
        UserError: it is missing or is not such a file.
    """
    try:
        return Calibration(**json.loads(Path(path).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: no calibration ({error}); train the view again") from error


def fit(
    tags: list[str], labels: np.ndarray, logits: np.ndarray, least: float = LEAST_THRESHOLD
) -> Calibration:
    """Fit to `labels` (n, T), 0 or 1, and `logits` (n, T) of the validation set.

    A tag with fewer than five positives or negatives gets the common temperature and the
    threshold 0.5.

    Args:
        tags: names, T.
        labels: of the validation set.
        logits: of the network with its best weights.
        least: smallest threshold.
    """
    logits, groups = np.asarray(logits, np.float64), columns_of_groups(tags)
    temperature = _temperature(labels, logits, groups)
    slope, offset = np.full(len(tags), 1 / temperature), np.zeros(len(tags))
    fitted = [t for t in range(len(tags)) if _enough(labels[:, t])]
    for t in set(fitted) - set(np.concatenate([[], *groups]).astype(int).tolist()):
        slope[t], offset[t] = _platt(labels[:, t], logits[:, t], 1 / temperature)
    for group in groups:
        slope[group], offset[group] = _platt_of_group(
            labels[:, group], logits[:, group], 1 / temperature
        )
    probability = sigmoid(single_logits(logits * slope + offset, groups))
    threshold = np.full(len(tags), 0.5)
    for t in fitted:
        threshold[t] = _best_threshold(labels[:, t], probability[:, t], least)
    names = [[tags[column] for column in group] for group in groups]
    return Calibration(
        tags, slope.tolist(), offset.tolist(), threshold.tolist(), float(temperature), names
    )


def _enough(y: np.ndarray) -> bool:
    """Whether there are positives and negatives enough to fit two numbers to."""
    return min(y.sum(), len(y) - y.sum()) >= 5


def _temperature(labels: np.ndarray, logits: np.ndarray, groups: list[np.ndarray]) -> float:
    def loss(log_t: float) -> float:
        # The logarithm keeps the divisor positive.
        x = single_logits(logits * np.exp(-log_t), groups)
        return float(np.mean(np.logaddexp(0, x) - labels * x))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def _platt(y: np.ndarray, x: np.ndarray, first: float, prior: float = 3.0) -> tuple[float, float]:
    """Fit slope and offset with Platt's targets.

    The slope is drawn towards `first` by `prior` records, and never falls below a tenth of it.
    """
    positive, negative = y.sum(), len(y) - y.sum()
    # Targets short of 0 and 1, so that separable data do not drive the slope to infinity.
    target = np.where(y > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        z = p[0] * x + p[1]
        miss = sigmoid(z) - target
        value = np.sum(np.logaddexp(0, z) - target * z) + 0.5 * prior * (
            (p[0] / first - 1) ** 2 + p[1] ** 2
        )
        slope = np.sum(miss * x) + prior * (p[0] / first - 1) / first
        return float(value), np.array([slope, np.sum(miss) + prior * p[1]])

    # A negative slope would turn the order of the scores round.
    bounds = [(0.1 * first, None), (None, None)]
    return tuple(
        minimize(loss, np.array([first, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds).x
    )


def _platt_of_group(
    labels: np.ndarray, logits: np.ndarray, first: float, prior: float = 3.0
) -> tuple[float, np.ndarray]:
    """Fit one slope and the offsets (K,) of K exclusive tags to the softmax of them and "none".

    The slope is held as in :func:`_platt`; a tag that is too rare keeps the offset 0.
    """
    # The last class is "none", whose logit is 0.
    classes = np.concatenate([labels, 1 - labels.sum(axis=1, keepdims=True)], axis=1)
    free = np.array([_enough(y) for y in labels.T], float)

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        z = np.pad(p[0] * logits + p[1:] * free, ((0, 0), (0, 1)))
        total = np.logaddexp.reduce(z, axis=1, keepdims=True)
        miss = (np.exp(z - total) - classes)[:, :-1]
        value = np.sum(total[:, 0] - np.sum(classes * z, axis=1)) + 0.5 * prior * (
            (p[0] / first - 1) ** 2 + np.sum(p[1:] ** 2)
        )
        slope = np.sum(miss * logits) + prior * (p[0] / first - 1) / first
        return float(value), np.append(slope, np.sum(miss, axis=0) * free + prior * p[1:])

    start = np.append(first, np.zeros(logits.shape[1]))
    bounds = [(0.1 * first, None)] + [(None, None)] * logits.shape[1]
    p = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(p[0]), p[1:] * free


def _best_threshold(y: np.ndarray, probability: np.ndarray, least: float) -> float:
    """Return the threshold of the best F1, halfway to the next lower probability.

    It is at least `least`.
    """
    order = np.argsort(-probability, kind="stable")
    p = probability[order]
    hits = np.cumsum(y[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + y.sum())
    # A threshold cannot lie within a run of equal probabilities.
    f1[:-1][np.diff(p) == 0] = -1.0
    best = int(np.argmax(f1))
    # Halfway, so that rounding of a probability does not change the decision.
    below = p[best + 1] if best + 1 < len(p) else p[best]
    return float(np.clip((p[best] + below) / 2, least, 0.99))
