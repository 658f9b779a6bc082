"""The answer of a tagger for one frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xscatter.scores.groups import given
from xscatter.tags import INDEX, with_implied


@dataclass(frozen=True)
class Tagged:
    """The tags of one frame, as :meth:`Tagger.predict` yields them.

    Attributes:
        source: name of its file.
        index: its number in the file.
        view: the network that answered: "image", "coefficient" or "joint"; None: none could.
        model: the first digits of the SHA-256 of that network's file, which ``tagger.json`` names.
        probability: calibrated probability of each tag, (T,); NaN where no network could answer.
        tags: names of the tags whose probability reaches their threshold, and of what these imply;
            the most probable first.
        center: beam centre (row, column) in pixels of the frame, or None.
        center_from: "user", "poni", "header", "estimate", or None.
        confidence: 0 to 1, of the beam centre.
        note: why the best network did not answer, or why none could; that a beam centre given by
            the user is outside the frame.
        failed: whether the frame could not be read.
        content: hash of the frame as it was read, where a source is followed; else "".

    Example:
        >>> from xscatter.tagging import Tagged
        >>> tagged = Tagged("frame.cbf", 0, view="image", tags=("ring", "diffuse low-q"))
        >>> "ring" in tagged.tags
        True
    """

    source: str
    index: int
    view: str | None = None
    model: str | None = None
    probability: np.ndarray = field(default_factory=lambda: np.zeros(0))
    tags: tuple[str, ...] = ()
    center: tuple[float, float] | None = None
    center_from: str | None = None
    confidence: float = 0.0
    note: str = ""
    failed: bool = False
    content: str = ""


def given_tags(
    names: Sequence[str],
    probability: np.ndarray,
    threshold: np.ndarray,
    groups: Sequence[np.ndarray] = (),
) -> tuple[str, ...]:
    """Return the tags that a frame is given, the most probable first.

    These are the tags whose probability reaches the threshold, of exclusive ones the most probable,
    and what they imply: a 4-fold ring is a ring.

    Args:
        names: of all tags, T.
        probability: (T,), calibrated.
        threshold: (T,).
        groups: columns of each group of exclusive tags.
    """
    chosen = given(probability[None], threshold, groups)[0]
    reached = {name for name, some in zip(names, chosen, strict=True) if some}
    true = reached | with_implied(reached & INDEX.keys())
    order = np.argsort(-probability, kind="stable")
    return tuple(names[t] for t in order if names[t] in true)
