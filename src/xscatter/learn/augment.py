"""Turn, mirror and shift training records, images and coefficients alike."""

from collections.abc import Sequence

import numpy as np

from xscatter.networks.run import network_input
from xscatter.records.constants import NOT_USABLE

UNKNOWN = -1.0
"""Label of a tag that no loss looks at."""

# Tags that a quarter turn turns into each other.
DIRECTIONS = (("ring: oriented in plane", "ring: oriented out of plane"),)


def quarter_turn(
    inputs: dict[str, np.ndarray], turns: np.ndarray, mirror: np.ndarray
) -> dict[str, np.ndarray]:
    """Turn each record by quarters as np.rot90 does, then mirror it left to right.

    The coefficients follow exactly: a quarter turn multiplies order m by e^{i m pi/2}, reversing
    the columns makes c into (-1)^m conj(c), whatever the beam centre, which moves with the image.

    Args:
        inputs: inputs of a network, (n, ...) each.
        turns: (n,) number of quarters.
        mirror: (n,) bool.
    """
    out = dict(inputs)
    if "image" in inputs:
        # One by one: records of a batch turn by different angles.
        image = np.empty_like(inputs["image"])
        for n, one in enumerate(inputs["image"]):
            turned = np.rot90(one, turns[n])
            image[n] = turned[:, ::-1] if mirror[n] else turned
        out["image"] = image
    if "coefficients" in inputs:
        c = inputs["coefficients"].view(np.complex64)[..., 0]
        orders = np.arange(c.shape[1])
        c = c * _turn(turns * (np.pi / 2), orders)
        out["coefficients"] = network_input(
            np.where(mirror[:, None, None], _mirrored(c, orders), c)
        )
    return out


def any_turn(
    inputs: dict[str, np.ndarray], angle: np.ndarray, mirror: np.ndarray
) -> dict[str, np.ndarray]:
    """Turn and mirror the coefficients of each record as np.rot90 does, by any angle.

    Args:
        inputs: `coefficients` (n, M, K, 2).
        angle: (n,) in radians.
        mirror: (n,) bool.
    """
    c = inputs["coefficients"].view(np.complex64)[..., 0]
    orders = np.arange(c.shape[1])
    c = c * _turn(angle, orders)
    return {"coefficients": network_input(np.where(mirror[:, None, None], _mirrored(c, orders), c))}


def _turn(angle: np.ndarray, orders: np.ndarray) -> np.ndarray:
    return np.exp(1j * angle[:, None] * orders)[..., None]


def _mirrored(c: np.ndarray, orders: np.ndarray) -> np.ndarray:
    # Reversing the columns maps θ to π - θ, which multiplies order m by (-1)^m and conjugates it.
    return np.where(orders[:, None] % 2, -1, 1) * c.conj()


def shifted(images: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Shift `images` (n, rows, cols) by whole pixels `by` (n, 2); new pixels are not usable."""
    out = np.full_like(images, NOT_USABLE)
    for n, (dy, dx) in enumerate(by):
        rows, cols = images.shape[1:]
        out[n, max(dy, 0) : rows + min(dy, 0), max(dx, 0) : cols + min(dx, 0)] = images[
            n, max(-dy, 0) : rows + min(-dy, 0), max(-dx, 0) : cols + min(-dx, 0)
        ]
    return out


def augmented(
    inputs: dict[str, np.ndarray],
    labels: np.ndarray,
    tags: Sequence[str],
    random: np.random.Generator,
    turn: bool,
    shift: float,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Turn, mirror and shift records at random, all inputs of a record alike.

    Coefficients without an image turn by any angle half of the time, and then the labels of tags
    that name a direction become `UNKNOWN`; a quarter turn exchanges them. A shift moves the beam
    within the image, and so leaves the coefficients as they are.

    Args:
        inputs: inputs of a network, (n, ...) each.
        labels: (n, T) 0 or 1.
        tags: names, T.
        random: source of all draws.
        turn: whether to turn and mirror.
        shift: largest shift as a fraction of the side; 0: none.
    """
    count = len(labels)
    mirror = random.random(count) < 0.5
    out = dict(inputs)
    if turn:
        # Quarter turns change the shape of an image that is not square; half turns do not.
        square = "image" not in inputs or inputs["image"].shape[1] == inputs["image"].shape[2]
        turns = random.integers(0, 4, count) if square else 2 * random.integers(0, 2, count)
        # Pixels of an image cannot be turned by any angle without interpolation, which would change
        # their noise; coefficients can, exactly.
        free = random.random(count) < (0.0 if "image" in inputs else 0.5)
        if "image" in inputs:
            out = quarter_turn(inputs, turns, mirror)
        else:
            out = any_turn(
                inputs,
                np.where(free, random.uniform(0, 2 * np.pi, count), turns * (np.pi / 2)),
                mirror,
            )
        # A mirror left to right keeps both directions, so only turns change labels.
        labels = turned_labels(labels, tags, turns, free)
    if shift and "image" in inputs:
        # Whole pixels only: a fraction would mix the noise of neighbours.
        most = round(shift * min(inputs["image"].shape[1:]))
        out["image"] = shifted(out["image"], random.integers(-most, most + 1, (count, 2)))
    return out, labels


def without_center(
    inputs: dict[str, np.ndarray], random: np.random.Generator, fraction: float
) -> dict[str, np.ndarray]:
    """Return inputs in which a random `fraction` of the beam centres is unknown: confidence 0.

    Inputs without a confidence are returned as they are. The coefficients stay: with confidence 0
    the joint network does not look at them.

    Args:
        inputs: inputs of a network, (n, ...) each.
        random: source of all draws.
        fraction: of the records.
    """
    if not fraction or "center_confidence" not in inputs:
        return inputs
    confidence = inputs["center_confidence"]
    unknown = random.random(len(confidence)) < fraction
    return {**inputs, "center_confidence": np.where(unknown, np.float32(0), confidence)}


def turned_labels(
    labels: np.ndarray, tags: Sequence[str], turns: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """Return the labels of turned records: in-plane and out-of-plane tags change places.

    Args:
        labels: (n, T) 0 or 1.
        tags: names, T.
        turns: (n,) number of quarters.
        free: (n,) bool, turned by any other angle: these tags become `UNKNOWN`.
    """
    labels = labels.copy()
    for pair in DIRECTIONS:
        if set(pair) <= set(tags):
            columns = np.array([list(tags).index(name) for name in pair])
            # Half a turn keeps both directions.
            odd = turns % 2 == 1
            labels[np.ix_(odd, columns)] = labels[np.ix_(odd, columns[::-1])]
            labels[np.ix_(free, columns)] = UNKNOWN
    return labels
